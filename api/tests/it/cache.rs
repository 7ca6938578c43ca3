//! The read cache never shows what a finished write has replaced, here or on another instance.

use std::time::Duration;

use serde_json::json;

use crate::{
    database::Database,
    on_both,
    proxy::{Mode, Proxy},
    service::Service,
};

on_both!(a_write_is_seen_by_the_next_read);

async fn a_write_is_seen_by_the_next_read(database: Database) {
    let service = Service::start(&database, &[("RATE_LIMIT_PER_MINUTE", "0")]).await;
    for _ in 0..20 {
        let id = service.client.payment("1,00").await;
        let path = format!("/v1/payments/{id}");
        // Readers keep the entry hot and fetches in progress while the payment changes.
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, path) = (service.client.clone(), path.clone());
            readers.spawn(async move {
                for _ in 0..10 {
                    client.get(&path).await;
                }
            });
        }
        let written =
            service.client.put(&format!("{path}/status"), json!({ "status": "consumed" })).await;
        assert_eq!(service.client.get(&path).await.body, written.body);
        readers.join_all().await;
        assert_eq!(service.client.delete(&path).await.status, 409);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_instances_hear_of_a_write() {
    let database = Database::postgres().await;
    let (one, two) = (Service::start(&database, &[]).await, Service::start(&database, &[]).await);
    for _ in 0..10 {
        let id = one.client.payment("1,00").await;
        let path = format!("/v1/payments/{id}");
        assert_eq!(two.client.get(&path).await.body["version"], 1);
        assert_eq!(
            one.client.put(&format!("{path}/status"), json!({ "status": "consumed" })).await.status,
            200
        );
        let mut version = json!(1);
        for _ in 0..100 {
            version = two.client.get(&path).await.body["version"].clone();
            if version == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(version, 2, "the other instance still shows the old version");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deaf_instances_do_not_cache() {
    let database = Database::postgres().await;
    let url = reqwest::Url::parse(&database.url).expect("a URL");
    let proxy = Proxy::before(url.port().expect("a port")).await;
    let mut through = url.clone();
    through.set_port(Some(proxy.port)).expect("a port");
    let writer = Service::start(&database, &[]).await;
    let reader = Service::on_port(through.as_str(), crate::database::free_port(), &[]).await;
    let id = writer.client.payment("1,00").await;
    let path = format!("/v1/payments/{id}");
    assert_eq!(reader.client.get(&path).await.body["version"], 1);
    assert_eq!(reader.client.get(&path).await.body["version"], 1);
    // The message about this write is lost with the connection.
    proxy.set(Mode::Cut);
    assert_eq!(
        writer.client.put(&format!("{path}/status"), json!({ "status": "consumed" })).await.status,
        200
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.set(Mode::Open);
    let mut answer = reader.client.get(&path).await;
    while answer.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = reader.client.get(&path).await;
    }
    assert_eq!(answer.body["version"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_one_payment_share_a_fetch() {
    let database = Database::postgres().await;
    let metrics = crate::database::free_port();
    let port = metrics.to_string();
    let service =
        Service::start(&database, &[("METRICS_PORT", &port), ("RATE_LIMIT_PER_MINUTE", "0")]).await;
    let id = service.client.payment("1,00").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..50 {
        assert_eq!(service.client.get(&format!("/v1/payments/{id}")).await.status, 200);
    }
    let shown =
        crate::client::Client::new(metrics).open("GET", "/metrics").await.expect("metrics").text;
    let finds = shown
        .lines()
        .find(|line| {
            line.starts_with("db_client_operation_duration_seconds_count")
                && line.contains("\"find\"")
        })
        .and_then(|line| line.rsplit(' ').next()?.parse::<u32>().ok())
        .expect("finds are counted");
    assert!(finds <= 2, "{finds} fetches for one payment");
}

/// While one read is held up, others come; they share the next statement, and each gets its own payment or page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_wait_together_do_not_mix_up() {
    let database = Database::postgres().await;
    let settings = [("CACHE_ENTRIES", "0"), ("DATABASE_POOL", "3"), ("RATE_LIMIT_PER_MINUTE", "0")];
    let service = Service::start(&database, &settings).await;
    let mut paths = vec![format!("/v1/payments/{}", uuid::Uuid::now_v7())];
    for _ in 0..24 {
        paths.push(format!("/v1/payments/{}", service.client.payment("1,00").await));
    }
    let held_up = database.execute(
        "BEGIN; LOCK TABLE payments IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT",
    );
    let reads = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut tasks = tokio::task::JoinSet::new();
        for path in paths.iter().cycle().take(paths.len() * 2).cloned() {
            let client = service.client.clone();
            tasks.spawn(async move { (client.get(&path).await, path) });
        }
        for limit in [1, 5] {
            let (client, path) = (service.client.clone(), format!("/v1/payments?limit={limit}"));
            tasks.spawn(async move { (client.get(&path).await, path) });
        }
        tasks.join_all().await
    };
    let ((), answers) = tokio::join!(held_up, reads);
    for (answer, path) in answers {
        if let Some((_, limit)) = path.split_once("limit=") {
            let found = answer.body["data"].as_array().map(Vec::len);
            assert_eq!(found.map(|found| found.to_string()).as_deref(), Some(limit));
        } else if path == paths[0] {
            answer.is_problem(404, "payment_not_found");
        } else {
            assert_eq!(answer.body["id"], path["/v1/payments/".len()..], "{}", answer.text);
        }
    }
}
