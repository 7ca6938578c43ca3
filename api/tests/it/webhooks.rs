//! Webhooks: each change told until it is received, signed, also when the service dies in between.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(
    changes_are_told_until_they_are_received,
    one_slow_answer_holds_nothing_up,
    old_deliveries_are_given_up
);

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Clone, Default)]
struct Receiver {
    heard: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    refusals: Arc<Mutex<u32>>,
    /// Answers nothing for as long as this is locked, to the first request only.
    held: Arc<tokio::sync::Mutex<()>>,
    asked: Arc<std::sync::atomic::AtomicU32>,
}

impl Receiver {
    async fn start(&self) -> String {
        let receiver = self.clone();
        let router = Router::new().route(
            "/hook",
            post(async move |headers: HeaderMap, body: Bytes| {
                if receiver.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                    drop(receiver.held.lock().await);
                }
                let mut refusals = receiver.refusals.lock().unwrap();
                if *refusals > 0 {
                    *refusals -= 1;
                    return StatusCode::INTERNAL_SERVER_ERROR;
                }
                receiver
                    .heard
                    .lock()
                    .unwrap()
                    .push((headers, String::from_utf8(body.to_vec()).unwrap()));
                StatusCode::NO_CONTENT
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    async fn wait_for(&self, count: usize) -> Vec<(HeaderMap, String)> {
        for _ in 0..400 {
            let heard = self.heard.lock().unwrap().clone();
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("only {} of {count} webhooks came", self.heard.lock().unwrap().len());
    }
}

async fn changes_are_told_until_they_are_received(database: Database) {
    let receiver = Receiver::default();
    *receiver.refusals.lock().unwrap() = 2;
    let (url, secret) = (receiver.start().await, format!("whsec_{SECRET}"));
    let settings = [("WEBHOOK_URL", url.as_str()), ("WEBHOOK_SECRET", secret.as_str())];
    let mut service = Service::start(&database, &settings).await;
    let id = service.client.payment("1,00").await;
    let other = service.client.payment("1,00").await;
    let path = format!("/v1/payments/{id}/status");
    assert_eq!(service.client.put(&path, json!({ "status": "consumed" })).await.status, 200);
    assert_eq!(service.client.put(&path, json!({ "status": "consumed" })).await.status, 200);
    assert_eq!(service.client.delete(&format!("/v1/payments/{other}")).await.status, 204);
    assert_eq!(
        send(service.client.request("POST", &format!("/v1/payments/{other}/restore"))).await.status,
        200
    );
    // What was not delivered yet survives a sudden end.
    service.kill();
    let service = Service::start(&database, &settings).await;

    let heard = receiver.wait_for(5).await;
    let mut kinds = Vec::new();
    for (headers, body) in &heard {
        let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(SECRET).unwrap()).unwrap();
        mac.update(
            format!("{}.{}.{body}", text("webhook-id"), text("webhook-timestamp")).as_bytes(),
        );
        assert_eq!(
            text("webhook-signature"),
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        );
        assert!(text("traceparent").starts_with("00-"));
        let body: Value = serde_json::from_str(body).unwrap();
        kinds.push(format!("{} {}", body["type"].as_str().unwrap(), body["data"]["version"]));
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(
        kinds,
        ["payment.consumed 2", "payment.deleted 2", "payment.inserted 1", "payment.restored 3"]
    );
    drop(service);
}

async fn one_slow_answer_holds_nothing_up(database: Database) {
    let receiver = Receiver::default();
    let held = Arc::clone(&receiver.held).lock_owned().await;
    let (url, secret) = (receiver.start().await, format!("whsec_{SECRET}"));
    let settings = [("WEBHOOK_URL", url.as_str()), ("WEBHOOK_SECRET", secret.as_str())];
    let service = Service::start(&database, &settings).await;
    for _ in 0..30 {
        service.client.payment("1,00").await;
    }
    // All but the first, which is still being answered.
    receiver.wait_for(29).await;
    drop(held);
    receiver.wait_for(30).await;
}

async fn old_deliveries_are_given_up(database: Database) {
    let receiver = Receiver::default();
    *receiver.refusals.lock().unwrap() = u32::MAX;
    let (url, secret) = (receiver.start().await, format!("whsec_{SECRET}"));
    let metrics = crate::database::free_port();
    let port = metrics.to_string();
    let settings = [
        ("WEBHOOK_URL", url.as_str()),
        ("WEBHOOK_SECRET", secret.as_str()),
        ("WEBHOOK_GIVE_UP_SECONDS", "1"),
        ("METRICS_PORT", port.as_str()),
    ];
    let service = Service::start(&database, &settings).await;
    service.client.payment("1,00").await;
    let given_up =
        || service.logs().iter().any(|line| line["message"] == "a delivery was given up");
    for _ in 0..600 {
        if given_up() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(given_up(), "{:?}", service.logs());
    let shown =
        async || crate::client::Client::new(metrics).open("GET", "/metrics").await.unwrap().text;
    for _ in 0..600 {
        if shown().await.contains("webhook_outbox_deliveries{state=\"dead\"} 1") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}", shown().await);
}
