//! What is said over HTTP: connections, the layers around every request, and what each route does.

pub(crate) mod admission;
pub(crate) mod body;
mod client;
pub(crate) mod context;
mod handlers;
mod idempotency;
pub(crate) mod openapi;
mod paging;
mod precondition;
pub(crate) mod router;
pub(crate) mod server;
mod store_problems;
