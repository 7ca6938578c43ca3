//! Everything that can go wrong with the local cloud, each with what the user can do about it.

use crate::Exit;
use std::path::PathBuf;
use std::time::Duration;

/// A failure of the local cloud. [`Error::fix`] is the hint that goes under the message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No interpreter of at least 3.10 among those that were tried.
    #[error("the local cloud needs Python 3.10 or newer; found: {}", found_or_none(.found))]
    NoPython {
        /// What was tried, as `python3 3.9.2`.
        found: Vec<String>,
    },
    /// Python is there, but neither `venv` with `ensurepip` nor `virtualenv`.
    #[error("{} (Python {version}) cannot make virtual environments", .python.display())]
    NoVenv {
        /// The interpreter.
        python: PathBuf,
        /// Its version, `3.11.7`.
        version: String,
    },
    /// `venv` or `pip` ended with an error.
    #[error("{step} failed with exit code {code}:\n{}", .output.join("\n"))]
    Install {
        /// What was being done.
        step: String,
        /// The program's exit code.
        code: i32,
        /// Its last lines.
        output: Vec<String>,
    },
    /// MiniStack ended before it answered.
    #[error("the local cloud ended while starting:\n{}", .log.join("\n"))]
    CloudEnded {
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// MiniStack runs but does not answer.
    #[error("the local cloud did not answer on port {port} within {}s:\n{}", .within.as_secs(), .log.join("\n"))]
    CloudSilent {
        /// The port it was asked to serve.
        port: u16,
        /// How long it was given.
        within: Duration,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// A process outlived SIGKILL (it hangs in the kernel, or belongs to someone else).
    #[error("process {pid} could not be stopped")]
    Unstoppable {
        /// The process.
        pid: u32,
    },
    /// The Docker engine answered with an error, or stopped answering.
    #[error("the Docker engine at {host}: {message}")]
    Engine {
        /// Where it listens.
        host: String,
        /// Its own message.
        message: String,
    },
    /// A service's process ended before it was healthy.
    #[error("service {service}: {exit} before it answered on {check}")]
    Crashed {
        /// The service.
        service: String,
        /// How it ended.
        exit: Box<Exit>,
        /// The address and path it was asked on.
        check: String,
        /// Its last lines.
        log: Vec<String>,
    },
    /// A service's process runs but its health check never passed.
    #[error("service {service}: {check} did not become healthy within {}s, last answer: {last}", .within.as_secs())]
    Unhealthy {
        /// The service.
        service: String,
        /// The address and path it was asked on.
        check: String,
        /// How long it was given.
        within: Duration,
        /// The last answer or connection error.
        last: String,
        /// Its last lines.
        log: Vec<String>,
    },
    /// A service's program could not be started at all.
    #[error("service {service}: cannot start {}: {message}", .program.display())]
    Unstartable {
        /// The service.
        service: String,
        /// The program.
        program: PathBuf,
        /// The operating system's message.
        message: String,
    },
    /// A service, version or replica that does not exist.
    #[error("no such {what}: {name}")]
    Unknown {
        /// `service`, `version` or `replica`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A file or folder could not be read or written.
    #[error("{action} {}: {source}", .path.display())]
    File {
        /// `read`, `write`, `remove` and so on.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A program could not be run, or a socket could not be opened.
    #[error("{action}: {source}")]
    System {
        /// What was being done.
        action: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}

impl Error {
    /// What the user can do, in one line; nothing when the message says it all.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::NoPython { .. } => Some(
                "install Python 3.10 or newer and have it on PATH as python3 (Debian: apt-get install python3 \
                 python3-venv; macOS: brew install python3)"
                    .to_owned(),
            ),
            Self::NoVenv { version, .. } => {
                let minor: String = version.split('.').take(2).collect::<Vec<_>>().join(".");
                Some(format!(
                    "Debian and Ubuntu keep it in a package of its own: apt-get install python3-venv (or \
                     python{minor}-venv); elsewhere: python3 -m ensurepip, or python3 -m pip install virtualenv"
                ))
            }
            Self::Install { .. } => {
                Some("check that pip reaches its package index (PIP_INDEX_URL, proxy), then start again".to_owned())
            }
            Self::CloudEnded { .. } | Self::CloudSilent { .. } => {
                Some("provisioner local stop --purge removes what is left; then start again".to_owned())
            }
            Self::Crashed { .. } | Self::Unhealthy { .. } => {
                Some("the last lines of its log say why; its environment and its port are in the plan".to_owned())
            }
            _ => None,
        }
    }

    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }
}

fn found_or_none(found: &[String]) -> String {
    if found.is_empty() { "none".to_owned() } else { found.join(", ") }
}
