//! The backend's settings where no emulator goes: over TLS.

use std::sync::{Arc, Mutex};

use aws::bootstrap;
use engine::Clock;

use crate::answers;

/// What is put on a fresh bucket that is reached so.
async fn put(endpoint: Option<&str>) -> Vec<String> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&sent);
    let aws = answers::at(endpoint, move |request| {
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
                let tls = if body.contains("aws:SecureTransport") { " with TLS only" } else { "" };
                heard.lock().unwrap().push(format!("{query}{tls}"));
                (200, String::new())
            }
            other => panic!("{other} is not expected"),
        }
    });
    bootstrap::ensure(&aws, "123456789012", &Clock::real()).await.unwrap();
    let mut sent = sent.lock().unwrap().clone();
    sent.sort();
    sent
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
