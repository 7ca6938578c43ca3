//! `load URL`: a bounded closed-loop load with percentiles.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;

use super::{Failure, say};
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct Load {
    /// Where the service is, http:// only; credentials come from ADMIN_USER and ADMIN_PASS
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
    address: String,
    host: String,
    authorization: String,
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
        let host = self.url.host_str().filter(|_| self.url.scheme() == "http");
        let host = host.ok_or_else(|| Failure::new("the URL is not http://host:port"))?;
        let address = format!("{host}:{}", self.url.port_or_known_default().unwrap_or(80));
        let user = settings.admin_user.as_deref().unwrap_or_default();
        let pass =
            settings.admin_pass.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        let mut target = Target {
            host: address.clone(),
            address,
            authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{pass}"))),
            scenario: self.scenario,
            payment: String::new(),
        };
        let mut connection = connect(&target.address).await?;
        let (status, body) = send(&mut connection, target.create()?).await?;
        let id = serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|body| Some(body["id"].as_str()?.to_owned()));
        target.payment =
            id.ok_or_else(|| Failure::new(format!("a first payment was answered {status}")))?;
        Ok(target)
    }
}

impl Target {
    fn request(&self, turn: u64) -> Result<Request<Full<Bytes>>, Failure> {
        match (self.scenario, turn % 10) {
            (Scenario::Create, _) | (Scenario::Mixed, 0) => self.create(),
            (Scenario::List, _) | (Scenario::Mixed, 5) => self.read("/v1/payments"),
            _ => self.read(&format!("/v1/payments/{}", self.payment)),
        }
    }

    fn create(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let key = uuid::Uuid::now_v7().to_string();
        let body = r#"{"amount":{"value":"123.45"},"data":{"load":true}}"#;
        let request = Request::post("/v1/payments")
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Full::new(Bytes::from_static(body.as_bytes())));
        request.map_err(|error| Failure::new(error.to_string()))
    }

    fn read(&self, path: &str) -> Result<Request<Full<Bytes>>, Failure> {
        let request = Request::get(path)
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .body(Full::new(Bytes::new()));
        request.map_err(|error| Failure::new(error.to_string()))
    }
}

type Connection = http1::SendRequest<Full<Bytes>>;

async fn connect(address: &str) -> Result<Connection, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{address}: {error}"));
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
) -> Result<(u16, Bytes), Failure> {
    let failed = |error: hyper::Error| Failure::new(error.to_string());
    connection.ready().await.map_err(failed)?;
    let answer = connection.send_request(request).await.map_err(failed)?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(failed)?.to_bytes();
    Ok((status, body))
}

async fn worker(target: Arc<Target>, until: Instant) -> Result<(Histogram<u64>, Seen), Failure> {
    let mut times = histogram()?;
    let mut seen = Seen::default();
    let mut connection = None;
    let mut turn: u64 = rand::random::<u64>() % 10;
    while Instant::now() < until {
        let mut open = match connection.take() {
            Some(open) => open,
            None => {
                if let Ok(open) = connect(&target.address).await {
                    open
                } else {
                    seen.broken += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            }
        };
        turn += 1;
        let began = Instant::now();
        match send(&mut open, target.request(turn)?).await {
            Ok((status, _)) => {
                *seen.statuses.entry(status).or_default() += 1;
                times.saturating_record(
                    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
                );
                connection = Some(open);
            }
            Err(_) => seen.broken += 1,
        }
    }
    Ok((times, seen))
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
