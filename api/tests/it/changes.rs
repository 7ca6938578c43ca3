//! How a payment may change: the state machine, preconditions, tombstones.

use serde_json::json;

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(
    state_machine,
    preconditions,
    deleted_payments,
    deleting_consumed_payments_can_be_allowed,
    if_match_can_be_required,
);

async fn state_machine(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    let set = async |status: &str| {
        client.put(&format!("/update/{id}"), json!({ "status": status })).await
    };
    let unchanged = set("inserted").await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (200, "\"1\""));
    let consumed = set("consumed").await;
    assert_eq!((consumed.status, consumed.header("etag")), (200, "\"2\""));
    let again = set("consumed").await;
    assert_eq!((again.status, again.header("etag"), &again.body), (200, "\"2\"", &consumed.body));
    let refused = set("inserted").await;
    refused.is_problem(409, "payment_already_consumed");
    assert_eq!(refused.body["current"], json!({ "id": id, "status": "consumed", "version": 2 }));
    client.delete(&format!("/delete/{id}")).await.is_problem(409, "payment_already_consumed");
    let events = client.get(&format!("/v1/payments/{id}/events")).await;
    assert_eq!(events.body["data"].as_array().map(Vec::len), Some(2));
}

async fn preconditions(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    let path = format!("/v1/payments/{id}");
    let read =
        async |tag: &str| send(client.request("GET", &path).header("if-none-match", tag)).await;
    let same = read("\"1\"").await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", "\"1\""));
    assert_eq!(read("W/\"1\"").await.status, 304);
    assert_eq!(read("\"0\", \"7\"").await.status, 200);
    let consume = async |tag: &str| {
        let request =
            client.request("PUT", &format!("{path}/status")).json(&json!({ "status": "consumed" }));
        send(request.header("if-match", tag)).await
    };
    for tag in ["\"2\"", "W/\"1\"", "nonsense", "\"2\", \"3\""] {
        consume(tag).await.is_problem(412, "precondition_failed");
    }
    assert_eq!(consume("\"9\", \"1\"").await.status, 200);
    consume("\"1\"").await.is_problem(412, "precondition_failed");
    assert_eq!(consume("*").await.status, 200);
    let delete = client.request("DELETE", &path).header("if-match", "\"1\"");
    send(delete).await.is_problem(412, "precondition_failed");
}

async fn deleted_payments(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    let path = format!("/v1/payments/{id}");
    assert_eq!(client.get(&path).await.status, 200);
    send(client.request("POST", &format!("{path}/restore")))
        .await
        .is_problem(409, "payment_not_deleted");
    assert_eq!(client.delete(&path).await.status, 204);
    client.get(&path).await.is_problem(410, "payment_deleted");
    client.delete(&path).await.is_problem(404, "payment_not_found");
    assert_eq!(client.delete(&format!("{path}?allow_missing=true")).await.status, 204);
    client
        .delete(&format!("{path}?allow_missing=perhaps"))
        .await
        .is_problem(400, "invalid_parameter");
    for status in ["inserted", "consumed"] {
        client
            .put(&format!("/update/{id}"), json!({ "status": status }))
            .await
            .is_problem(410, "payment_deleted");
    }
    let tombstones = client.get("/v1/payments?show_deleted=true").await;
    assert!(tombstones.body["data"][0]["deleted_at"].is_string());
    let restored = send(client.request("POST", &format!("{path}/restore"))).await;
    assert_eq!((restored.status, restored.header("etag")), (200, "\"3\""));
    assert_eq!(client.get(&path).await.body, restored.body);
    let events = client.get(&format!("{path}/events")).await;
    let kinds: Vec<_> =
        events.body["data"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["inserted", "deleted", "restored"]);
}

async fn deleting_consumed_payments_can_be_allowed(database: Database) {
    let service = Service::start(&database, &[("ALLOW_DELETE_CONSUMED", "true")]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    assert_eq!(
        client.put(&format!("/update/{id}"), json!({ "status": "consumed" })).await.status,
        200
    );
    assert_eq!(client.delete(&format!("/delete/{id}")).await.status, 204);
}

async fn if_match_can_be_required(database: Database) {
    let service = Service::start(&database, &[("REQUIRE_IF_MATCH", "true")]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    let path = format!("/v1/payments/{id}");
    client.delete(&path).await.is_problem(428, "precondition_required");
    client
        .put(&format!("{path}/status"), json!({ "status": "consumed" }))
        .await
        .is_problem(428, "precondition_required");
    // The challenge's routes never knew the field and do not ask for it.
    assert_eq!(
        client.put(&format!("/update/{id}"), json!({ "status": "consumed" })).await.status,
        200
    );
}
