//! A project in a folder of its own, the binary run in it, and what it said.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A project folder, which is also the home directory, so that nobody's own files matter.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

/// What one command said and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A good file for the environment `prod`.
pub(crate) const PROD: &str = "\
project: shop
region: us-east-1
services:
  api:
    image: ghcr.io/acme/api:1.0
    port: 8000
    route: \"/*\"
    secrets: { DATABASE_URL: database-url, TOKEN: token }
secrets: { database-url: given, token: { generate: 32 } }
";

/// The whole of it, as in production: NAT gateways, scaling, a given and a generated secret, and a worker.
pub(crate) const WHOLE: &str = "\
project: shop
region: us-east-1
network: { cidr: 10.40.0.0/16, zones: 2, nat: per-zone }
services:
  api:
    image: ghcr.io/acme/api:1.0
    port: 8000
    route: \"/*\"
    cpu: 256
    memory: 1024
    replicas: { min: 2, max: 6, cpu: 60 }
    secrets: { DATABASE_URL: database-url, TOKEN: token }
  worker:
    image: ghcr.io/acme/worker:1.0
    replicas: 1
    permissions: [{ actions: [\"s3:GetObject\"], resources: [\"*\"] }]
secrets: { database-url: given, token: { generate: 32 } }
logs: { retention: 30 }
";

impl Project {
    /// A folder without environments.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: BTreeMap::new() }
    }

    /// A folder with these environments: name, text.
    pub(crate) fn with(environments: &[(&str, &str)]) -> Self {
        let project = Self::empty();
        for (name, text) in environments {
            project.write(&format!("environments/{name}.yaml"), text);
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Every later command sees this variable.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The binary in this folder, with no variables but these, in a program's arguments.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("PROVISIONER_DOCKER", "off")
            .envs(&self.variables)
            .current_dir(self.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    /// Runs with this on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut started = self.start(arguments);
        // A command that wants no input may have ended already.
        let _ = started.0.stdin.take().unwrap().write_all(input);
        started.end()
    }

    /// Starts a command and does not wait for it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Started {
        let mut command = self.command(env!("CARGO_BIN_EXE_provisioner"));
        Started(command.args(arguments).stdin(Stdio::piped()).spawn().unwrap())
    }
}

/// A command under way.
pub(crate) struct Started(Child);

impl Started {
    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.send(rustix::process::Signal::INT);
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Ends it without giving it a chance, if it has not ended yet.
    pub(crate) fn kill(mut self) -> Run {
        if !self.is_over() {
            self.send(rustix::process::Signal::KILL);
        }
        self.end()
    }

    fn send(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits for it.
    pub(crate) fn end(self) -> Run {
        let output = self.0.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The standard output of a command that did its work.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The data of a command that did its work.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        self.json_of(0)
    }

    /// The data of a command that ended with this code.
    #[track_caller]
    pub(crate) fn json_of(self, code: i32) -> serde_json::Value {
        assert_eq!(self.code, code, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// All of it as one text, with what differs from run to run replaced.
    pub(crate) fn shown(&self, replaced: &[(&str, &str)]) -> String {
        let mut text = format!("exit code {}\n", self.code);
        for (title, said) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !said.is_empty() {
                text.extend(["--- ", title, "\n", said]);
            }
        }
        replaced.iter().fold(text, |text, (from, to)| text.replace(from, to))
    }
}

/// The repository that this crate is part of.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Waits for what the crates do.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}
