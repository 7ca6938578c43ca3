//! The backend's settings where no emulator goes: over TLS.

use std::sync::{Arc, Mutex};

use aws::bootstrap::{self, Backend};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use engine::Clock;
use serde_json::{Value, json};

use crate::answers::{self, REGION};

/// What is put on a fresh bucket that is reached so.
async fn put(endpoint: Option<&str>) -> Vec<String> {
    let sent = sent(REGION, endpoint).await;
    let named = |(query, body): &(String, String)| {
        let tls = if body.contains("aws:SecureTransport") { " with TLS only" } else { "" };
        format!("{query}{tls}")
    };
    let mut sent: Vec<String> = sent.iter().map(named).collect();
    sent.sort();
    sent
}

/// The settings that are put on a fresh bucket, with their bodies.
async fn sent(region: &'static str, endpoint: Option<&str>) -> Vec<(String, String)> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&sent);
    let answer = move |request: &HttpRequest| {
        if let Some(target) = request.headers().get("x-amz-target") {
            let active = r#"{"Table": {"TableStatus": "ACTIVE", "DeletionProtectionEnabled": true,
                "KeySchema": [{"AttributeName": "environment", "KeyType": "HASH"}]},
                "ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}}"#;
            assert!(target.contains(".Describe"), "{target}");
            return (200, active.into());
        }
        let unset = "<Error><Code>NoSuchConfiguration</Code></Error>";
        match request.method() {
            "HEAD" => (200, String::new()),
            "GET" if request.uri().ends_with("?versioning") => {
                (200, "<VersioningConfiguration/>".into())
            }
            "GET" => (404, unset.into()),
            "PUT" => {
                let query = request.uri().split_once('?').unwrap_or_default().1;
                let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
                heard.lock().unwrap().push((query.to_owned(), body.into_owned()));
                (200, String::new())
            }
            other => panic!("{other} is not expected"),
        }
    };
    let aws = answers::served_in(region, endpoint, move |request| {
        let (status, body) = answer(request);
        answers::response(status, body)
    });
    let backend = Backend::of("123456789012", region);
    bootstrap::ensure(&aws, &backend, &Clock::real()).await.unwrap();
    sent.lock().unwrap().clone()
}

/// S3 refuses a policy that names a bucket of another partition, on every run anew.
#[tokio::test]
async fn the_buckets_policy_is_of_the_partition() {
    for (region, partition) in [
        ("eu-central-1", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
        ("cn-north-1", "aws-cn"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
    ] {
        let sent = sent(region, None).await;
        let policies: Vec<_> = sent.iter().filter(|(query, _)| query == "policy").collect();
        let [(_, policy)] = policies.as_slice() else { panic!("{region}: {sent:?}") };
        let policy: Value = serde_json::from_str(policy).unwrap();
        let bucket = format!("arn:{partition}:s3:::provisioner-state-123456789012-{region}");
        assert_eq!(policy["Statement"][0]["Resource"], json!([bucket, format!("{bucket}/*")]));
    }
}

#[tokio::test]
async fn the_bucket_wants_tls_only_where_it_is_reached_by_it() {
    let usual = ["encryption", "lifecycle", "ownershipControls", "publicAccessBlock", "tagging"];
    let over_tls = put(None).await;
    assert!(usual.iter().all(|name| over_tls.iter().any(|sent| sent == name)), "{over_tls:?}");
    assert!(over_tls.contains(&"policy with TLS only".to_owned()), "{over_tls:?}");
    assert_eq!(put(Some("https://s3.example")).await, over_tls);
    let over_http = put(Some("http://127.0.0.1:9")).await;
    assert_eq!(over_http.len(), over_tls.len() - 1, "{over_http:?}");
    assert!(!over_http.iter().any(|sent| sent.contains("policy")), "{over_http:?}");
}
