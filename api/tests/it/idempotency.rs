//! Idempotency keys: one payment however often it is asked for.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Answer, Client, send},
    database::Database,
    on_both,
    service::Service,
};

on_both!(
    a_key_pays_once,
    keys_are_read_as_they_are_sent,
    required_keys,
    old_keys_expire,
    many_retries_at_once
);

async fn create(client: &Client, path: &str, key: &str, payment: &str) -> Answer {
    let body = if path == "/create" {
        json!({ "payment": payment })
    } else {
        json!({ "amount": { "value": payment } })
    };
    send(client.request("POST", path).header("idempotency-key", key).json(&body)).await
}

async fn a_key_pays_once(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    for path in ["/create", "/v1/payments"] {
        let first = create(client, path, "k", "10,00").await;
        let second = create(client, path, "k", "10.00").await;
        assert_eq!((first.status, first.header("idempotency-hit")), (201, ""));
        assert_eq!((second.status, second.header("idempotency-hit")), (201, "true"));
        assert_eq!((&first.text, first.header("etag")), (&second.text, second.header("etag")));
        assert_eq!(first.header("location"), second.header("location"));
        create(client, path, "k", "10,01").await.is_problem(422, "idempotency_key_reused");
    }
    // Another route is another scope, and so is another principal.
    assert_eq!(client.get("/v1/payments?include=total").await.body["total"], 2);
    let key = client.post("/v1/api-keys", json!({ "name": "other", "scopes": ["write"] })).await;
    let secret = key.body["secret"].as_str().unwrap();
    let other =
        client.bare("POST", "/create").header("x-api-key", secret).header("idempotency-key", "k");
    let other = send(other.json(&json!({ "payment": "10,00" }))).await;
    assert_eq!((other.status, other.header("idempotency-hit")), (201, ""));
    // What failed validation used no key up.
    create(client, "/create", "v", "12.345").await.is_problem(422, "validation_failed");
    assert_eq!(create(client, "/create", "v", "12,34").await.status, 201);
}

async fn keys_are_read_as_they_are_sent(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let first = create(client, "/create", "same", "1,00").await;
    assert_eq!(create(client, "/create", "\"same\"", "1,00").await.text, first.text);
    let body = json!({ "payment": "1,00" });
    let third =
        send(client.request("POST", "/create").header("x-idempotency-key", "same").json(&body))
            .await;
    assert_eq!(third.text, first.text);
    let long = "x".repeat(256);
    for key in ["", " ", "a b", "\"open", "a\"b", &long] {
        create(client, "/create", key, "1,00").await.is_problem(400, "invalid_parameter");
    }
    assert_eq!(create(client, "/create", &long[..255], "1,00").await.status, 201);
}

async fn required_keys(database: Database) {
    let service = Service::start(&database, &[("IDEMPOTENCY", "required")]).await;
    let missing = service.client.post("/create", json!({ "payment": "1,00" })).await;
    missing.is_problem(400, "idempotency_key_missing");
    assert_eq!(create(&service.client, "/create", "k", "1,00").await.status, 201);
}

async fn old_keys_expire(database: Database) {
    let service = Service::start(&database, &[("IDEMPOTENCY_TTL_SECONDS", "1")]).await;
    let first = create(&service.client, "/create", "k", "1,00").await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let second = create(&service.client, "/create", "k", "2,00").await;
    assert_eq!((second.status, second.header("idempotency-hit")), (201, ""));
    assert_ne!(first.body["id"], second.body["id"]);
}

async fn many_retries_at_once(database: Database) {
    let service = Service::start(&database, &[]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let client = service.client.clone();
        tasks.spawn(async move { create(&client, "/create", "storm", "1,00").await });
    }
    let mut fresh = 0;
    while let Some(answer) = tasks.join_next().await {
        let answer = answer.unwrap();
        if answer.status == 201 {
            fresh += i32::from(answer.header("idempotency-hit").is_empty());
        } else {
            answer.is_problem(409, "idempotency_key_in_flight");
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    assert_eq!(fresh, 1);
    assert_eq!(service.client.get("/v1/payments?include=total").await.body["total"], 1);
}

/// Makes every insert of a payment take a while, so that a second request meets the first one at work.
const SLOW_INSERTS: &str = "
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END';
    CREATE TRIGGER slowly BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION slowly()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_flight_is_refused_at_once_by_every_instance() {
    let database = Database::postgres().await;
    let (one, two) = (Service::start(&database, &[]).await, Service::start(&database, &[]).await);
    database.execute(SLOW_INSERTS).await;
    let client = one.client.clone();
    let first = tokio::spawn(async move { create(&client, "/create", "k", "1,00").await });
    tokio::time::sleep(Duration::from_millis(600)).await;
    for service in [&one, &two] {
        create(&service.client, "/create", "k", "1,00")
            .await
            .is_problem(409, "idempotency_key_in_flight");
    }
    assert!(!first.is_finished(), "the refusals waited for the first request");
    let first = first.await.unwrap();
    assert_eq!(first.status, 201);
    let replayed = create(&two.client, "/create", "k", "1,00").await;
    assert_eq!((replayed.header("idempotency-hit"), &replayed.text), ("true", &first.text));
}

/// The database's clock decides when a key expires: a task whose own is wrong by days deletes nobody's keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_of_tasks_do_not_expire_keys() {
    let database = Database::postgres().await;
    drop(Service::start(&database, &[]).await);
    // To this service the database's clock is three days behind, as to a task that is three days ahead.
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    database
        .execute_text(format!(
            "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
                 AS $$ SELECT pg_catalog.clock_timestamp() - interval '3 days' $$;
             ALTER DATABASE {name} SET search_path = public, pg_catalog"
        ))
        .await;
    let service = Service::start(&database, &[]).await;
    let create = async |service: &Service| {
        let request = service.client.request("POST", "/create").header("idempotency-key", "k1");
        send(request.json(&json!({ "payment": "1,00" }))).await
    };
    let first = create(&service).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let consumed = service
        .client
        .put(
            &format!("/v1/payments/{}/status", first.body["id"].as_str().unwrap()),
            json!({ "status": "consumed" }),
        )
        .await;
    assert!(
        consumed.body["updated_at"].as_str().unwrap()
            >= consumed.body["created_at"].as_str().unwrap(),
        "{}",
        consumed.text
    );
    // What a task with a right clock would have written.
    database
        .execute(
            "UPDATE idempotency_keys SET expires_at = public.clock_timestamp() + interval '1 day'",
        )
        .await;
    drop(service);
    // The sweep begins with the service. One that deletes too much does so before it is asked twice.
    let service = Service::start(&database, &[]).await;
    for _ in 0..20 {
        let again = create(&service).await;
        assert_eq!(again.body["id"], first.body["id"], "{}", again.text);
        assert_eq!(again.header("idempotency-hit"), "true");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // And by that clock they do expire.
    database
        .execute("UPDATE idempotency_keys SET expires_at = public.clock_timestamp() - interval '1 second'")
        .await;
    assert_ne!(create(&service).await.body["id"], first.body["id"]);
}
