//! kill -9 under load: every acknowledged payment is there afterwards, and a retried key doubles none.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;

use crate::{
    client::{Client, answer},
    database::{Database, free_port},
    on_both,
    service::Service,
};

on_both!(nothing_acknowledged_is_lost);

const CLIENTS: usize = 16;

async fn nothing_acknowledged_is_lost(database: Database) {
    let port = free_port();
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for life in 0..3 {
        let mut service =
            Service::on_port(&database.url, port, &[("RATE_LIMIT_PER_MINUTE", "0")]).await;
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            tasks.spawn(create_until_it_breaks(service.client.clone(), format!("{life}-{client}")));
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        service.kill();
        while let Some(outcome) = tasks.join_next().await {
            let (done, unanswered) = outcome.unwrap();
            asked.extend(done.keys().cloned());
            asked.insert(unanswered);
            acknowledged.extend(done);
        }
    }
    let service = Service::on_port(&database.url, port, &[("RATE_LIMIT_PER_MINUTE", "0")]).await;
    assert!(acknowledged.len() > 50, "only {} creates: no load", acknowledged.len());
    // Retrying every key, answered or not, makes each exist exactly once.
    for key in &asked {
        let id = create(&service.client, key).await.expect("an answer");
        if let Some(before) = acknowledged.get(key) {
            assert_eq!(&id, before, "the payment of {key} was doubled");
        }
    }
    let (mut kept, mut path) = (BTreeMap::new(), "/v1/payments?limit=100".to_owned());
    loop {
        let page = service.client.get(&path).await;
        for payment in page.body["data"].as_array().unwrap() {
            let key = payment["data"]["key"].as_str().unwrap().to_owned();
            let id = payment["id"].as_str().unwrap().to_owned();
            assert_eq!(kept.insert(key.clone(), id), None, "the payment of {key} is there twice");
        }
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/payments?limit=100&cursor={cursor}");
    }
    for (key, id) in &acknowledged {
        assert_eq!(kept.get(key), Some(id), "the payment of {key} was acknowledged and is lost");
    }
    assert_eq!(kept.len(), asked.len());
}

/// Returns what was acknowledged, and the key whose answer never came.
async fn create_until_it_breaks(
    client: Client,
    name: String,
) -> (BTreeMap<String, String>, String) {
    let mut done = BTreeMap::new();
    for number in 0.. {
        let key = format!("{name}-{number}");
        match create(&client, &key).await {
            Some(id) => done.insert(key, id),
            None => return (done, key),
        };
    }
    unreachable!("the load ends when the service is killed")
}

async fn create(client: &Client, key: &str) -> Option<String> {
    let body = json!({ "amount": { "minor": 1 }, "data": { "key": key } });
    let answer =
        answer(client.request("POST", "/v1/payments").header("idempotency-key", key).json(&body))
            .await?;
    assert_eq!(answer.status, 201, "{}", answer.text);
    Some(answer.body["id"].as_str().unwrap().to_owned())
}
