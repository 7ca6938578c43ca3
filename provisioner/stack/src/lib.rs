//! The product, in declarations: environment files in, a graph of resources out.

pub mod ecr;
pub mod environment;
pub mod stack;

pub use environment::{Environment, Loaded};
pub use stack::{Facts, Image, Names, repository_name, secret, stack};
