//! Logs, metrics and traces of one request, joined by its ids.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, routing::post};

use crate::{
    client::{Client, send},
    database::{Database, free_port},
    on_both,
    service::Service,
};

on_both!(metrics_have_conventional_names);

async fn metrics_have_conventional_names(database: Database) {
    let port = free_port();
    let service = Service::start(&database, &[("METRICS_PORT", &port.to_string())]).await;
    let id = service.client.payment("1,00").await;
    service.client.get(&format!("/v1/payments/{id}")).await;
    service.client.get("/never/heard/of").await;
    let shown = Client::new(port).open("GET", "/metrics").await.unwrap().text;
    for line in [
        "http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_route=\"/v1/payments/{id}\",http_response_status_code=\"200\",le=\"0.005\"}",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"none\",http_response_status_code=\"404\"} 1",
        "payments_created_total 1",
        "db_client_operation_duration_seconds_count",
        "http_server_active_requests 0",
        "circuit_breaker_open{operations=\"reads\"} 0",
        "circuit_breaker_open{operations=\"writes\"} 0",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(!shown.contains(&id), "an id is a label");
    assert_eq!(
        service.client.open("GET", "/metrics").await.unwrap().status,
        404,
        "metrics have a port of their own"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_in_log_trace_and_audit() {
    let received = Arc::new(Mutex::new(Vec::<u8>::new()));
    let kept = Arc::clone(&received);
    let collector = Router::new().route(
        "/v1/traces",
        post(async move |body: Bytes| kept.lock().unwrap().extend_from_slice(&body)),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("TRACE_SAMPLE", "0"),
        // Strangers do not decide what is recorded.
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let database = Database::postgres().await;
    let mut service = Service::start(&database, &settings).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = service
        .client
        .request("POST", "/create")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .header("x-request-id", "r-1")
        .json(&serde_json::json!({ "payment": "1,00" }));
    let created = send(request).await;
    assert_eq!(created.status, 201);
    let events = service
        .client
        .get(&format!("/v1/payments/{}/events", created.body["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (&events.body["data"][0]["trace_id"], &events.body["data"][0]["request_id"]),
        (&trace.into(), &"r-1".into())
    );
    let balancer = service
        .client
        .request("GET", "/nowhere")
        .header("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678");
    assert_eq!(send(balancer).await.body["trace_id"], "67891233abcdef012345678912345678");

    service.signal("-TERM");
    service.ended().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let line =
        service.logs().into_iter().find(|line| line["request_id"] == "r-1").expect("a log line");
    assert_eq!(
        (&line["trace_id"], &line["route"], &line["status"]),
        (&trace.into(), &"/create".into(), &201.into())
    );
    assert_eq!(line["principal"], "admin");
    let spans = received.lock().unwrap().clone();
    let has = |text: &[u8]| spans.windows(text.len()).any(|window| window == text);
    let id: Vec<u8> = (0..16)
        .map(|place| u8::from_str_radix(&trace[place * 2..place * 2 + 2], 16).unwrap())
        .collect();
    assert!(
        has(&id) && has(b"POST /create") && has(b"db.operation.name"),
        "the trace was not exported"
    );
    assert!(!has(b"GET /v1/payments/{id}/events"), "a trace that was not sampled was exported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xray_ids_begin_with_the_time() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[("TRACE_IDS", "xray")]).await;
    let answer = service.client.get("/nowhere").await;
    let seconds = u64::from_str_radix(&answer.body["trace_id"].as_str().unwrap()[..8], 16).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(seconds) < 60);
}
