//! The adapters of security groups.

mod group;
mod rules;
