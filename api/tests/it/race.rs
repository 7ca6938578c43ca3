//! Many consumers of one payment: exactly one wins and is audited.

use serde_json::{Value, json};

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(one_of_64_consumers_wins, writers_with_the_same_tag);

const CONSUMERS: usize = 64;

async fn one_of_64_consumers_wins(database: Database) {
    // Two instances where the database can be shared: the race must not be decided inside one process.
    let one = Service::start(&database, &[]).await;
    let two =
        if database.is_postgres() { Some(Service::start(&database, &[]).await) } else { None };
    let other = two.as_ref().map_or(&one.client, |two| &two.client);
    for _ in 0..5 {
        let id = one.client.payment("1,00").await;
        let mut tasks = tokio::task::JoinSet::new();
        for consumer in 0..CONSUMERS {
            let client = if consumer % 2 == 0 { one.client.clone() } else { other.clone() };
            let path = format!("/v1/payments/{id}/status");
            tasks.spawn(async move {
                let request = client
                    .request("PUT", &path)
                    .header("x-request-id", format!("consumer-{consumer}"));
                send(request.json(&json!({ "status": "consumed" }))).await
            });
        }
        while let Some(answer) = tasks.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(
                (answer.status, &answer.body["version"]),
                (200, &json!(2)),
                "{}",
                answer.text
            );
        }
        let events = one.client.get(&format!("/v1/payments/{id}/events")).await;
        let kinds: Vec<&Value> =
            events.body["data"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
        assert_eq!(kinds, ["inserted", "consumed"]);
    }
}

async fn writers_with_the_same_tag(database: Database) {
    let service = Service::start(&database, &[]).await;
    let id = service.client.payment("1,00").await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..32 {
        let client = service.client.clone();
        let path = format!("/v1/payments/{id}");
        tasks.spawn(async move {
            let request = if writer % 2 == 0 {
                client
                    .request("PUT", &format!("{path}/status"))
                    .json(&json!({ "status": "consumed" }))
            } else {
                client.request("DELETE", &path)
            };
            send(request.header("if-match", "\"1\"")).await.status
        });
    }
    let mut won = 0;
    while let Some(status) = tasks.join_next().await {
        let status = status.unwrap();
        won += i32::from(status < 300);
        assert!([200, 204, 404, 410, 412].contains(&status), "{status}");
    }
    assert_eq!(won, 1, "one tag let several writers through");
}
