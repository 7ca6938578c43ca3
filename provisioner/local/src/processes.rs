//! Services as local processes: versions of replicas, found again by every later command through files that name a
//! process by id and beginning. The primitives are apart (start a version, look at it, retire it) so that a
//! deployment can put its own steps between; [`Processes::ensure`] is the plain way through.
//!
//! `services/<service>/<version>/<replica>/` holds what the supervisor wrote, and the output; the last few versions
//! stay after their end, so that the output of a crash can still be read.

mod files;
mod health;
mod start;

use crate::{Error, Exit, Process, Result, ServiceSpec, Supervisor, last_lines};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use start::free_port;

/// Versions kept for their output, besides those that run.
const KEPT: usize = 5;
/// What a supervisor needs on top of the grace to write down the end.
const SLACK: Duration = Duration::from_secs(5);

/// How a replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its process runs.
    Running,
    /// Its process ended.
    Exited(Exit),
    /// Its process and its supervisor are gone and left no word: both were killed, or the machine was restarted.
    Vanished,
}

/// One process of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The service.
    pub service: String,
    /// The version's number.
    pub version: u32,
    /// Its number within the version.
    pub number: u32,
    /// Its own loopback address: load balancers tell targets apart by address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// The process id; it may be another's when the state is not running.
    pub pid: u32,
    /// When it was started.
    pub started_at: jiff::Timestamp,
    /// How it is.
    pub state: State,
    folder: PathBuf,
    supervisor: Process,
    child: Process,
    grace: Duration,
}

/// One version of a service with its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The service.
    pub service: String,
    /// Counts up from 1.
    pub number: u32,
    /// [`ServiceSpec::digest`] of what it was started from.
    pub digest: String,
    /// [`ServiceSpec::revision`] of what it was started from.
    pub revision: String,
    /// When it was first started.
    pub created_at: jiff::Timestamp,
    /// Its processes, those that ended too.
    pub replicas: Vec<Replica>,
}

/// What [`Processes::ensure`] leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensured {
    /// The healthy processes of the wanted version: the targets to register.
    pub running: Vec<Replica>,
    /// Those of them that this call started.
    pub started: Vec<u32>,
    /// Processes of other versions, and too many of this one: to be deregistered, then [retired](Processes::retire).
    pub surplus: Vec<Replica>,
}

/// The services that run as processes under one folder.
#[derive(Debug, Clone)]
pub struct Processes {
    folder: PathBuf,
    supervisor: Supervisor,
}

impl Processes {
    /// The processes under [`crate::Folder::services`], each started through this supervisor.
    #[must_use]
    pub fn new(folder: PathBuf, supervisor: Supervisor) -> Self {
        Self { folder, supervisor }
    }

    /// Brings up `replicas` healthy processes of this very spec: nothing to do when they run; the missing ones when
    /// some died (a crash, a restart of the machine); a new version when the spec changed. Older processes go on
    /// serving: the caller moves the targets, then retires the surplus.
    ///
    /// # Errors
    /// [`Error::Crashed`] and [`Error::Unhealthy`] with the last lines; what this call started is then stopped
    /// again, what ran before still runs.
    pub async fn ensure(&self, spec: &ServiceSpec) -> Result<Ensured> {
        let digest = spec.digest()?;
        let versions = self.versions(&spec.name)?;
        let wanted = spec.replicas as usize;
        let same = versions.iter().rev().find(|version| version.digest == digest);
        let mut surplus: Vec<Replica> = versions
            .iter()
            .filter(|version| Some(version.number) != same.map(|it| it.number))
            .flat_map(Version::running)
            .collect();
        let mut running: Vec<Replica> = same.map(Version::running).unwrap_or_default();
        surplus.extend(running.split_off(running.len().min(wanted)));
        let missing =
            spec.replicas.saturating_sub(u32::try_from(running.len()).unwrap_or(u32::MAX));
        let mut started = Vec::new();
        if missing > 0 {
            let new = match same {
                Some(version) => self.start_replicas(spec, version.number, missing).await?,
                None => self.start_version(spec).await?.replicas,
            };
            if let Err(error) = self.wait_healthy(&new, spec.health.as_ref()).await {
                self.retire(&new).await?;
                return Err(error);
            }
            started = new.iter().map(|replica| replica.number).collect();
            running.extend(new);
        }
        self.prune(&spec.name)?;
        Ok(Ensured { running, started, surplus })
    }

    /// Starts all processes of a new version, without waiting for their health.
    pub async fn start_version(&self, spec: &ServiceSpec) -> Result<Version> {
        let number = self.make_version(spec).await?;
        if let Err(error) = self.start_replicas(spec, number, spec.replicas).await {
            self.retire(&self.version(&spec.name, number)?.running()).await?;
            return Err(error);
        }
        self.version(&spec.name, number)
    }

    /// Ends these processes: SIGTERM, the time to drain, SIGKILL. Deregister them first. Ended already is fine.
    pub async fn retire(&self, replicas: &[Replica]) -> Result<()> {
        retire(replicas).await
    }

    /// How a process is now.
    #[must_use]
    pub fn state(&self, replica: &Replica) -> State {
        files::state(&replica.folder, &replica.supervisor, &replica.child)
    }

    /// The last lines that a process wrote, standard output and error together.
    #[must_use]
    pub fn tail(&self, replica: &Replica, lines: usize) -> Vec<String> {
        last_lines(&replica.log(), lines)
    }

    /// The services that were ever started and not pruned.
    pub fn services(&self) -> Result<Vec<String>> {
        files::services(&self.folder)
    }

    /// A service's versions, oldest first.
    pub fn versions(&self, service: &str) -> Result<Vec<Version>> {
        files::versions(&self.folder, service)
    }

    /// One version.
    pub fn version(&self, service: &str, number: u32) -> Result<Version> {
        let found = self.versions(service)?.into_iter().find(|version| version.number == number);
        found.ok_or_else(|| Error::Unknown { what: "version", name: format!("{service} {number}") })
    }

    /// Ends all processes of a service and removes its files.
    pub async fn remove(&self, service: &str) -> Result<()> {
        let running: Vec<Replica> =
            self.versions(service)?.iter().flat_map(Version::running).collect();
        retire(&running).await?;
        crate::folder::remove(&files::service(&self.folder, service)?)
    }

    /// Ends every process under the folder and removes its files; returns how many ran. For the purge.
    pub async fn stop_all(folder: &Path) -> Result<usize> {
        let mut running = Vec::new();
        for service in files::services(folder)? {
            running.extend(files::versions(folder, &service)?.iter().flat_map(Version::running));
        }
        retire(&running).await?;
        crate::folder::remove(folder)?;
        Ok(running.len())
    }

    /// Removes the files of old versions of which nothing runs.
    fn prune(&self, service: &str) -> Result<()> {
        let versions = self.versions(service)?;
        let old = versions.len().saturating_sub(KEPT);
        for version in versions.iter().take(old).filter(|version| version.running().is_empty()) {
            crate::folder::remove(&files::version(&self.folder, service, version.number)?)?;
        }
        Ok(())
    }
}

impl Version {
    /// Those of its processes that run.
    #[must_use]
    pub fn running(&self) -> Vec<Replica> {
        self.replicas.iter().filter(|replica| replica.state == State::Running).cloned().collect()
    }
}

impl Replica {
    /// The file with its output.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        crate::supervise::output_file(&self.folder)
    }
}

async fn retire(replicas: &[Replica]) -> Result<()> {
    let running: Vec<&Replica> =
        replicas.iter().filter(|it| it.supervisor.is_alive() || it.child.is_alive()).collect();
    for replica in &running {
        if replica.supervisor.is_alive() {
            replica.supervisor.terminate();
        } else {
            replica.child.terminate();
        }
    }
    for replica in running {
        let within = replica.grace + SLACK;
        for process in [&replica.child, &replica.supervisor] {
            if !process.gone(within).await {
                process.kill();
            }
            if !process.gone(SLACK).await {
                return Err(Error::Unstoppable { pid: process.pid });
            }
        }
    }
    Ok(())
}

/// What is written once about a version.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    digest: String,
    revision: String,
    created_at: jiff::Timestamp,
}
