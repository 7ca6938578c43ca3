//! The real binary: its output, its exit codes, and what it does to a running local cloud.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod additions;
mod containers;
mod deploys;
mod docs;
mod environment;
mod existing;
mod hands;
mod help;
mod http;
mod init;
mod interrupt;
mod inventory;
mod life;
mod local;
mod permissions;
mod processes;
mod proxy;
mod refusal;
mod rehearse;
mod removed;
mod saved_plan;
mod secret;
mod state;
mod supervise;
mod support;
mod surroundings;
mod terminal;
