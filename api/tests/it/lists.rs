//! Lists: pages, filters, totals, and parameters that are refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(
    pages_are_bounded_by_bytes,
    pages_meet_every_payment_once,
    filters,
    wrong_parameters,
    cursors_outlive_their_instance
);

fn ids(body: &Value) -> Vec<String> {
    body.as_array()
        .unwrap()
        .iter()
        .map(|payment| payment["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn pages_meet_every_payment_once(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let mut made = Vec::new();
    for _ in 0..25 {
        made.push(client.payment("1,00").await);
    }
    let mut path = "/v1/payments?limit=10".to_owned();
    let mut met = Vec::new();
    let mut pages = 0;
    loop {
        let page = client.get(&path).await;
        met.extend(ids(&page.body["data"]));
        pages += 1;
        // What is created meanwhile belongs before the first page and disturbs nobody.
        client.payment("1,00").await;
        let next = page.body["next_cursor"].as_str();
        assert_eq!(page.body["has_more"], next.is_some());
        let Some(cursor) = next else { break };
        path = format!("/v1/payments?limit=10&cursor={cursor}");
        assert_eq!(page.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(pages, 3);
    made.reverse();
    assert_eq!(met, made);

    let first = client.get("/list?limit=15").await;
    let link = first.header("link");
    let next = link.strip_prefix('<').and_then(|link| link.split_once('>')).expect("a link").0;
    let second = client.get(next).await;
    let both: BTreeSet<_> = ids(&first.body).into_iter().chain(ids(&second.body)).collect();
    assert_eq!(both.len(), 28);
    assert_eq!(ids(&client.get("/list").await.body).len(), 20);
}

async fn filters(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let create = async |minor: i64, data: Value| {
        let created = client
            .post("/v1/payments", json!({ "amount": { "minor": minor }, "data": data }))
            .await;
        (
            created.body["id"].as_str().unwrap().to_owned(),
            created.body["created_at"].as_str().unwrap().to_owned(),
        )
    };
    let (a, _) =
        create(100, json!({ "order": "A-17", "lines": { "count": 2, "gift": true } })).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let (b, at) =
        create(200, json!({ "order": "B", "note": null, "lines": { "count": 2.0 } })).await;
    let (c, _) = create(300, json!(["order", "A-17"])).await;
    client.put(&format!("/update/{b}"), json!({ "status": "consumed" })).await;
    client.delete(&format!("/v1/payments/{c}")).await;

    let find = async |name: &str, value: &str| {
        let request =
            client.request("GET", "/v1/payments").query(&[(name, value), ("include", "total")]);
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut found: Vec<_> = ids(&answer.body["data"])
            .into_iter()
            .map(|id| {
                if id == a {
                    'a'
                } else if id == b {
                    'b'
                } else {
                    'c'
                }
            })
            .collect();
        assert_eq!(answer.body["total"], found.len());
        found.sort_unstable();
        String::from_iter(found)
    };
    assert_eq!(find("status", "inserted").await, "a");
    assert_eq!(find("status", "consumed").await, "b");
    assert_eq!(find("created_gte", &at).await, "b");
    assert_eq!(find("created_lt", &at).await, "a");
    let point = if at.contains('.') { "" } else { "." };
    let between = format!("{}{point}0001Z", at.trim_end_matches('Z'));
    assert_eq!(find("created_gte", &between).await, "");
    assert_eq!(find("created_lt", &between).await, "ab");
    assert_eq!(find("minor_gte", "101").await, "b");
    assert_eq!(find("minor_lte", "100").await, "a");
    assert_eq!(find("show_deleted", "true").await, "abc");
    assert_eq!(find("show_deleted", "false").await, "ab");
    assert_eq!(find("data", r#"{"order":"A-17"}"#).await, "a");
    assert_eq!(find("data", r#"{"lines":{"count":2}}"#).await, "ab");
    assert_eq!(find("data", r#"{"lines":{"gift":true,"count":2}}"#).await, "a");
    assert_eq!(find("data", r#"{"lines":{}}"#).await, "ab");
    assert_eq!(find("data", r#"{"note":null}"#).await, "b");
    assert_eq!(find("data", r#"{"order":null}"#).await, "");
    assert_eq!(find("data", r#"{"lines":"2"}"#).await, "");
    assert_eq!(find("data", r#"{"a.b[0]$":1}"#).await, "");
    assert_eq!(find("data", "{}").await, "ab", "an array is no object");
    // Numbers are compared as they were written, not as the nearest double.
    let (d, _) = create(400, json!({ "n": 9_007_199_254_740_993_u64 })).await;
    let near =
        client.request("GET", "/v1/payments").query(&[("data", r#"{"n":9007199254740992}"#)]);
    assert!(ids(&send(near).await.body["data"]).is_empty());
    for beyond in [
        r#"{"n":9007199254740993}"#,
        r#"{"n":18446744073709551615}"#,
        r#"{"m":{"n":12345678901234567890123}}"#,
        r#"{"n":0.1234567890123456789}"#,
        r#"{"n":1e300}"#,
    ] {
        let refused = send(client.request("GET", "/v1/payments").query(&[("data", beyond)])).await;
        refused.is_problem(400, "invalid_parameter");
    }
    client.delete(&format!("/v1/payments/{d}")).await;
    // At the ends of the calendar another offset leads beyond it.
    for (name, value) in
        [("created_lt", "9999-12-31T23:59:59-14:00"), ("created_gte", "0000-01-01T00:00:00+14:00")]
    {
        let refused = send(client.request("GET", "/v1/payments").query(&[(name, value)])).await;
        refused.is_problem(400, "invalid_parameter");
    }
    let counted = client.request("HEAD", "/v1/payments?status=inserted");
    assert_eq!(send(counted).await.header("total-count"), "1");
}

async fn wrong_parameters(database: Database) {
    let service = Service::start(&database, &[]).await;
    let query = "limit=101&cursor=abc&status=paid&created_gte=2026&minor_gte=-1&data=[]&show_deleted=yes&page=2&include=all";
    let refused = service.client.get(&format!("/v1/payments?{query}")).await;
    refused.is_problem(400, "invalid_parameter");
    let named: Vec<_> = refused.complaints().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        named,
        [
            "created_gte",
            "cursor",
            "data",
            "include",
            "limit",
            "minor_gte",
            "page",
            "show_deleted",
            "status"
        ]
    );
    service.client.get("/v1/payments?limit=1&limit=2").await.is_problem(400, "invalid_parameter");
    service.client.get("/list?status=inserted").await.is_problem(400, "invalid_parameter");
}

async fn cursors_outlive_their_instance(database: Database) {
    let mut first = Service::start(&database, &[]).await;
    for _ in 0..3 {
        first.client.payment("1,00").await;
    }
    let page = first.client.get("/v1/payments?limit=2").await;
    first.kill();
    let second = Service::start(&database, &[]).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = second.client.get(&format!("/v1/payments?cursor={cursor}")).await;
    assert_eq!(rest.body["data"].as_array().map(Vec::len), Some(1), "{}", rest.text);
}

async fn pages_are_bounded_by_bytes(database: Database) {
    let service = Service::start(&database, &[("RATE_LIMIT_PER_MINUTE", "0")]).await;
    let client = &service.client;
    let mut made = Vec::new();
    for _ in 0..70 {
        let body = json!({ "amount": { "minor": 1 }, "data": "x".repeat(32_000) });
        made.push(client.post("/v1/payments", body).await.body["id"].as_str().unwrap().to_owned());
    }
    made.reverse();
    for filters in ["", "&status=inserted"] {
        let mut path = format!("/v1/payments?limit=100{filters}");
        let mut met = Vec::new();
        loop {
            let page = client.get(&path).await;
            assert!(page.text.len() < 1_200_000, "a page of {} bytes", page.text.len());
            met.extend(ids(&page.body["data"]));
            let Some(cursor) = page.body["next_cursor"].as_str() else { break };
            path = format!("/v1/payments?limit=100{filters}&cursor={cursor}");
        }
        assert_eq!(met, made);
    }
    assert!(client.get("/list?limit=100").await.text.len() < 1_200_000);
}

/// What an earlier release let in must not poison the pages that hold it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_have_grown_share_no_page() {
    let database = Database::postgres().await;
    let service = Service::start(&database, &[]).await;
    for _ in 0..3 {
        let id = service.client.payment("1,00").await;
        database
            .execute_text(format!(
                "UPDATE payments SET data = (SELECT jsonb_agg('1e308'::jsonb) FROM generate_series(1, 4000)) WHERE id = '{id}'"
            ))
            .await;
    }
    for path in ["/v1/payments?limit=100", "/v1/payments?limit=100&status=inserted"] {
        let page = service.client.get(path).await;
        assert_eq!((page.status, page.body["has_more"].as_bool()), (200, Some(true)));
        assert_eq!(ids(&page.body["data"]).len(), 1, "{} bytes", page.text.len());
    }
}
