//! What the service says about itself, and that it is true.

use serde_json::Value;

use crate::{client::send, database::Database, service::Service};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_document_and_its_page() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let document = client.open("GET", "/openapi.json").await.unwrap();
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    assert!(document.body["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let paths = document.body["paths"].as_object().unwrap();
    for path in [
        "/create",
        "/update/{id}",
        "/list",
        "/delete/{id}",
        "/status",
        "/",
        "/v1/payments",
        "/v1/payments/{id}",
    ] {
        assert!(paths.contains_key(path), "{path} is not in the document");
    }
    let page = client.open("GET", "/docs/").await.unwrap();
    assert!(page.text.contains("swagger-ui-bundle.js"));
    for text in
        [&page.text, &client.open("GET", "/docs/swagger-initializer.js").await.unwrap().text]
    {
        assert!(
            !text.contains("https://") && !text.contains("//cdn"),
            "the page loads something from elsewhere"
        );
    }
    assert_eq!(client.open("GET", "/docs/swagger-ui-bundle.js").await.unwrap().status, 200);
    assert!(page.header("content-security-policy").contains("'self'"));
}

/// Nothing of the last release's document may be taken away: this is the rule that `/v1` only grows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_of_the_document_answer() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    let document = service.client.open("GET", "/openapi.json").await.unwrap();
    for (path, item) in document.body["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !["get", "post", "put", "delete", "head"].contains(&method.as_str()) {
                continue;
            }
            let real = path
                .replace("{id}", "00000000-0000-0000-0000-000000000000")
                .replace("{code}", "timeout");
            let answer = send(service.client.request(&method.to_uppercase(), &real)).await;
            assert_ne!(answer.body["code"], "route_not_found", "{method} {path}");
            let documented = &operation["responses"];
            assert!(
                documented.get(answer.status.to_string()).is_some(),
                "{method} {path} answered {}",
                answer.status
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_code_is_explained_in_both_languages() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    for code in ["payment_already_consumed", "rate_limited", "timeout", "validation_failed"] {
        let explain = async |language: &str| {
            let request = service
                .client
                .bare("GET", &format!("/problems/{code}"))
                .header("accept-language", language);
            send(request).await
        };
        let (english, portuguese) = (explain("en").await, explain("pt").await);
        assert_eq!((english.status, portuguese.header("content-language")), (200, "pt-BR"));
        assert_eq!(english.body["code"], code);
        assert_ne!(english.body["meaning"], portuguese.body["meaning"]);
    }
    service
        .client
        .open("GET", "/problems/nonsense")
        .await
        .unwrap()
        .is_problem(404, "route_not_found");
}

/// Compares the served document with the one that is checked in, which is what clients were promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn served_document_is_the_one_checked_in() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    let served = service.client.open("GET", "/openapi.json").await.unwrap().body;
    let kept: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    assert_eq!(served, kept);
}
