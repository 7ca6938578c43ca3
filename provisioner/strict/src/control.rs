//! The control endpoint, on its own port: faults, counts, log, clock, holds, reset.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::call::{Call, Counts};
use crate::cloud::Cloud;
use crate::fault::Faults;
use crate::permission::Caller;
use crate::world::Inventory;

/// The clock as the control endpoint shows and takes it.
#[derive(Serialize)]
struct Time {
    now: f64,
    scale: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    #[serde(default)]
    advance: f64,
    scale: Option<f64>,
}

#[derive(Deserialize)]
struct Wait {
    /// Real milliseconds to wait for a call to be held.
    #[serde(default)]
    wait: u64,
}

#[derive(Deserialize)]
struct Whose {
    account: Option<String>,
}

pub(crate) fn router(cloud: Arc<Cloud>) -> Router {
    Router::new()
        .route("/counts", get(counts))
        .route("/log", get(log).delete(clear_log))
        .route("/inventory", get(inventory))
        .route("/clock", get(clock).post(turn))
        .route("/faults", get(faults).post(set_faults))
        .route("/callers", post(grant))
        .route("/held", get(held))
        .route("/release", post(release))
        .route("/reset", post(reset))
        .with_state(cloud)
}

async fn counts(State(cloud): State<Arc<Cloud>>) -> Json<Counts> {
    Json(cloud.counts())
}

async fn log(State(cloud): State<Arc<Cloud>>) -> Json<Vec<Call>> {
    Json(cloud.calls())
}

async fn clock(State(cloud): State<Arc<Cloud>>) -> Json<Time> {
    Json(Time { now: cloud.clock.now(), scale: cloud.clock.scale() })
}

async fn turn(State(cloud): State<Arc<Cloud>>, Json(turn): Json<Turn>) -> Json<Time> {
    if let Some(scale) = turn.scale {
        cloud.clock.set_scale(scale);
    }
    cloud.clock.advance(turn.advance);
    clock(State(cloud)).await
}

async fn faults(State(cloud): State<Arc<Cloud>>) -> Json<Faults> {
    Json(cloud.faults())
}

/// Takes a fault specification as text.
async fn set_faults(
    State(cloud): State<Arc<Cloud>>,
    spec: String,
) -> Result<Json<Faults>, (StatusCode, String)> {
    let faults: Faults =
        spec.parse().map_err(|e: crate::SpecError| (StatusCode::BAD_REQUEST, e.to_string()))?;
    cloud.set_faults(faults.clone());
    Ok(Json(faults))
}

/// Takes a caller with its policies.
async fn grant(
    State(cloud): State<Arc<Cloud>>,
    Json(caller): Json<Caller>,
) -> Result<(), (StatusCode, String)> {
    let granted = crate::cloud::lock(&cloud.permissions).grant(&caller);
    granted.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

/// The number of the call that is held, 0 when none is after the wait.
async fn held(State(cloud): State<Arc<Cloud>>, Query(query): Query<Wait>) -> Json<u64> {
    let mut held = cloud.held.subscribe();
    let wait = std::time::Duration::from_millis(query.wait);
    let seq = tokio::time::timeout(wait, held.wait_for(|seq| *seq > 0)).await;
    Json(seq.ok().and_then(Result::ok).map_or(0, |seq| *seq))
}

async fn release(State(cloud): State<Arc<Cloud>>) {
    cloud.released.send_modify(|n| *n += 1);
}

async fn inventory(State(cloud): State<Arc<Cloud>>, Query(whose): Query<Whose>) -> Json<Inventory> {
    Json(cloud.inventory(whose.account.as_deref()))
}

async fn clear_log(State(cloud): State<Arc<Cloud>>) {
    cloud.reset_log();
}

/// Forgets everything but the clock and the faults.
async fn reset(State(cloud): State<Arc<Cloud>>) {
    cloud.reset_log();
    cloud.forget();
}
