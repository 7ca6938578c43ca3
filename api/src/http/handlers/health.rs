//! Health: `/livez`, `/readyz`, `/startupz`, and the shallow `/status` and `/` that a load balancer asks.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{Phase, Shared};

/// The process runs
///
/// No input, no output, no database.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health, content_type = "application/health+json")))]
pub(crate) async fn live(State(app): State<Shared>) -> Response {
    report(&app, true, None)
}

/// The schema is up to date
#[utoipa::path(get, path = "/startupz", operation_id = "startupz", tag = "health", security(()),
    responses(
        (status = 200, description = "It is", body = Health, content_type = "application/health+json"),
        (status = 503, description = "Not known yet", body = Health, content_type = "application/health+json")))]
pub(crate) async fn started(State(app): State<Shared>) -> Response {
    report(&app, app.phase() != Phase::Starting, None)
}

/// Requests should come here
///
/// Started, not draining, and the database answers within a second.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", security(()),
    responses(
        (status = 200, description = "They should", body = Health, content_type = "application/health+json"),
        (status = 503, description = "They should not", body = Health, content_type = "application/health+json")))]
pub(crate) async fn ready(State(app): State<Shared>) -> Response {
    let database =
        matches!(tokio::time::timeout(Duration::from_secs(1), app.store.ping()).await, Ok(Ok(())));
    report(&app, app.phase() == Phase::Ready && database, Some(database))
}

/// What a load balancer should ask
///
/// Fails while starting and draining, but not when the database blinks: replacing every task would not bring it back.
#[utoipa::path(get, path = "/status", operation_id = "status", tag = "challenge", security(()),
    responses(
        (status = 200, description = "pass, or warn while the database is away", body = Health, content_type = "application/health+json"),
        (status = 503, description = "Starting or draining", body = Health, content_type = "application/health+json")))]
pub(crate) async fn status(State(app): State<Shared>) -> Response {
    shallow(&app)
}

/// The same as /status, for health checks that ask the root
#[utoipa::path(get, path = "/", operation_id = "root", tag = "health", security(()),
    responses(
        (status = 200, description = "pass, or warn while the database is away", body = Health, content_type = "application/health+json"),
        (status = 503, description = "Starting or draining", body = Health, content_type = "application/health+json")))]
pub(crate) async fn root(State(app): State<Shared>) -> Response {
    shallow(&app)
}

fn shallow(app: &Shared) -> Response {
    report(app, app.phase() == Phase::Ready, Some(app.store.answers()))
}

/// A health report (draft-inadarei-api-health-check).
#[derive(Serialize, ToSchema)]
struct Health {
    /// pass, warn or fail.
    #[schema(pattern = "^(pass|warn|fail)$")]
    status: &'static str,
    /// The release that answers.
    version: String,
    /// starting, ready or draining.
    #[schema(pattern = "^(starting|ready|draining)$")]
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    checks: Option<Checks>,
}

#[derive(Serialize, ToSchema)]
struct Checks {
    database: [Check; 1],
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Check {
    component_type: &'static str,
    status: &'static str,
}

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
    let checks = database.map(|database| {
        let status = if database { "pass" } else { "fail" };
        Checks { database: [Check { component_type: app.store.kind(), status }] }
    });
    let body = Health { status, version: app.settings.release_version.clone(), phase, checks };
    let code = if pass { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response =
        crate::http::context::json(code, serde_json::to_string(&body).unwrap_or_default());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/health+json"));
    response
}
