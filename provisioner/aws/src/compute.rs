//! The adapters of the cluster and of what runs in it.

mod cluster;
mod service;
mod task_definition;
