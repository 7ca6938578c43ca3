//! What each route does.

pub(crate) mod api_keys;
pub(crate) mod challenge;
pub(crate) mod documents;
pub(crate) mod health;
pub(crate) mod operations;
pub(crate) mod payments;
