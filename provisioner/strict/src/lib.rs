//! A strict AWS: a proxy in front of an emulator that refuses, delays, throttles and fails as AWS does, keeps a log of
//! every call, and judges that log against AWS's ordering rules. It shares no code with what it judges.

mod audit;
mod call;
mod clock;
mod cloud;
mod control;
mod exchange;
mod fault;
mod pages;
mod permission;
mod proxy;
mod redact;
mod registry;
mod running;
mod seed;
mod throttle;
mod wire;
mod world;

pub use audit::{Violation, audit, audit_read_only};
pub use call::{Call, Counts};
pub use clock::Clock;
pub use fault::{Fault, Faults, Kind, SpecError, Which};
pub use permission::{Caller, Exercised, PolicyError};
pub use running::{Config, Running, StartError, Strict};
pub use world::{Inventory, durations};
