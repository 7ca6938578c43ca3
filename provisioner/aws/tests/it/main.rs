//! The adapters against an emulator of AWS, and against answers that no emulator gives.

mod contract;
mod emulator;
mod errors;
mod lock;
mod network;
mod preflight;
mod security;
mod store;
mod traffic;
mod unreliable;
