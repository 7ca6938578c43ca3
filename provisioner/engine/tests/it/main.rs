//! The engine over a cloud in memory, with the stack that users really get.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod additions;
mod by_hand;
mod crash;
mod drift;
mod every_attribute;
mod failed;
mod interrupt;
mod rebuild;
mod removed;
mod replace;
mod rolling;
mod world;
