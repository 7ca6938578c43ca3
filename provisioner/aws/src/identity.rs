//! The adapters of roles.

mod role;
