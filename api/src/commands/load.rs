//! `load URL`: a bounded closed-loop load with percentiles.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, say};
use crate::{http_client, settings::Settings};

#[derive(Args)]
pub(super) struct Load {
    /// Where the service is, such as https://payments.example.com; credentials come from ADMIN_USER and ADMIN_PASS
    url: Url,
    /// What to do
    #[arg(long, value_enum, default_value = "mixed")]
    scenario: Scenario,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Duration, seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// POST /v1/payments
    Create,
    /// GET of one payment
    Get,
    /// GET /v1/payments, 20 a page
    List,
    /// One create, one list and eight gets in ten
    Mixed,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    broken: u64,
}

struct Target {
    http: Client,
    base: String,
    user: String,
    pass: SecretString,
    scenario: Scenario,
    payment: String,
}

impl Load {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let target = Arc::new(self.target(settings).await?);
        let began = Instant::now();
        let until = began + Duration::from_secs(self.seconds);
        let workers: Vec<_> = (0..self.connections)
            .map(|_| tokio::spawn(worker(Arc::clone(&target), until)))
            .collect();
        let mut times = histogram()?;
        let mut seen = Seen::default();
        for worker in workers {
            let (other, own) = worker.await.map_err(|error| Failure::new(error.to_string()))??;
            times.add(other).map_err(|error| Failure::new(error.to_string()))?;
            seen.broken += own.broken;
            for (status, count) in own.statuses {
                *seen.statuses.entry(status).or_default() += count;
            }
        }
        report(&times, &seen, began.elapsed())
    }

    async fn target(&self, settings: &Settings) -> Result<Target, Failure> {
        let http =
            http_client::new().ok_or_else(|| Failure::new("the HTTP client cannot be made"))?;
        let mut target = Target {
            http,
            base: self.url.as_str().trim_end_matches('/').to_owned(),
            user: settings.admin_user.clone().unwrap_or_default(),
            pass: settings.admin_pass.clone().unwrap_or_default(),
            scenario: self.scenario,
            payment: String::new(),
        };
        let answer = target.create().send().await.map_err(|error| {
            Failure::new(format!("a first payment: {}", http_client::why(error)))
        })?;
        let status = answer.status();
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        let id = body["id"].as_str().map(str::to_owned);
        target.payment =
            id.ok_or_else(|| Failure::new(format!("a first payment was answered {status}")))?;
        Ok(target)
    }
}

impl Target {
    fn request(&self, turn: u64) -> RequestBuilder {
        match (self.scenario, turn % 10) {
            (Scenario::Create, _) | (Scenario::Mixed, 0) => self.create(),
            (Scenario::List, _) | (Scenario::Mixed, 5) => self.read("/v1/payments"),
            _ => self.read(&format!("/v1/payments/{}", self.payment)),
        }
    }

    fn create(&self) -> RequestBuilder {
        self.ask(Method::POST, "/v1/payments")
            .header("content-type", "application/json")
            .header("idempotency-key", uuid::Uuid::now_v7().to_string())
            .body(r#"{"amount":{"value":"123.45"},"data":{"load":true}}"#)
    }

    fn read(&self, path: &str) -> RequestBuilder {
        self.ask(Method::GET, path)
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .basic_auth(&self.user, Some(self.pass.expose_secret()))
    }
}

/// Sends one request after the other; the client keeps the connection.
async fn worker(target: Arc<Target>, until: Instant) -> Result<(Histogram<u64>, Seen), Failure> {
    let mut times = histogram()?;
    let mut seen = Seen::default();
    let mut turn: u64 = rand::random::<u64>() % 10;
    while Instant::now() < until {
        turn += 1;
        let began = Instant::now();
        let Ok(status) = send(target.request(turn)).await else {
            seen.broken += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        *seen.statuses.entry(status.as_u16()).or_default() += 1;
        times.saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok((times, seen))
}

async fn send(request: RequestBuilder) -> Result<StatusCode, reqwest::Error> {
    let answer = request.send().await?;
    let status = answer.status();
    answer.bytes().await?;
    Ok(status)
}

/// Microseconds up to a minute, three digits.
fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(1, 60_000_000, 3).map_err(|error| Failure::new(error.to_string()))
}

fn report(times: &Histogram<u64>, seen: &Seen, elapsed: Duration) -> Result<(), Failure> {
    let total: u64 = seen.statuses.values().sum();
    let good: u64 = seen.statuses.range(200..400).map(|(_, count)| count).sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = total as f64 / elapsed.as_secs_f64();
    say(&format!("requests    {total} in {:.1} s, {rate:.0}/s", elapsed.as_secs_f64()))?;
    say(&format!("answers     {:?}, broken connections {}", seen.statuses, seen.broken))?;
    for share in [50.0, 90.0, 99.0, 99.9, 100.0] {
        say(&format!("p{share:<10} {} us", times.value_at_percentile(share)))?;
    }
    if good == total && seen.broken == 0 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} of {total} requests failed, {} connections broke",
        total - good,
        seen.broken
    )))
}
