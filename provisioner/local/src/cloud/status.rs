//! What a start is told, and what start, stop and status tell.

use crate::{Engine, Process, environment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a start runs.
#[derive(Debug, Clone)]
pub struct Start {
    /// The environment's region: the load balancers' data plane serves this one only.
    pub region: String,
    /// Whether tasks become containers.
    pub docker: Docker,
}

/// Whether tasks become containers.
#[derive(Debug, Clone)]
pub enum Docker {
    /// They do, on this engine.
    On(Engine),
    /// They do not: the cloud keeps records of tasks, and services run as local processes.
    Off,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub process: Process,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// MiniStack's version.
    pub version: String,
    /// The region it serves.
    pub region: String,
    /// The Docker engine that it uses, as in `DOCKER_HOST`.
    pub docker: Option<String>,
    /// When it was started.
    pub started_at: jiff::Timestamp,
}

impl Running {
    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The variables that point an AWS SDK at it.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        environment::variables(&self.endpoint(), &self.region)
    }

    /// Where a load balancer's listener is reached from this machine.
    #[must_use]
    pub fn load_balancer(&self, name: &str) -> String {
        format!("{}/_alb/{name}", self.endpoint())
    }
}

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Nothing: the cloud is empty.
    Nothing,
    /// It ran already, with the same settings.
    Ran,
    /// It had ended cleanly, or was restarted: what it held is there again.
    Saved,
    /// It had died without saving: what it held is lost, the cloud is empty.
    Lost,
}

/// A server that runs, and what was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The server.
    pub running: Running,
    /// What was there before.
    pub before: Before,
}

/// How the local cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It was never started, or was purged.
    Absent,
    /// It runs and answers.
    Running(Running),
    /// Its process runs but does not answer.
    Silent(Running),
    /// It ended cleanly; a start brings back what it held.
    Stopped,
    /// It died without saving; a start begins with an empty one.
    Lost(Running),
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It did not run.
    WasNotRunning,
    /// It saved and ended.
    Saved,
    /// It did not end in time and was killed: what it held is lost.
    Lost,
}
