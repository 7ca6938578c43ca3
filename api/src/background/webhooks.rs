//! New payments and status changes for another system, signed as Standard Webhooks 1.0.0 says and sent until they are
//! received or too old.
//!
//! A change and its row in the outbox are one write, so none is lost and none is invented. A delivery may arrive twice:
//! its id is the receiver's idempotency key.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::Sha256;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    app::Shared,
    settings::{Settings, signing_key},
    store::{Delivery, Settled},
    telemetry::metrics,
};

/// Deliveries on their way at once.
const AT_ONCE: usize = 10;
/// How long a task may work on a delivery before others may take it: longer than the client's timeout.
const HOLD: Duration = Duration::from_secs(15);
/// How often an empty outbox is looked into.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the backlog is measured.
const MEASURED: Duration = Duration::from_secs(15);

/// Sends what is in the outbox until the service stops. A receiver that is slow with one delivery only takes one of the
/// places.
pub(crate) async fn deliver(app: Shared, stop: CancellationToken) {
    let Some(sender) = Sender::new(&app.settings).map(Arc::new) else { return };
    let mut under_way = JoinSet::new();
    while !stop.is_cancelled() {
        while under_way.try_join_next().is_some() {}
        let places = AT_ONCE - under_way.len();
        let due = if places == 0 { Vec::new() } else { take(&app, places).await };
        let found = due.len();
        for delivery in due {
            under_way.spawn(attempt(Arc::clone(&app), Arc::clone(&sender), delivery));
        }
        if found > 0 && found == places {
            // There may be more: as soon as a place is free.
            tokio::select! { _ = under_way.join_next() => {}, () = stop.cancelled() => return }
        } else if found == 0 {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                Some(_) = under_way.join_next() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

async fn take(app: &Shared, places: usize) -> Vec<Delivery> {
    let places = i64::try_from(places).unwrap_or_default();
    app.store.take_deliveries(places, HOLD).await.unwrap_or_default()
}

/// Measures what waits in the outbox, until the service stops.
pub(crate) async fn measure(app: Shared, stop: CancellationToken) {
    if app.settings.webhook_url.is_none() {
        return;
    }
    loop {
        if let Ok(backlog) = app.store.backlog().await {
            metrics::backlog(backlog.waiting, backlog.dead, backlog.oldest);
        }
        tokio::select! { () = tokio::time::sleep(MEASURED) => {}, () = stop.cancelled() => return }
    }
}

async fn attempt(app: Shared, sender: Arc<Sender>, delivery: Delivery) {
    let received = sender.send(&delivery).await;
    let old = OffsetDateTime::now_utc() - delivery.at > app.settings.webhook_give_up;
    let (settled, outcome) = match (received, old) {
        (true, _) => (Settled::Received, "received"),
        (false, false) => (Settled::Again(backoff(delivery.attempts)), "failed"),
        (false, true) => (Settled::GivenUp, "given_up"),
    };
    metrics::webhook(outcome);
    if settled == Settled::GivenUp {
        tracing::error!(webhook_id = %delivery.id, payment_id = %delivery.payment_id, "a delivery was given up");
    }
    if app.store.settle_delivery(delivery.id, settled).await.is_err() {
        tracing::warn!(webhook_id = %delivery.id, "a delivery could not be settled and will be repeated");
    }
}

/// One second, doubling up to an hour.
fn backoff(attempts: i32) -> Duration {
    Duration::from_secs(1 << attempts.clamp(1, 12).saturating_sub(1)).min(Duration::from_hours(1))
}

struct Sender {
    http: reqwest::Client,
    url: String,
    key: Vec<u8>,
}

impl Sender {
    fn new(settings: &Settings) -> Option<Self> {
        let url = settings.webhook_url.as_ref()?.expose_secret().to_owned();
        let key = signing_key(settings.webhook_secret.as_ref()?.expose_secret())?;
        Some(Self { http: crate::http_client::new()?, url, key })
    }

    async fn send(&self, delivery: &Delivery) -> bool {
        let body = body(delivery);
        let id = format!("msg_{}", delivery.id.simple());
        let timestamp = OffsetDateTime::now_utc().unix_timestamp();
        let span: u64 = rand::random();
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", sign(&self.key, &id, timestamp, &body))
            .header("traceparent", format!("00-{}-{span:016x}-00", delivery.trace_id))
            .body(body);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => true,
            Ok(answer) => {
                tracing::warn!(
                    webhook_id = id,
                    status = answer.status().as_u16(),
                    "a webhook was refused"
                );
                false
            }
            Err(error) => {
                tracing::warn!(
                    webhook_id = id,
                    error = crate::http_client::why(error),
                    "a webhook was not sent"
                );
                false
            }
        }
    }
}

fn body(delivery: &Delivery) -> String {
    json!({
        "type": delivery.kind,
        "timestamp": delivery.at.format(&Rfc3339).unwrap_or_default(),
        "data": { "id": delivery.payment_id, "status": delivery.status, "version": delivery.version },
    })
    .to_string()
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
fn sign(key: &[u8], id: &str, timestamp: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks reference libraries.
    #[test]
    fn signature_is_that_of_the_specification() {
        let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn pauses_grow_up_to_an_hour() {
        assert_eq!(backoff(1), Duration::from_secs(1));
        assert_eq!(backoff(4), Duration::from_secs(8));
        assert_eq!(backoff(1000), Duration::from_secs(2048));
    }
}
