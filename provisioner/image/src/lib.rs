//! Container images: made from a static binary or by Docker, pushed to a registry, copied between
//! registries, looked at. Everything is named by digest, and every step may be repeated.
//!
//! A registry is spoken to directly (OCI distribution specification 1.1). The ready-made client
//! (`oci-client` 0.18) panics when a manifest is pushed by digest to a registry that answers without a
//! `Location`, as ECR does, and hides why an authentication failed.

pub mod architecture;
pub mod digest;
mod docker;
mod error;
pub mod layout;
pub mod registry;

pub use architecture::Architecture;
pub use digest::Digest;
pub use docker::Docker;
pub use error::{Error, Result};
pub use layout::{Layout, Recipe};
pub use oci_spec::distribution::Reference;
pub use registry::{Credentials, Inspected, Registry, copy};
