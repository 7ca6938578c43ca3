//! The payments API: one small static file that keeps payments exactly, once, and for good.

mod app;
mod auth;
mod body;
mod breaker;
mod cache;
mod client;
mod codes;
mod commands;
mod container;
mod context;
pub mod data;
mod handlers;
mod http_client;
mod idempotency;
mod limit;
mod logs;
mod metrics;
pub mod money;
mod openapi;
mod paging;
mod payment;
mod precondition;
mod problem;
mod protect;
mod query;
mod router;
mod server;
mod settings;
mod store;
mod trace;
mod upkeep;
mod webhooks;

pub use commands::run;
