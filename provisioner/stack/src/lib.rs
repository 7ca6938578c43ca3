//! The product, in declarations: environment files in, a graph of resources out.

pub mod ecr;
pub mod environment;
pub mod stack;

pub use environment::{Environment, Loaded};
pub use stack::{
    ExistingSecret, Facts, Image, Names, VERSION_LABEL, repository_name, secret, stack, task_tags,
    versions,
};
