//! Health: `/livez`, `/readyz`, `/startupz`, and the shallow `/status` and `/` that a load balancer asks.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::app::{Phase, Shared};

/// The process runs. No input, no output, no database.
pub(crate) async fn live(State(app): State<Shared>) -> Response {
    report(&app, true, None)
}

/// The schema is up to date.
pub(crate) async fn started(State(app): State<Shared>) -> Response {
    report(&app, app.phase() != Phase::Starting, None)
}

/// Requests should come here: started, not draining, and the database answers within a second.
pub(crate) async fn ready(State(app): State<Shared>) -> Response {
    let database = matches!(tokio::time::timeout(Duration::from_secs(1), app.store.ping()).await, Ok(Ok(())));
    report(&app, app.phase() == Phase::Ready && database, Some(database))
}

/// What a load balancer should ask: fails while starting and draining, but not when the database blinks, because
/// replacing every task would not bring it back.
pub(crate) async fn status(State(app): State<Shared>) -> Response {
    report(&app, app.phase() == Phase::Ready, Some(app.store.breaker.name() != "open"))
}

/// In the manner of draft-inadarei-api-health-check.
fn report(app: &Shared, pass: bool, database: Option<bool>) -> Response {
    let phase = match app.phase() {
        Phase::Starting => "starting",
        Phase::Ready => "ready",
        Phase::Draining => "draining",
    };
    let status = match (pass, database) {
        (false, _) => "fail",
        (true, Some(false)) => "warn",
        (true, _) => "pass",
    };
    let mut body = json!({ "status": status, "version": app.settings.release_version, "phase": phase });
    if let Some(database) = database {
        let status = if database { "pass" } else { "fail" };
        body["checks"] = json!({ "database": [{ "componentType": app.store.kind(), "status": status }] });
    }
    let code = if pass { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = crate::context::json(code, body.to_string());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/health+json"));
    response
}
