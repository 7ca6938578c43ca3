//! The product, in declarations: environment files in, a graph of resources out.

pub mod environment;
