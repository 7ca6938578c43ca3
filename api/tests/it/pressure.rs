//! One user, one row or one kind of failure does not take the service from everyone else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::{
    client::{Client, send},
    database::Database,
    on_both,
    service::Service,
};

on_both!(searches_leave_places_for_others);

/// Many rows, made by the database itself.
async fn fill(database: &Database, rows: u32) {
    if database.is_postgres() {
        database
            .execute_text(format!(
                "DROP INDEX payments_by_data;
                 INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
                 SELECT gen_random_uuid(), 'inserted', jsonb_build_object('n', n, 'text', repeat('x', 200)), 100, 'BRL', 1, now(), now()
                 FROM generate_series(1, {rows}) AS n"
            ))
            .await;
    } else {
        let mut connection = sqlx::SqliteConnection::connect(&database.url).await.unwrap();
        let text = format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
             INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
             SELECT randomblob(16), 'inserted', json_object('n', n, 'text', hex(zeroblob(100))), 100, 'BRL', 1, 0, 0 FROM numbers"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    }
}

/// A key that may only read asks for counts that read the whole table, as fast as it can.
async fn searches_leave_places_for_others(database: Database) {
    drop(Service::start(&database, &[]).await);
    fill(&database, 300_000).await;
    let settings = [
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("REQUEST_TIMEOUT_MS", "3000"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "600"),
        ("DATABASE_POOL", "4"),
        ("CACHE_ENTRIES", "0"),
    ];
    let service = Service::start(&database, &settings).await;
    let id = service.client.payment("1,00").await;
    let mut searches = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let client = service.client.clone();
        searches.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..3 {
                let request = client.request("HEAD", "/v1/payments?minor_lte=50");
                seen.push(send(request).await.status);
            }
            seen
        });
    }
    let mut others = Vec::new();
    while !searches.is_empty() {
        let read = service.client.get(&format!("/v1/payments/{id}")).await;
        let created = service.client.post("/create", json!({ "payment": "1,00" })).await;
        others.extend([read.status, created.status]);
        while searches.try_join_next().is_some_and(|seen| {
            let seen = seen.unwrap();
            assert!(seen.iter().all(|status| [200, 503, 504].contains(status)), "{seen:?}");
            true
        }) {}
    }
    assert!(
        others.iter().all(|status| [200, 201].contains(status)),
        "searches took the service from others: {others:?}"
    );
    assert_eq!(service.client.open("GET", "/status").await.unwrap().body["status"], "pass");
}

async fn statuses(client: &Client, count: u32, ask: impl AsyncFn(&Client) -> u16) -> Vec<u16> {
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(ask(client).await);
    }
    seen
}

/// A migration or somebody at a console holds one row: reads and other payments go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_is_nobody_elses_business() {
    let database = Database::postgres().await;
    let settings = [("REQUEST_TIMEOUT_MS", "3000"), ("RATE_LIMIT_PER_MINUTE", "0")];
    let service = Service::start(&database, &settings).await;
    let id = service.client.payment("1,00").await;
    let mut holder = PgConnection::connect(&database.url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM payments WHERE id = $1 FOR UPDATE")
        .bind(id.parse::<uuid::Uuid>().unwrap())
        .execute(&mut *held)
        .await
        .unwrap();
    let path = format!("/v1/payments/{id}/status");
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, path) = (service.client.clone(), path.clone());
        writers.spawn(async move { client.put(&path, json!({ "status": "consumed" })).await });
    }
    for answer in writers.join_all().await {
        answer.is_problem(503, "overloaded");
        assert_ne!(answer.header("retry-after"), "");
    }
    let reads =
        statuses(&service.client, 20, async |client| client.get("/list").await.status).await;
    assert!(reads.iter().all(|status| *status == 200), "{reads:?}");
    let creates = statuses(&service.client, 5, async |client| {
        client.post("/create", json!({ "payment": "1,00" })).await.status
    })
    .await;
    assert!(creates.iter().all(|status| *status == 201), "{creates:?}");
    held.rollback().await.unwrap();
    assert_eq!(service.client.put(&path, json!({ "status": "consumed" })).await.status, 200);
}

/// RDS without space, or a failover: writes are refused, reads go on and the service stays ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_still_answers_reads() {
    let database = Database::postgres().await;
    let settings = [("RATE_LIMIT_PER_MINUTE", "0")];
    drop(Service::start(&database, &settings).await);
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    let service = Service::start(&database, &settings).await;
    database
        .execute_text(format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))
        .await;
    database
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await;
    let began = Instant::now();
    while service.client.get("/list").await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come back");
    }
    let mut seen: Vec<Value> = Vec::new();
    for _ in 0..20 {
        let refused = service.client.post("/create", json!({ "payment": "1,00" })).await;
        refused.is_problem(503, "database_unavailable");
        seen.push(json!(service.client.get("/list").await.status));
        seen.push(json!(service.client.open("GET", "/readyz").await.unwrap().status));
    }
    assert!(seen.iter().all(|status| status == 200), "{seen:?}");
    assert_eq!(service.client.open("GET", "/status").await.unwrap().body["status"], "warn");
}

/// A client that goes away in the middle of a search leaves no open transaction behind for whoever is lent the connection
/// next: what that one is told is kept would be rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_that_are_given_up_leave_nothing_open() {
    let database = Database::postgres().await;
    let settings = [("DATABASE_POOL", "2"), ("RATE_LIMIT_PER_MINUTE", "0"), ("CACHE_ENTRIES", "0")];
    let service = Service::start(&database, &settings).await;
    for turn in 0..40 {
        let mut given_up = tokio::task::JoinSet::new();
        for number in 0..8 {
            let request = service.client.request("HEAD", "/v1/payments?minor_lte=50");
            given_up.spawn(tokio::time::timeout(
                Duration::from_micros(500 * (turn % 10 + 1) + 200 * number),
                async move { request.send().await.is_ok() },
            ));
        }
        given_up.join_all().await;
        let id = service.client.payment("1,00").await;
        // Seen from outside, so committed.
        let began = Instant::now();
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        let (found,): (i64,) = sqlx::query_as("SELECT count(*) FROM payments WHERE id = $1")
            .bind(id.parse::<uuid::Uuid>().unwrap())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(found, 1, "turn {turn}, after {:?}", began.elapsed());
    }
}
