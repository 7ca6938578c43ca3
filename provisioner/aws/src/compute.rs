//! The adapters of the cluster and of what runs in it.

mod cluster;
mod service;
pub(crate) mod task_definition;
