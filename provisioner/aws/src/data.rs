//! The adapters of images and secrets.

mod repository;
pub(crate) mod secret;
