//! What each route does.

pub(crate) mod challenge;
pub(crate) mod health;
pub(crate) mod operations;
