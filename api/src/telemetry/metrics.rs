//! The figures that `/metrics` shows, with OpenTelemetry's names in Prometheus' form.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use http::{Method, StatusCode, header};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// OpenTelemetry's advice for `http.server.request.duration`, with finer steps below five milliseconds.
const BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    7.5, 10.0,
];

/// Starts counting; `None` when something else in this process counts already.
pub(crate) fn start(version: &str) -> Option<PrometheusHandle> {
    let handle = PrometheusBuilder::new().set_buckets(BUCKETS).ok()?.install_recorder().ok()?;
    describe_histogram!(
        "http_server_request_duration_seconds",
        "Time from the request's head to the answer's head"
    );
    describe_gauge!("http_server_active_requests", "Requests in progress");
    describe_histogram!(
        "db_client_operation_duration_seconds",
        "Time of one operation of the database, waiting included"
    );
    describe_gauge!("db_client_connection_count", "Connections of the pools by state");
    describe_gauge!(
        "circuit_breaker_open",
        "1 while the database is left alone, 0.5 while it is probed"
    );
    describe_counter!("payments_created_total", "Payments created, replays not counted");
    describe_counter!("payments_changed_total", "Changes of payments by kind");
    describe_counter!("idempotency_replays_total", "Answers given from an idempotency key");
    describe_counter!("rate_limited_total", "Requests refused by quota");
    describe_counter!(
        "http_server_connections_refused_total",
        "Connections that found no place because all others were busy"
    );
    describe_counter!(
        "http_server_connections_evicted_total",
        "Idle connections that were closed to make room"
    );
    describe_counter!(
        "cache_requests_total",
        "Reads of one payment by result: hit, miss or bypass"
    );
    describe_counter!("webhook_deliveries_total", "Webhook attempts by outcome");
    describe_gauge!("webhook_outbox_deliveries", "Deliveries in the outbox, waiting or given up");
    describe_gauge!(
        "webhook_outbox_oldest_seconds",
        "Age of the oldest change that waits for its delivery"
    );
    describe_counter!("log_lines_dropped_total", "Log lines dropped because the reader is behind");
    describe_gauge!("payments_api_build_info", "Always 1; the version is a label");
    gauge!("payments_api_build_info", "version" => version.to_owned()).set(1.0);
    Some(handle)
}

/// Folds the samples of every request into the buckets, once a second until the service stops: until then each takes
/// memory, and nobody promises to ask for `/metrics` often.
pub(crate) async fn fold(handle: PrometheusHandle, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await.is_some() {
        handle.run_upkeep();
    }
}

/// The router of the metrics port; `measure` sets the gauges that are only known when somebody looks.
pub(crate) fn router(
    handle: PrometheusHandle,
    measure: impl Fn() -> Gauges + Clone + Send + Sync + 'static,
) -> Router {
    let handle = Arc::new(handle);
    let show = async move || {
        measure().set();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
    };
    Router::new().route("/metrics", get(show))
}

/// What is measured when somebody looks.
pub(crate) struct Gauges {
    pub(crate) connections_used: usize,
    pub(crate) connections_idle: usize,
    pub(crate) active_requests: usize,
    /// The states of the breakers: closed, open or half-open.
    pub(crate) reads: &'static str,
    pub(crate) writes: &'static str,
}

impl Gauges {
    fn set(&self) {
        gauge!("db_client_connection_count", "state" => "used").set(count(self.connections_used));
        gauge!("db_client_connection_count", "state" => "idle").set(count(self.connections_idle));
        gauge!("http_server_active_requests").set(count(self.active_requests));
        for (operations, state) in [("reads", self.reads), ("writes", self.writes)] {
            let open = match state {
                "closed" => 0.0,
                "open" => 1.0,
                _ => 0.5,
            };
            gauge!("circuit_breaker_open", "operations" => operations).set(open);
        }
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// What stands for methods that are not among the known ones: anyone can invent some, and each would be a series.
pub(crate) const OTHER_METHOD: &str = "_OTHER";

/// The label of a method.
pub(crate) fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => OTHER_METHOD,
    }
}

/// Counts and times one request. The route is the pattern, never the path.
pub(crate) fn request(method: &'static str, route: &str, status: StatusCode, elapsed: Duration) {
    histogram!(
        "http_server_request_duration_seconds",
        "http_request_method" => method,
        "http_route" => route.to_owned(),
        "http_response_status_code" => status.as_str().to_owned(),
    )
    .record(elapsed.as_secs_f64());
}

/// Times one operation of the database.
pub(crate) fn database(
    operation: &'static str,
    system: &'static str,
    elapsed: Duration,
    outcome: &'static str,
) {
    histogram!(
        "db_client_operation_duration_seconds",
        "db_system_name" => system,
        "db_operation_name" => operation,
        "outcome" => outcome,
    )
    .record(elapsed.as_secs_f64());
}

pub(crate) fn created() {
    counter!("payments_created_total").increment(1);
}

pub(crate) fn changed(kind: &'static str) {
    counter!("payments_changed_total", "kind" => kind).increment(1);
}

pub(crate) fn replayed() {
    counter!("idempotency_replays_total").increment(1);
}

pub(crate) fn rate_limited() {
    counter!("rate_limited_total").increment(1);
}

pub(crate) fn connection_refused() {
    counter!("http_server_connections_refused_total").increment(1);
}

pub(crate) fn connection_evicted() {
    counter!("http_server_connections_evicted_total").increment(1);
}

pub(crate) fn cache(result: &'static str) {
    counter!("cache_requests_total", "result" => result).increment(1);
}

/// Shows what is in the outbox.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn backlog(waiting: i64, dead: i64, oldest: f64) {
    gauge!("webhook_outbox_deliveries", "state" => "waiting").set(waiting as f64);
    gauge!("webhook_outbox_deliveries", "state" => "dead").set(dead as f64);
    gauge!("webhook_outbox_oldest_seconds").set(oldest);
}

/// Counts a log line for which there was no room.
pub(crate) fn log_line_dropped() {
    counter!("log_lines_dropped_total").increment(1);
}

pub(crate) fn webhook(outcome: &'static str) {
    counter!("webhook_deliveries_total", "outcome" => outcome).increment(1);
}
