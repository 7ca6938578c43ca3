//! Images made, pushed, copied and inspected: against a registry of our own that fails on demand, and
//! against an emulator of ECR.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod building;
mod copying;
mod ecr;
mod program;
mod pushing;
mod registry;
