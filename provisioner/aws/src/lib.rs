//! AWS: one adapter file per kind of resource, the state bucket, the lock table.

pub mod bootstrap;
pub mod client;
pub mod error;
pub mod preflight;

mod compute;
mod data;
mod ecs;
mod emulated;
mod identity;
mod logs;
mod network;
mod scaling;
mod security;
mod tags;
mod traffic;

pub mod lock;
pub mod secrets;
pub mod store;
pub mod targets;

pub use client::{Aws, Guard, Identity};
