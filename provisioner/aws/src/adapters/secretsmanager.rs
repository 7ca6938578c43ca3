//! The adapter of secrets.

pub(crate) mod secret;
