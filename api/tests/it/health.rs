//! Health, readiness, draining, and the check inside the image.

use std::time::Duration;

use crate::{
    database::Database,
    on_both,
    service::{Service, command},
};

on_both!(probes, draining);

async fn probes(database: Database) {
    let service = Service::start(&database, &[("RELEASE_VERSION", "2026.11.21-7")]).await;
    for path in ["/", "/status", "/livez", "/readyz", "/startupz"] {
        let answer = service.client.open("GET", path).await.unwrap();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/health+json"),
            "{path}"
        );
        assert_eq!(
            (&answer.body["status"], &answer.body["version"]),
            (&"pass".into(), &"2026.11.21-7".into())
        );
    }
    let check = command(&database.url)
        .env("PORT", service.port.to_string())
        .arg("healthcheck")
        .status()
        .unwrap();
    assert!(check.success());
}

async fn draining(database: Database) {
    let mut service = Service::start(&database, &[("DRAIN_SECONDS", "2")]).await;
    assert_eq!(service.client.get("/list").await.status, 200);
    service.signal("-TERM");
    for _ in 0..40 {
        if service.client.open("GET", "/readyz").await.is_some_and(|answer| answer.status == 503) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (path, status) in
        [("/readyz", 503), ("/status", 503), ("/", 503), ("/livez", 200), ("/startupz", 200)]
    {
        let answer = service.client.open("GET", path).await.unwrap();
        assert_eq!((answer.status, &answer.body["phase"]), (status, &"draining".into()), "{path}");
    }
    let last = service.client.get("/list").await;
    assert_eq!(
        (last.status, last.header("connection")),
        (200, "close"),
        "still answered, but asked to go elsewhere"
    );
    assert!(service.ended().await.success());
    let check = command(&database.url)
        .env("PORT", service.port.to_string())
        .arg("healthcheck")
        .status()
        .unwrap();
    assert_eq!(check.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smoke_and_load() {
    let database = Database::sqlite();
    let service =
        Service::start(&database, &[("RELEASE_VERSION", "7"), ("RATE_LIMIT_PER_MINUTE", "0")])
            .await;
    let run = |arguments: &[&str]| command("sqlite://unused").args(arguments).output().unwrap();
    let base = service.client.base.as_str();
    let smoke = run(&["smoke", base, "--expect-version", "7"]);
    assert!(
        smoke.status.success()
            && String::from_utf8_lossy(&smoke.stdout).contains("PASS: 19 checks"),
        "{smoke:?}"
    );
    // A deploy must not change the books.
    let listed = service.client.get("/v1/payments?include=total").await;
    assert_eq!(listed.body["total"], 0, "{}", listed.text);
    assert_eq!(run(&["smoke", base, "--expect-version", "8"]).status.code(), Some(1));
    assert_eq!(run(&["smoke", "http://127.0.0.1:1"]).status.code(), Some(1));
    let load = run(&["load", base, "--seconds", "1", "--connections", "4"]);
    let shown = String::from_utf8_lossy(&load.stdout);
    assert!(
        load.status.success() && shown.contains("p99") && shown.contains("broken connections 0"),
        "{load:?}"
    );
    let refused = command("sqlite://unused")
        .env("ADMIN_PASS", "wrong")
        .args(["load", base])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
}
