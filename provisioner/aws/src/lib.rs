//! AWS: one adapter file per kind of resource, the state bucket, the lock table.

pub mod bootstrap;
pub mod client;
pub mod error;
pub mod preflight;

mod compute;
mod data;
mod details;
mod ecs;
mod emulated;
mod existing;
mod gather;
mod identity;
mod logs;
mod looks;
mod moment;
mod network;
mod scaling;
mod security;
mod tag_index;
mod tags;
mod traffic;

pub mod images;
pub mod lock;
pub mod log_events;
pub mod permissions;
pub mod registry;
mod revisions;
pub mod run_task;
pub mod scale;
pub mod secrets;
pub mod services;
pub mod store;
pub mod targets;
pub mod tasks;

pub use client::{Aws, Guard, Identity};
pub use existing::Found;
pub use traffic::OtherListener;
