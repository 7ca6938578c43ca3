//! The adapter of log groups.

mod log_group;
