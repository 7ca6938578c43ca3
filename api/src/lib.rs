//! The payments API: one small static file that keeps payments exactly, once, and for good.

mod app;
mod auth;
mod background;
mod commands;
mod container;
mod http;
mod http_client;
mod limit;
mod payment;
mod problem;
mod settings;
mod store;
mod telemetry;

pub use commands::run;
