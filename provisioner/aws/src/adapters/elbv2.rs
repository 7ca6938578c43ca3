//! The adapters of load balancers, their listeners, rules and target groups.

mod action;
pub(crate) mod arns;
mod listener;
mod listener_rules;
mod load_balancer;
mod target_group;

pub use listener::OtherListener;
