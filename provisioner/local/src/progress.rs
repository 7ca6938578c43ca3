//! What the local cloud is doing, as typed events for one observer; the caller decides how to show them.

use std::fmt;
use std::path::PathBuf;

/// One step of a start or stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another command works on the same local cloud; this one waits for it.
    WaitingForOther,
    /// A private Python environment is being made.
    MakingEnvironment {
        /// Where.
        path: PathBuf,
        /// With which interpreter version.
        python: String,
    },
    /// pip installs these packages.
    Installing {
        /// As `ministack==1.5.33`.
        packages: Vec<String>,
    },
    /// The last run ended uncleanly: what it held is lost and its remains were removed.
    Lost {
        /// The process that died.
        pid: u32,
    },
    /// The port of the last run is taken by someone else.
    PortTaken {
        /// The old port.
        port: u16,
        /// The port used instead.
        instead: u16,
    },
    /// The running one is restarted because something it was started with changed.
    Restarting {
        /// What changed.
        because: String,
    },
    /// The server is being started.
    Starting {
        /// Its port on loopback.
        port: u16,
    },
    /// The server answers.
    Ready {
        /// Its URL.
        endpoint: String,
    },
    /// The server was asked to save and end.
    Stopping {
        /// Its process.
        pid: u32,
    },
    /// The server did not end in time and was killed.
    Killed {
        /// Its process.
        pid: u32,
    },
    /// Containers that the server left behind were removed.
    RemovedContainers {
        /// How many.
        count: usize,
    },
    /// Image tags of ours were removed.
    RemovedImages {
        /// How many.
        count: usize,
    },
    /// Local processes of services were stopped.
    StoppedProcesses {
        /// How many.
        count: usize,
    },
    /// The folder of the local cloud was removed.
    Removed {
        /// Which.
        path: PathBuf,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitingForOther => {
                write!(f, "waiting for another command that works on this local cloud")
            }
            Self::MakingEnvironment { path, python } => {
                write!(f, "making a Python {python} environment in {}", path.display())
            }
            Self::Installing { packages } => write!(f, "installing {}", packages.join(", ")),
            Self::Lost { pid } => write!(
                f,
                "the local cloud (process {pid}) died without saving: what it held is lost, starting an empty one"
            ),
            Self::PortTaken { port, instead } => write!(f, "port {port} is taken, using {instead}"),
            Self::Restarting { because } => write!(f, "restarting the local cloud: {because}"),
            Self::Starting { port } => write!(f, "starting the local cloud on port {port}"),
            Self::Ready { endpoint } => write!(f, "local cloud ready at {endpoint}"),
            Self::Stopping { pid } => write!(f, "stopping the local cloud (process {pid})"),
            Self::Killed { pid } => write!(f, "process {pid} did not end in time and was killed"),
            Self::RemovedContainers { count } => write!(f, "removed {count} containers"),
            Self::RemovedImages { count } => write!(f, "removed {count} image tags"),
            Self::StoppedProcesses { count } => write!(f, "stopped {count} service processes"),
            Self::Removed { path } => write!(f, "removed {}", path.display()),
        }
    }
}
