//! Calls outside the graph, on what the adapters made.

mod existing;
pub mod images;
pub mod log_events;
pub mod registry;
mod revisions;
pub mod run_task;
pub mod scale;
pub mod secrets;
pub mod services;
pub mod targets;
pub mod tasks;

pub use existing::Found;
