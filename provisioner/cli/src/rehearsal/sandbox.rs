//! Where a rehearsal happens: an emulator in a temporary folder, the strict cloud in front of it, and the
//! tool's own commands.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use local::{Docker, LocalCloud, Start};
use stack::environment::Environment;
use strict::{Config, Strict};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::copy::copy;
use super::timeline::Origin;
use crate::args::INSIDE;
use crate::failure::{Code, Failure};
use crate::report;
use crate::report::timeline::TIMELINE;
use crate::session::project::Project;

/// The clock of the strict cloud while nothing is rehearsed yet: whatever takes minutes is there at once.
const AT_ONCE: f64 = 1e6;

/// How a command ends that could not keep its lock.
const STOOD_STILL: &str = "its heartbeat has not got through";

/// How much of a failed command's output is shown.
const LAST_LINES: usize = 10;

pub(crate) struct Sandbox {
    folder: TempDir,
    emulator: LocalCloud,
    pub(crate) cloud: strict::Running,
    environment: String,
    region: String,
    scale: u32,
    /// Virtual seconds per real second of the commands that are run now.
    pace: Cell<u32>,
}

/// A command that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) err: String,
    /// When it began, on this machine's clock.
    pub(crate) origin: Origin,
    pub(crate) took: Duration,
}

impl Sandbox {
    /// Starts all of it.
    pub(crate) async fn open(
        project: &Project,
        environment: &Environment,
        seed: u64,
        scale: u32,
    ) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("rehearsal-").tempdir().map_err(failed)?;
        copy(project, environment, folder.path())?;
        // The project's own Python environment, made now if need be: the next rehearsal finds it.
        let venv = LocalCloud::of(&project.root)?.folder().root().join("venv");
        let emulator = LocalCloud::of(folder.path())?.with_venv(venv);
        let how = Start { region: environment.region.clone(), docker: Docker::Off };
        let started = emulator.start(&how, |progress| match progress {
            local::Progress::Starting { .. } | local::Progress::Ready { .. } => {}
            other => report::note(&other.to_string()),
        });
        let upstream = started.await?.running.endpoint();
        let config = Config { seed, ..Config::strict(upstream, AT_ONCE) };
        let cloud = match Strict::start(config).await {
            Ok(cloud) => cloud,
            Err(error) => {
                emulator.stop(false, |_| {}).await?;
                return Err(failed(error));
            }
        };
        let (name, region) = (environment.name.clone(), environment.region.clone());
        Ok(Self { folder, emulator, cloud, environment: name, region, scale, pace: Cell::new(1) })
    }

    /// From here on time passes in the cloud as in AWS.
    pub(crate) fn begin(&self) {
        self.pace.set(self.scale);
        self.cloud.clock().set_scale(f64::from(self.scale));
    }

    /// A file of the rehearsal's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs one of the tool's commands, with a timeline in this file.
    pub(crate) async fn run(
        &self,
        arguments: &[&str],
        input: &str,
        timeline: &Path,
    ) -> Result<Ended, Failure> {
        let origin = Origin { at: Timestamp::now(), scale: f64::from(self.pace.get()) };
        let mut child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(arguments)
            .args(["--env", &self.environment])
            // Nobody's credentials, profiles and settings.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .envs(local::variables(&self.cloud.endpoint, &self.region))
            // What is to be said of the files was said already.
            .env(INSIDE, "rehearsal")
            .env("PROVISIONER_CLOCK_SCALE", self.pace.get().to_string())
            .env("PROVISIONER_DOCKER", "off")
            .env(TIMELINE, timeline)
            .current_dir(self.folder.path())
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that asks for nothing may have ended already.
            let _ended = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        let took = Timestamp::now().duration_since(origin.at);
        Ok(Ended {
            code: output.status.code(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            origin,
            took: Duration::try_from(took).unwrap_or_default(),
        })
    }

    /// Ends the emulator. The folder goes with the rest.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.emulator.stop(false, |_| {}).await?;
        Ok(())
    }
}

impl Ended {
    /// What it said at last, when it did not do its work.
    pub(crate) fn require(self, what: &str) -> Result<Self, Failed> {
        if self.code == Some(0) {
            return Ok(self);
        }
        if self.err.contains(STOOD_STILL) {
            return Err(Failed::Stalled);
        }
        let message = format!("the rehearsal of `{what}` failed, and so would the real one");
        let said: Vec<&str> = self.err.lines().filter(|line| !line.is_empty()).collect();
        let last = said.iter().skip(said.len().saturating_sub(LAST_LINES));
        let failure = Failure::new(Code::Failed, message);
        Err(Failed::For(last.fold(failure, |failure, line| failure.hint(*line))))
    }
}

/// Why a rehearsal came to no end.
pub(crate) enum Failed {
    /// This machine stood still for longer than a lock's lease on the rehearsal's clock.
    Stalled,
    For(Failure),
}

impl<E: Into<Failure>> From<E> for Failed {
    fn from(failure: E) -> Self {
        Self::For(failure.into())
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Failed, error.to_string())
}
