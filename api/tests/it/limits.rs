//! Quotas, shared between instances, and what is told about them.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(
    a_body_that_does_not_come,
    a_quota_is_announced_and_kept,
    principals_have_quotas_of_their_own
);

async fn a_quota_is_announced_and_kept(database: Database) {
    let service = Service::start(&database, &[("RATE_LIMIT_PER_MINUTE", "10")]).await;
    let first = service.client.get("/list").await;
    assert_eq!(first.header("ratelimit-policy"), "\"default\";q=10;w=60");
    assert_eq!(first.header("ratelimit"), "\"default\";r=9;t=6");
    let mut allowed = 1;
    let refused = loop {
        let answer = service.client.get("/list").await;
        if answer.status != 200 {
            break answer;
        }
        allowed += 1;
        assert!(allowed <= 12, "the quota is not kept");
    };
    refused.is_problem(429, "rate_limited");
    assert!(allowed >= 10);
    let wait = refused.header("retry-after");
    assert!((1..=6).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    assert_eq!(refused.header("ratelimit"), format!("\"default\";r=0;t={wait}"));
    assert_eq!(
        service.client.open("GET", "/status").await.unwrap().status,
        200,
        "health checks have no quota"
    );
}

/// The delay is the client's, so it is no 5xx that would wake someone.
async fn a_body_that_does_not_come(database: Database) {
    let service = Service::start(&database, &[("REQUEST_TIMEOUT_MS", "500")]).await;
    let mut stream = TcpStream::connect(("127.0.0.1", service.port)).await.unwrap();
    let head = "POST /create HTTP/1.1\r\nhost: x\r\nauthorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n\
                content-type: application/json\r\ncontent-length: 20\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"body_timeout\""), "{answer}");
    service.client.payment("1,00").await;
}

async fn principals_have_quotas_of_their_own(database: Database) {
    let service = Service::start(&database, &[("RATE_LIMIT_PER_MINUTE", "5")]).await;
    let key = service.client.post("/v1/api-keys", json!({ "name": "x", "scopes": ["read"] })).await;
    while service.client.get("/list").await.status == 200 {}
    let other = service
        .client
        .bare("GET", "/list")
        .header("x-api-key", key.body["secret"].as_str().unwrap());
    assert_eq!(send(other).await.status, 200);
}

/// A task that is asked rarely takes little: else many tasks use up a quota that nobody used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rare_request_leases_no_more_than_it_uses() {
    let database = Database::postgres().await;
    let service = Service::start(&database, &[("RATE_LIMIT_PER_MINUTE", "600")]).await;
    assert_eq!(service.client.get("/list").await.status, 200);
    database
        .execute("DO $$ BEGIN IF NOT EXISTS (SELECT FROM rate_buckets WHERE tokens >= 598) THEN RAISE 'leased too much'; END IF; END $$")
        .await;
    for _ in 0..100 {
        assert_eq!(service.client.get("/list").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_a_quota() {
    const QUOTA: u32 = 120;
    let database = Database::postgres().await;
    let quota = QUOTA.to_string();
    let mut services = Vec::new();
    for _ in 0..3 {
        services.push(Service::start(&database, &[("RATE_LIMIT_PER_MINUTE", &quota)]).await);
    }
    let began = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for service in &services {
        let client = service.client.clone();
        tasks.spawn(async move {
            let mut allowed = 0;
            for _ in 0..QUOTA {
                allowed += u32::from(client.get("/list").await.status == 200);
            }
            allowed
        });
    }
    let allowed: u32 = tasks.join_all().await.into_iter().sum();
    let refilled = f64::from(QUOTA) * began.elapsed().as_secs_f64() / 60.0;
    let most = f64::from(QUOTA) + refilled + 1.0;
    assert!(
        f64::from(allowed) <= most,
        "{allowed} of at most {most}: three instances gave more than one quota"
    );
    assert!(allowed >= QUOTA - 10, "{allowed}: leased tokens were lost");
}
