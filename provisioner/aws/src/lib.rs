//! AWS: one adapter file per kind of resource, the state bucket, the lock table.
//!
//! - `adapters`: what the engine does with each kind, by AWS service.
//! - `observe`: what listings share: tags, details, gathered calls.
//! - `operations`: calls outside the graph, on what the adapters made: tasks, logs, secrets, images.
//! - `backend`: the bucket and the table of the state, the store and the lock in them.
//! - [`client`]: the connection; [`error`]: what its failures mean.
//! - [`permissions`]: what IAM must allow; [`preflight`]: what to check before anything is changed.

mod adapters;
mod backend;
mod observe;
mod operations;

pub mod client;
pub mod error;
pub mod permissions;
pub mod preflight;

pub use adapters::OtherListener;
pub use backend::{bootstrap, lock, store};
pub use client::{Aws, Guard, Identity};
pub use operations::{
    Found, images, log_events, registry, run_task, scale, secrets, services, targets, tasks,
};
