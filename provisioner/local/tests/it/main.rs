//! The local cloud for real: MiniStack from PyPI on loopback, processes that are killed, and, where an engine answers,
//! containers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod capability;
mod cloud;
mod emulator;
mod engine;
mod processes;
mod rolling;
mod support;
