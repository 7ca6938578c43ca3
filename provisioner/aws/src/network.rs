//! The adapters of the virtual network.

mod elastic_ip;
pub(crate) mod gateway_endpoint;
pub(crate) mod interface;
mod internet_gateway;
pub(crate) mod nat_gateway;
mod route_table;
mod subnet;
mod vpc;
