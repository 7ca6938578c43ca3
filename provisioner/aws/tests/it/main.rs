//! The adapters against an emulator of AWS, and against answers that no emulator gives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod bootstrap;
mod compute;
mod contract;
mod data;
mod emulator;
mod errors;
mod identity;
mod images;
mod lock;
mod log_events;
mod logs;
mod network;
mod preflight;
mod prod;
mod refusals;
mod registry;
mod scaling;
mod security;
mod store;
mod traffic;
mod unreliable;
