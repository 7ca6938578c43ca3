//! The real binary: its output, its exit codes, and what it does to a running local cloud.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod environment;
mod help;
mod init;
mod local;
mod secret;
mod state;
mod supervise;
mod support;
mod terminal;
