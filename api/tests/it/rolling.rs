//! A rolling restart of two instances behind a balancer under load: not one request fails.
//!
//! The balancer does what an Application Load Balancer does: asks `/status`, sends requests over kept connections to
//! whoever is healthy, and retries nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    client::{Client, answer},
    database::{Database, free_port},
    service::Service,
};

struct Target {
    client: Client,
    healthy: AtomicBool,
}

/// Asks the target like a health check with an interval of 100 ms and a threshold of one.
async fn check(target: Arc<Target>) {
    loop {
        let status = target.client.open("GET", "/status").await.map(|answer| answer.status);
        target.healthy.store(status == Some(200), Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_instances_are_replaced() {
    let database = Database::postgres().await;
    let settings = [("DRAIN_SECONDS", "1"), ("RATE_LIMIT_PER_MINUTE", "0")];
    let ports = [free_port(), free_port()];
    let mut services = Vec::new();
    let mut targets = Vec::new();
    for port in ports {
        services.push(Service::on_port(&database.url, port, &settings).await);
        let target = Arc::new(Target { client: Client::new(port), healthy: AtomicBool::new(true) });
        tokio::spawn(check(Arc::clone(&target)));
        targets.push(target);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU32::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let (targets, stop, sent) = (targets.clone(), Arc::clone(&stop), Arc::clone(&sent));
        clients.spawn(async move {
            let mut failures = Vec::new();
            for turn in worker.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let healthy: Vec<_> =
                    targets.iter().filter(|target| target.healthy.load(Ordering::SeqCst)).collect();
                let Some(target) = healthy.get(turn % healthy.len().max(1)) else {
                    failures.push("no healthy target".to_owned());
                    continue;
                };
                let request = if turn % 4 == 0 {
                    target.client.request("POST", "/create").json(&json!({ "payment": "1,00" }))
                } else {
                    target.client.request("GET", "/list?limit=1")
                };
                sent.fetch_add(1, Ordering::Relaxed);
                match answer(request).await {
                    Some(answer) if answer.status < 300 => {}
                    Some(answer) => failures.push(answer.text),
                    None => failures.push("broken connection".to_owned()),
                }
            }
            failures
        });
    }
    for place in [0, 1, 0, 1] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        services[place].signal("-TERM");
        assert!(services[place].ended().await.success());
        services[place] = Service::on_port(&database.url, ports[place], &settings).await;
        while !targets[place].healthy.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(failures) = clients.join_next().await {
        assert_eq!(failures.unwrap(), Vec::<String>::new());
    }
    assert!(sent.load(Ordering::Relaxed) > 500, "no load: {sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_start_together_migrate_once() {
    let database = Database::postgres().await;
    let services: Vec<_> =
        (0..4).map(|_| Service::spawn(&database.url, free_port(), &[])).collect();
    for service in &services {
        service.wait_until_ready().await;
        assert_eq!(service.client.get("/list").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolled_back_release_runs_on_its_successors_schema() {
    let database = Database::postgres().await;
    drop(Service::start(&database, &[]).await);
    database
        .execute(
            "ALTER TABLE payments ADD COLUMN tomorrow text;
             INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'tomorrow', true, '\\x00', 0)",
        )
        .await;
    let service = Service::start(&database, &[]).await;
    service.client.payment("1,00").await;
}

/// A request that is being answered when SIGTERM comes is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_progress_are_finished() {
    let database = Database::postgres().await;
    let mut service = Service::start(&database, &[]).await;
    database
        .execute(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END';
             CREATE TRIGGER slowly BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION slowly()",
        )
        .await;
    let client = service.client.clone();
    let request =
        tokio::spawn(async move { client.post("/create", json!({ "payment": "1,00" })).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.signal("-TERM");
    assert_eq!(request.await.unwrap().status, 201);
    assert!(service.ended().await.success());
}
