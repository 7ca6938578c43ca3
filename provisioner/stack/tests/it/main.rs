//! Environment files, as a user meets them.
#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a test that fails says so by itself, and is not in a hurry"
)]

mod additions;
mod config;
mod fargate;
mod files;
mod garbage;
mod merge;
mod network;
mod roles;
mod samples;
mod wrong;
