//! One run over an environment: what is planned, what forbids it, and what holds the lock meanwhile.

pub(crate) mod existing;
pub(crate) mod interrupt;
pub(crate) mod leftovers;
pub(crate) mod outputs;
pub(crate) mod ownership;
pub(crate) mod pin;
pub(crate) mod preflight;
pub(crate) mod priorities;
mod reconcile;
pub(crate) mod saved_plan;
pub(crate) mod sharing;
pub(crate) mod state_guard;

pub(crate) use reconcile::{LockedRun, PlannedRun, ZONES, at, compared, zones};
