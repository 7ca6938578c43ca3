//! The embedded local cloud: MiniStack in a private Python environment, and the services' tasks either as real
//! containers (when a Docker engine answers) or as supervised local processes. Knows no AWS SDK: it hands out an
//! endpoint and variables, and the caller talks to it as to AWS.
//!
//! - [`LocalCloud`]: start, stop, status; [`Progress`] tells what it is doing.
//! - [`Emulator`]: one for the time of a run, of which nothing is kept.
//! - [`engine`]: does a Docker engine answer, and what we ask of it ([`Engine`]).
//! - [`Processes`], [`ServiceSpec`], [`supervise`], [`run_once`]: services without Docker.
//! - [`capabilities`]: what the local cloud emulates, only stores, or lacks.

mod capability;
mod cloud;
mod emulator;
mod engine;
mod environment;
mod error;
mod exit;
mod folder;
mod http;
mod lock;
mod log;
mod process;
mod processes;
mod progress;
mod python;
mod record;
mod run_once;
mod service;
mod supervise;
mod venv;

pub use capability::{Capability, Level, capabilities};
pub use cloud::{Before, Docker, LocalCloud, Running, Start, Started, Status, Stopped};
pub use emulator::Emulator;
pub use engine::{Engine, engine, engine_at};
pub use environment::variables;
pub use error::Error;
pub use exit::Exit;
pub use folder::Folder;
pub use http::Answer;
pub use log::last_lines;
pub use process::Process;
pub use processes::{Ensured, Processes, Replica, State, Version};
pub use progress::Progress;
pub use python::{Maker, Python};
pub use run_once::run_once;
pub use service::{HealthCheck, ServiceSpec, Supervisor};
pub use supervise::supervise;
pub use venv::MINISTACK;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
