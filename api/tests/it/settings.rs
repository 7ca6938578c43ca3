//! Settings: a wrong one stops the start with one line that names the variable, and no secret is ever shown.

use std::process::Stdio;
use std::time::Duration;

use crate::service::command;

fn refused(settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = command("sqlite:///tmp/never-made.db")
        .env("PORT", "0")
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn one_line_names_the_variable() {
    for (variable, value) in [
        ("PORT", "eighty"),
        ("METRICS_PORT", "70000"),
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "postgres://user:hunter2@host:port/db"),
        ("DATABASE_URL", "postgres://pay:hunter2@t#h/x@db.invalid/pay"),
        ("DATABASE_URL", "postgres://pay:123/hunter2@db.invalid/pay"),
        ("DATABASE_URL", "postgres://pay:hunter2?x@db.invalid/pay"),
        ("DATABASE_URL", "postgres://pay:1?hunter2@db.invalid/pay"),
        ("DATABASE_POOL", "0"),
        ("ADMIN_USER", ""),
        ("ADMIN_USER", "a:b"),
        ("ADMIN_PASS", ""),
        ("ADMIN_PASS", "$argon2id$hunter2"),
        ("IDEMPOTENCY", "sometimes"),
        ("REQUEST_TIMEOUT_MS", "5s"),
        ("DRAIN_SECONDS", "-1"),
        ("MAX_IN_FLIGHT", "0"),
        ("REQUEST_TIMEOUT_MS", "0"),
        ("IDEMPOTENCY_TTL_SECONDS", "99999999999999"),
        ("RATE_LIMIT_PER_MINUTE", "18446744073709551615"),
        ("TRACE_SAMPLE", "2"),
        ("TRACE_IDS", "none"),
        ("LOG_FORMAT", "xml"),
        ("LOG", "=loud="),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost"),
        ("WEBHOOK_URL", "hunter2"),
        ("REQUIRE_IF_MATCH", "perhaps"),
        ("HOST", "everywhere"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,somewhere"),
        ("MAX_CONNECTIONS", "0"),
        ("HEAD_TIMEOUT_MS", "0"),
    ] {
        let (code, text) = refused(&[(variable, value)]);
        assert_eq!(code, Some(64), "{variable}={value}: {text}");
        assert!(
            text.starts_with(&format!("payments-api: {variable}: ")),
            "{variable}={value}: {text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains("hunter2"), "a secret is shown: {text}");
    }
    let (_, text) = refused(&[("OIDC_ISSUER", "https://issuer")]);
    assert!(text.starts_with("payments-api: OIDC_AUDIENCE: "), "{text}");
    let (_, text) = refused(&[("WEBHOOK_URL", "https://x"), ("WEBHOOK_SECRET", "whsec_hunter2")]);
    assert!(
        text.starts_with("payments-api: WEBHOOK_SECRET: ") && !text.contains("hunter2"),
        "{text}"
    );
}

/// What no waiting would mend stops the start; a server that is not there yet is waited for (see `outage`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_databases_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().display().to_string();
    std::fs::write(folder.path().join("text"), "This is a text and not an SQLite file.\n").unwrap();
    let server = crate::database::Database::postgres().await.url;
    let mut stranger = reqwest::Url::parse(&server).unwrap();
    stranger.set_username("stranger").unwrap();
    stranger.set_password(Some("hunter2")).unwrap();
    for (url, expected) in [
        // Not even root may make files here.
        ("sqlite:///proc/payments.db".to_owned(), "may not write the folder /proc".to_owned()),
        (format!("sqlite://{path}/none/payments.db"), format!("{path}/none does not exist")),
        (format!("sqlite://{path}"), format!("{path} is a folder")),
        (format!("sqlite://{path}/text"), format!("{path}/text is not an SQLite file")),
        (format!("{server}_none"), "no database of this name".to_owned()),
        (stranger.into(), "refuses this user or password".to_owned()),
    ] {
        for command in ["serve", "migrate"] {
            let mut starting = crate::service::command(&url);
            starting.env("PORT", "0").arg(command);
            let output = tokio::process::Command::from(starting).kill_on_drop(true).output();
            let output = tokio::time::timeout(Duration::from_secs(30), output).await;
            let output = output.unwrap_or_else(|_| panic!("{command} {url} waits")).unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(64), "{command} {url}: {text}");
            assert!(text.starts_with("payments-api: DATABASE_URL: "), "{text}");
            assert!(text.contains(&expected) && text.lines().count() == 1, "{text}");
            assert!(!text.contains("hunter2"), "a secret is shown: {text}");
        }
    }
}

#[test]
fn text_that_is_none_is_named_too() {
    use std::os::unix::ffi::OsStrExt;
    let output = command("sqlite:///tmp/never-made.db")
        .env("ADMIN_PASS", std::ffi::OsStr::from_bytes(b"hunter2\xff"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(output.stderr, b"payments-api: ADMIN_PASS: is not UTF-8 text\n");
}

#[test]
fn containers_refuse_to_lose_payments() {
    let (code, text) =
        refused(&[("CONTAINER", "1"), ("DATABASE_URL", "sqlite:///dev/shm/payments.db")]);
    assert_eq!(code, Some(64));
    assert!(text.contains("DATABASE_EPHEMERAL=true"), "{text}");
}

#[test]
fn help_lists_every_variable_but_no_value() {
    let output = command("postgres://hunter2@host/db")
        .env("ADMIN_PASS", "hunter2")
        .arg("--help")
        .output()
        .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for variable in [
        "PORT",
        "DATABASE_URL",
        "ADMIN_USER",
        "ADMIN_PASS",
        "RATE_LIMIT_PER_MINUTE",
        "DRAIN_SECONDS",
        "WEBHOOK_SECRET",
    ] {
        assert!(text.contains(&format!("[env: {variable}]")), "{variable} is not in --help");
    }
    assert!(!text.contains("hunter2"));
}

/// Two instances of one machine that share a file.
#[test]
fn many_may_migrate_one_file_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("payments.db").display());
        let begun: Vec<_> = (0..6)
            .map(|_| command(&url).arg("migrate").stderr(Stdio::piped()).spawn().unwrap())
            .collect();
        for one in begun {
            let output = one.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{text}");
        }
    }
}

/// What a process caches is only true while no other one writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_one_file_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let database = crate::database::Database::sqlite();
    let mut first = crate::service::Service::start(&database, &[]).await;
    let output = tokio::task::spawn_blocking({
        let url = database.url.clone();
        move || command(&url).env("PORT", "0").output().unwrap()
    })
    .await
    .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(
        text.starts_with("payments-api: DATABASE_URL: ") && text.contains("another process"),
        "{text}"
    );
    let file = database.url.strip_prefix("sqlite://").unwrap();
    let id = first.client.payment("1,00").await;
    for name in [file.to_owned(), format!("{file}-wal")] {
        let mode = std::fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may read {name}");
    }
    // A process that was killed leaves nothing that keeps the next one out.
    first.kill();
    let next = crate::service::Service::start(&database, &[]).await;
    assert_eq!(next.client.get(&format!("/v1/payments/{id}")).await.status, 200);
}

#[test]
fn migrate_makes_the_schema_and_ends() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("payments.db");
    for _ in 0..2 {
        let status =
            command(&format!("sqlite://{}", file.display())).arg("migrate").status().unwrap();
        assert!(status.success());
    }
    assert!(file.exists());
    let unreachable =
        command("postgres://nobody@127.0.0.1:1/none").arg("migrate").output().unwrap();
    assert_eq!(unreachable.status.code(), Some(1));
}
