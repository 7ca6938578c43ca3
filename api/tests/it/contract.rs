//! The challenge's five routes and `/v1/payments`: what is accepted, what is answered, what is refused and how.

use serde_json::{Value, json};

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(
    challenge_walk,
    canonical_walk,
    amounts_are_read_by_grammar,
    data_comes_back_as_it_was_sent,
    every_complaint_at_once,
    wrong_requests_are_problems,
    one_payment_has_one_address,
    pages_of_other_sites_change_nothing,
);

async fn challenge_walk(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let created =
        client.post("/create", json!({ "data": { "a": [1, null] }, "payment": "12.345,67" })).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(created.header("etag"), "\"1\"");
    let id = created.body["id"].as_str().unwrap();
    let shown = json!({ "id": id, "status": "inserted", "data": { "a": [1, null] }, "payment": "12.345,67" });
    assert_eq!(created.body, shown);

    let other = client.post("/create", json!({ "payment": 0.1, "status": "inserted" })).await;
    assert_eq!(other.body["payment"], "0,10");
    let list = client.get("/list").await;
    assert_eq!(list.body, json!([other.body, shown]), "newest first");

    let updated = client.put(&format!("/update/{id}"), json!({ "status": "consumed" })).await;
    assert_eq!((updated.status, &updated.body["status"]), (200, &json!("consumed")));
    let other = other.body["id"].as_str().unwrap();
    let deleted = client.delete(&format!("/delete/{other}")).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(client.get("/list").await.body.as_array().map(Vec::len), Some(1));
    for path in ["/", "/status"] {
        assert_eq!(client.open("GET", path).await.unwrap().status, 200);
    }
}

async fn canonical_walk(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let wish = json!({ "amount": { "value": "12345.67", "currency": "BRL" }, "data": { "order": "A-17" } });
    let created = client.post("/v1/payments", wish).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.body["id"].as_str().unwrap();
    assert_eq!(created.header("location"), format!("/v1/payments/{id}"));
    assert_eq!(
        created.body["amount"],
        json!({ "value": "12345.67", "minor": 1_234_567, "currency": "BRL" })
    );
    assert_eq!(created.body["version"], 1);
    assert!(created.body.get("deleted_at").is_none());

    let read = client.get(&format!("/v1/payments/{id}")).await;
    assert_eq!((read.status, &read.body), (200, &created.body));
    let consumed =
        client.put(&format!("/v1/payments/{id}/status"), json!({ "status": "consumed" })).await;
    assert_eq!((consumed.status, consumed.header("etag")), (200, "\"2\""));
    assert_eq!(client.get(&format!("/v1/payments/{id}")).await.body, consumed.body);

    let events = client.get(&format!("/v1/payments/{id}/events")).await;
    let trail = events.body["data"].as_array().unwrap();
    let short: Vec<_> = trail
        .iter()
        .map(|event| {
            (
                event["version"].clone(),
                event["kind"].clone(),
                event["from_status"].clone(),
                event["actor"].clone(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (json!(1), json!("inserted"), Value::Null, json!("admin")),
            (json!(2), json!("consumed"), json!("inserted"), json!("admin"))
        ]
    );
    assert_eq!(trail[0]["request_id"], created.header("x-request-id"));
}

async fn amounts_are_read_by_grammar(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    for (sent, shown) in [
        (r#""12.345,67""#, "12.345,67"),
        (r#""12345,67""#, "12.345,67"),
        (r#""12345.67""#, "12.345,67"),
        ("12345.67", "12.345,67"),
        ("12345.6", "12.345,60"),
        ("12345", "12.345,00"),
        (r#""9.999.999.999.999,99""#, "9.999.999.999.999,99"),
        ("0.01", "0,01"),
    ] {
        let body = format!(r#"{{"payment":{sent}}}"#);
        let request =
            client.request("POST", "/create").header("content-type", "application/json").body(body);
        let created = send(request).await;
        assert_eq!((created.status, &created.body["payment"]), (201, &json!(shown)), "{sent}");
    }
    for (sent, code) in [
        (r#""12.345""#, "amount_ambiguous"),
        (r#""1.234.567""#, "amount_ambiguous"),
        (r#""0,00""#, "amount_not_positive"),
        ("-1", "amount_not_positive"),
        ("0", "amount_not_positive"),
        ("1.234", "amount_too_precise"),
        ("1e3", "amount_format"),
        (r#""1,5""#, "amount_format"),
        (r#""R$ 1,00""#, "amount_format"),
        (r#""10000000000000,00""#, "amount_too_large"),
        ("99999999999999999999", "amount_too_large"),
        ("true", "amount_format"),
        ("null", "amount_format"),
    ] {
        let body = format!(r#"{{"payment":{sent}}}"#);
        let request =
            client.request("POST", "/create").header("content-type", "application/json").body(body);
        let refused = send(request).await;
        refused.is_problem(422, "validation_failed");
        assert_eq!(refused.complaints(), [("/payment".to_owned(), code.to_owned())], "{sent}");
    }
    let create =
        async |amount: Value| client.post("/v1/payments", json!({ "amount": amount })).await;
    assert_eq!(create(json!({ "minor": 5 })).await.body["amount"]["value"], "0.05");
    assert_eq!(create(json!({ "minor": 5, "value": "0,05" })).await.status, 201);
    assert_eq!(
        create(json!({ "minor": 5, "value": "0.06" })).await.complaints()[0].1,
        "amounts_differ"
    );
    assert_eq!(create(json!({ "minor": 5.5 })).await.complaints()[0].1, "wrong_type");
    assert_eq!(
        create(json!({ "minor": 5, "currency": "USD" })).await.complaints()[0].1,
        "currency_unknown"
    );
    assert_eq!(
        create(json!({})).await.complaints()[0],
        ("/amount/value".to_owned(), "required".to_owned())
    );
}

async fn data_comes_back_as_it_was_sent(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    for data in [
        r#"{"z":1,"a":{"é":"\u00e9 \ud83d\ude00","n":null}}"#,
        "[1,2.50,-2.25e1,12345678901234567890123]",
        r#""text""#,
        "null",
        "false",
        "{}",
    ] {
        let body = format!(r#"{{"amount":{{"minor":1}},"data":{data}}}"#);
        let request = client
            .request("POST", "/v1/payments")
            .header("content-type", "application/json")
            .body(body);
        let created = send(request).await;
        assert_eq!(created.status, 201, "{data}: {}", created.text);
        let read =
            client.get(&format!("/v1/payments/{}", created.body["id"].as_str().unwrap())).await;
        let sent: Value = serde_json::from_str(data).unwrap();
        assert_eq!((&created.body["data"], &read.body["data"]), (&sent, &sent));
        assert!(
            !data.contains("123456789") || read.text.contains("12345678901234567890123"),
            "{}",
            read.text
        );
    }
    // Nine characters must not become sixteen thousand.
    for number in ["0e-16383", "1e308", "1e39"] {
        let data = vec![number; 3_000].join(",");
        let body = format!(r#"{{"amount":{{"minor":1}},"data":[{data}]}}"#);
        let request = client
            .request("POST", "/v1/payments")
            .header("content-type", "application/json")
            .body(body);
        let refused = send(request).await;
        refused.is_problem(422, "validation_failed");
        assert_eq!(refused.complaints(), [("/data".to_owned(), "data_number".to_owned())]);
    }
    for (data, code) in [
        (r#"{"a":"\u0000"}"#, "data_null_character"),
        (r#""\ud800""#, "data_text"),
        ("1e999", "data_number"),
        ("0e-16383", "data_number"),
        ("1e308", "data_number"),
        (r#"{"a":1,"a":2}"#, "duplicate"),
    ] {
        let body = format!(r#"{{"amount":{{"minor":1}},"data":{data}}}"#);
        let request = client
            .request("POST", "/v1/payments")
            .header("content-type", "application/json")
            .body(body);
        let refused = send(request).await;
        refused.is_problem(422, "validation_failed");
        assert_eq!(refused.complaints(), [("/data".to_owned(), code.to_owned())], "{data}");
    }
}

async fn every_complaint_at_once(database: Database) {
    let service = Service::start(&database, &[]).await;
    let body = json!({ "payment": "12.345", "status": "consumed", "extra": 1, "odd/name": 2 });
    let request = service.client.request("POST", "/create").json(&body);
    let refused = send(request.header("accept-language", "fr, pt-BR;q=0.9, en;q=0.1")).await;
    refused.is_problem(422, "validation_failed");
    assert_eq!(refused.header("content-language"), "pt-BR");
    assert_eq!(refused.body["title"], "Falha de validação");
    let complaints = refused.complaints();
    let complaints: Vec<_> =
        complaints.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
    assert_eq!(
        complaints,
        [
            ("/extra", "unknown_field"),
            ("/odd~1name", "unknown_field"),
            ("/payment", "amount_ambiguous"),
            ("/status", "status_not_initial")
        ]
    );
}

async fn wrong_requests_are_problems(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let json_type = ("content-type", "application/json");
    let post = || client.request("POST", "/create");
    send(client.request("GET", "/nothing/here")).await.is_problem(404, "route_not_found");
    let wrong_method = send(client.request("POST", "/list")).await;
    wrong_method.is_problem(405, "method_not_allowed");
    assert_eq!(wrong_method.header("allow"), "GET,HEAD");
    send(post().body("{}")).await.is_problem(415, "unsupported_media_type");
    send(post().header("content-type", "text/plain").body("{}"))
        .await
        .is_problem(415, "unsupported_media_type");
    for body in ["", "{", "[]", "{} {}", "\u{feff}{}"] {
        send(post().header(json_type.0, json_type.1).body(body))
            .await
            .is_problem(400, "malformed_json");
    }
    send(post().header(json_type.0, json_type.1).body(vec![0xff, 0xfe]))
        .await
        .is_problem(400, "malformed_json");
    let large = format!(r#"{{"payment":"1,00","data":"{}"}}"#, "x".repeat(40_000));
    send(post().header(json_type.0, json_type.1).body(large.clone()))
        .await
        .is_problem(413, "body_too_large");
    let chunks = vec![Ok::<_, std::io::Error>(large)];
    let chunked = reqwest::Body::wrap(http_body_util::StreamBody::new(futures::stream::iter(
        chunks.into_iter().map(|chunk| {
            chunk.map(|text| hyper::body::Frame::data(hyper::body::Bytes::from(text)))
        }),
    )));
    send(post().header(json_type.0, json_type.1).body(chunked))
        .await
        .is_problem(413, "body_too_large");
    for path in ["/v1/payments/no-uuid", "/v1/payments/00000000-0000-0000-0000-000000000000"] {
        client.get(path).await.is_problem(404, "payment_not_found");
        client.delete(path).await.is_problem(404, "payment_not_found");
        client
            .put(&format!("{path}/status"), json!({ "status": "consumed" }))
            .await
            .is_problem(404, "payment_not_found");
        client.get(&format!("{path}/events")).await.is_problem(404, "payment_not_found");
    }
    client.put("/update/x", json!({ "status": "paid" })).await.is_problem(422, "validation_failed");
    client.get("/v1/payments/%ff").await.is_problem(400, "invalid_request");
    let echoed = send(client.request("GET", "/list").header("x-request-id", "mine-1")).await;
    assert_eq!(echoed.header("x-request-id"), "mine-1");
    let replaced = send(client.request("GET", "/list").header("x-request-id", "not one\"")).await;
    assert_ne!(replaced.header("x-request-id"), "not one\"");
    for name in [
        "x-content-type-options",
        "content-security-policy",
        "strict-transport-security",
        "cache-control",
    ] {
        assert_ne!(echoed.header(name), "", "{name}");
    }
}

async fn one_payment_has_one_address(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    assert_eq!(client.get(&format!("/v1/payments/{id}")).await.status, 200);
    for other in
        [id.to_uppercase(), id.replace('-', ""), format!("urn:uuid:{id}"), format!("%7B{id}%7D")]
    {
        client.get(&format!("/v1/payments/{other}")).await.is_problem(404, "payment_not_found");
    }
    // The id of a request may be anything visible; the problem's own name is a URI.
    let odd = client.request("GET", "/nowhere").header("x-request-id", "a{b|c%d");
    assert_eq!(send(odd).await.body["instance"], "urn:request:a%7Bb%7Cc%25d");
    for (name, value) in
        [("content-encoding", "gzip"), ("content-type", "application/json; charset=utf-16")]
    {
        let mut request = client.request("POST", "/create").body(r#"{"payment":"1,00"}"#);
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        send(request.header(name, value)).await.is_problem(415, "unsupported_media_type");
    }
    let plain = client.request("POST", "/create").body(r#"{"payment":"1,00"}"#);
    let plain = plain.header("content-type", "application/json;charset=\"UTF-8\"");
    assert_eq!(send(plain.header("content-encoding", "identity")).await.status, 201);
    // The trail can be read on from a version.
    let path = format!("/v1/payments/{id}");
    client.put(&format!("{path}/status"), json!({ "status": "consumed" })).await;
    let later = client.get(&format!("{path}/events?after=1")).await;
    assert_eq!(
        (&later.body["data"][0]["kind"], &later.body["has_more"]),
        (&json!("consumed"), &json!(false))
    );
    assert_eq!(client.get(&format!("{path}/events?after=2")).await.body["data"], json!([]));
    client.get(&format!("{path}/events?after=-1")).await.is_problem(400, "invalid_parameter");
    // Unknown fields are named, but not thousands of them.
    let many: serde_json::Map<String, Value> =
        (0..2_000).map(|number| (format!("f{number}"), json!(1))).collect();
    let refused = client.post("/create", Value::Object(many)).await;
    refused.is_problem(422, "validation_failed");
    assert!(refused.text.len() < 10_000, "{} bytes come back", refused.text.len());
}

/// A form of another site needs no media type to restore what was deleted, and the browser adds the credentials.
async fn pages_of_other_sites_change_nothing(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let id = client.payment("1,00").await;
    assert_eq!(client.delete(&format!("/v1/payments/{id}")).await.status, 204);
    let restore = || client.request("POST", &format!("/v1/payments/{id}/restore"));
    send(restore().header("sec-fetch-site", "cross-site")).await.is_problem(403, "forbidden");
    send(restore().header("origin", "https://evil.example")).await.is_problem(403, "forbidden");
    send(restore().header("origin", "null")).await.is_problem(403, "forbidden");
    let own = client.base.clone();
    assert_eq!(send(restore().header("origin", own)).await.status, 200);
}
