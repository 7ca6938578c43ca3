//! The environment that is brought up: production's shape, with as many services as wanted.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::cloud::{Cloud, REGION};
use crate::measure::{Measured, measure};

const HEAD: &str = "\
region: us-east-1
network: { cidr: 10.40.0.0/16, zones: 2, nat: per-zone }
secrets: { admin-pass: { generate: 32 }, database-url: given }
tags: { team: payments }
logs: { retention: 90 }
services:
";

/// A project's folder, and the tool's binary.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
    program: PathBuf,
    endpoint: String,
}

impl Shop {
    pub(crate) fn with(
        program: &Path,
        project: &str,
        services: usize,
        cloud: &Cloud,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("environments"))?;
        std::fs::write(
            folder.path().join("environments/prod.yaml"),
            environment(project, services)?,
        )?;
        // Nobody runs it, and pushing it takes no time.
        std::fs::write(folder.path().join("program"), image::Architecture::X86_64.placeholder())?;
        Ok(Self { folder, program: program.into(), endpoint: cloud.endpoint().into() })
    }

    /// What has to be there before the first `up`.
    pub(crate) fn set_secrets(&self) -> Result<()> {
        let mut command = self.command(&["secret", "set", "database-url"]);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(b"postgres://payments:secret@database/payments")?;
        }
        let ended = child.wait_with_output()?;
        if !ended.status.success() {
            return Err(String::from_utf8_lossy(&ended.stderr).into());
        }
        Ok(())
    }

    /// Runs a command and tells what it took.
    pub(crate) async fn measure(&self, cloud: &Cloud, arguments: &[&str]) -> Result<Measured> {
        cloud.take_calls();
        let (wall, memory) = measure(self.command(arguments)).await?;
        Ok(Measured { wall, memory, calls: cloud.take_calls() })
    }

    /// The tool, with no variables but its own.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .envs(local::variables(&self.endpoint, REGION))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// The environment's file.
fn environment(project: &str, services: usize) -> Result<String> {
    let mut text = format!("project: {project}\n{HEAD}");
    for number in 1..=services {
        let route = if number == 1 { "/*".to_owned() } else { format!("/s{number}/*") };
        write!(
            text,
            "  s{number}:
    build: {{ binary: program }}
    port: 8000
    route: \"{route}\"
    cpu: 512
    memory: 1024
    replicas: {{ min: 2, max: 6, cpu: 60 }}
    environment: {{ ADMIN_USER: admin }}
    secrets: {{ ADMIN_PASS: admin-pass, DATABASE_URL: database-url }}
    health: {{ path: /status }}
"
        )?;
    }
    Ok(text)
}
