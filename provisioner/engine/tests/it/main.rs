//! The engine over a cloud in memory, with the stack that users really get.

mod by_hand;
mod crash;
mod failed;
mod interrupt;
mod replace;
mod world;
