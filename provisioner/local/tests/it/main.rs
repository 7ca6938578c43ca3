//! The local cloud for real: MiniStack from PyPI on loopback, processes that are killed, and, where an engine answers,
//! containers.

mod capability;
mod cloud;
mod engine;
mod processes;
mod support;
