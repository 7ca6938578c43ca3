//! The adapter of roles.

mod role;
