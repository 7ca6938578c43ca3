//! The product, in declarations: environment files in, a graph of resources out.

pub mod environment;
pub mod stack;

pub use environment::{Environment, Loaded};
pub use stack::{Facts, Image, Names, secret, stack};
