//! The adapters of the virtual network and of security groups.

mod elastic_ip;
pub(crate) mod gateway_endpoint;
pub(crate) mod interface;
mod internet_gateway;
pub(crate) mod nat_gateway;
mod route_table;
mod security_group;
mod security_group_rules;
mod subnet;
mod vpc;
