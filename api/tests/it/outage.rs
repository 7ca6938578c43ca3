//! The database goes away or gets slow under load: fast refusals, bounded waits, recovery without help.
//!
//! `OUTAGE_SECONDS` makes the outage as long as the acceptance test wants it (20).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    client::{Client, answer, send},
    database::Database,
    proxy::{Mode, Proxy},
    service::Service,
};

fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// A service that reaches its database through a proxy.
async fn through_proxy(settings: &[(&str, &str)]) -> (Database, Proxy, Service) {
    let database = Database::postgres().await;
    let url = reqwest::Url::parse(&database.url).expect("a URL");
    let proxy = Proxy::before(url.port().expect("a port")).await;
    let mut through = url.clone();
    through.set_port(Some(proxy.port)).expect("a port");
    through.set_host(Some("127.0.0.1")).expect("a host");
    let service = Service::on_port(through.as_str(), crate::database::free_port(), settings).await;
    (database, proxy, service)
}

/// Statuses with their slowest times.
type Seen = Arc<Mutex<BTreeMap<u16, (u32, Duration)>>>;

fn load(client: &Client, seen: &Seen, stop: &Arc<AtomicBool>) -> tokio::task::JoinSet<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..16 {
        let (client, seen, stop) = (client.clone(), Arc::clone(seen), Arc::clone(stop));
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer = if worker % 2 == 0 {
                    client.get("/list").await
                } else {
                    client.post("/create", json!({ "payment": "1,00" })).await
                };
                let took = began.elapsed();
                if answer.status == 503 {
                    assert_ne!(answer.header("retry-after"), "", "{}", answer.text);
                }
                {
                    let mut seen = seen.lock().unwrap();
                    let (count, slowest) = seen.entry(answer.status).or_default();
                    *count += 1;
                    *slowest = took.max(*slowest);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    tasks
}

fn threads(service: &Service) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", service.id())).expect("its threads").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_gone() {
    let (_database, proxy, service) = through_proxy(&[("RATE_LIMIT_PER_MINUTE", "0")]).await;
    let (seen, stop) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let mut tasks = load(&service.client, &seen, &stop);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let threads_before = threads(&service);
    proxy.set(Mode::Cut);
    tokio::time::sleep(Duration::from_millis(500)).await;
    seen.lock().unwrap().clear();
    tokio::time::sleep(outage()).await;
    let during = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(during.keys().copied().collect::<Vec<_>>(), [503], "{during:?}");
    assert!(
        during[&503].0 > 100 && during[&503].1 < Duration::from_secs(4),
        "refusals were slow: {during:?}"
    );
    assert!(threads(&service) <= threads_before + 2, "threads piled up");
    assert_eq!(service.client.open("GET", "/readyz").await.unwrap().status, 503);
    let status = service.client.open("GET", "/status").await.unwrap();
    assert_eq!(
        (status.status, &status.body["status"]),
        (200, &json!("warn")),
        "a balancer would replace every task"
    );

    proxy.set(Mode::Open);
    let back = Instant::now();
    while service.client.get("/list").await.status != 200 {
        assert!(back.elapsed() < Duration::from_mins(1), "it did not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    seen.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let after: Vec<_> = seen.lock().unwrap().keys().copied().collect();
    assert_eq!(after, [200, 201]);
    assert_eq!(service.client.open("GET", "/readyz").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_silent() {
    let settings = [("RATE_LIMIT_PER_MINUTE", "0"), ("REQUEST_TIMEOUT_MS", "1000")];
    let (_database, proxy, service) = through_proxy(&settings).await;
    let id = service.client.payment("1,00").await;
    proxy.set(Mode::Stalled);
    let began = Instant::now();
    service.client.get("/list").await.is_problem(504, "timeout");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // More of them open the circuit, and then nobody waits.
    let (seen, stop) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let mut tasks = load(&service.client, &seen, &stop);
    tokio::time::sleep(Duration::from_secs(4)).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(seen.keys().all(|status| [503, 504].contains(status)), "{seen:?}");
    assert!(seen[&503].0 > seen[&504].0, "the circuit did not open: {seen:?}");
    proxy.set(Mode::Open);
    let back = Instant::now();
    while service.client.get(&format!("/v1/payments/{id}")).await.status != 200 {
        assert!(back.elapsed() < Duration::from_mins(1), "it did not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_slow() {
    let database = Database::postgres().await;
    let service =
        Service::start(&database, &[("REQUEST_TIMEOUT_MS", "800"), ("MAX_IN_FLIGHT", "4")]).await;
    database
        .execute(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END';
             CREATE TRIGGER slowly BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION slowly()",
        )
        .await;
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let client = service.client.clone();
        tasks.spawn(async move {
            send(client.request("POST", "/create").json(&json!({ "payment": "1,00" }))).await
        });
    }
    let mut statuses = BTreeMap::new();
    while let Some(answer) = tasks.join_next().await {
        let answer = answer.unwrap();
        *statuses
            .entry((answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned()))
            .or_insert(0) += 1;
    }
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "requests waited for the trigger: {:?}",
        began.elapsed()
    );
    assert!(statuses.contains_key(&(504, "timeout".to_owned())), "{statuses:?}");
    assert!(statuses.contains_key(&(503, "overloaded".to_owned())), "{statuses:?}");
    // The server gives up as well: nobody holds locks for the half minute that the trigger sleeps.
    database.execute("DO $$ BEGIN
        FOR look IN 1..250 LOOP
            PERFORM pg_stat_clear_snapshot();
            IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%INSERT INTO payments%' AND state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()) THEN RETURN; END IF;
            PERFORM pg_sleep(0.1);
        END LOOP;
        RAISE 'still running'; END $$").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_late() {
    let database = Database::postgres().await;
    let url = reqwest::Url::parse(&database.url).expect("a URL");
    let proxy = Proxy::before(url.port().expect("a port")).await;
    proxy.set(Mode::Cut);
    let mut through = url.clone();
    through.set_port(Some(proxy.port)).expect("a port");
    let service = Service::spawn(through.as_str(), crate::database::free_port(), &[]);
    let up = async |path: &str| service.client.open("GET", path).await.map(|answer| answer.status);
    while up("/livez").await != Some(200) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((up("/startupz").await, up("/status").await), (Some(503), Some(503)));
    service.client.get("/list").await.is_problem(503, "service_unavailable");
    let waiting = |line: &serde_json::Value| {
        line["host"] == format!("127.0.0.1:{}", proxy.port) && line["level"] == "WARN"
    };
    while !service.logs().iter().any(waiting) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proxy.set(Mode::Open);
    service.wait_until_ready().await;
    assert_eq!(service.client.get("/list").await.status, 200);
}

/// A password that was changed makes a service end, so that it is started again with the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_are_taken_back() {
    let database = Database::postgres().await;
    let mut url = reqwest::Url::parse(&database.url).expect("a URL");
    let role = format!("clerk_{}", std::process::id());
    database.execute_text(format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'x'")).await;
    url.set_username(&role).unwrap();
    url.set_password(Some("x")).unwrap();
    let mut service = Service::on_port(url.as_str(), crate::database::free_port(), &[]).await;
    assert_eq!(service.client.get("/list").await.status, 200);
    database
        .execute_text(format!(
            "ALTER ROLE {role} NOLOGIN;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        ))
        .await;
    // The first may still meet connections that were cut; in the end there is nobody to answer.
    while let Some(answer) = answer(service.client.request("GET", "/list")).await {
        assert_eq!(answer.status, 503, "{}", answer.text);
    }
    assert_eq!(service.ended().await.code(), Some(64));
    database.execute_text(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// The password is changed while two tasks serve: they leave one by one, each after the other's successor has come, and
/// their open connections work until then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_password_is_no_outage() {
    let database = Database::postgres().await;
    let mut url = reqwest::Url::parse(&database.url).expect("a URL");
    let role = format!("rotated_{}", std::process::id());
    database.execute_text(format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'x'")).await;
    url.set_username(&role).unwrap();
    let mut services = Vec::new();
    for _ in 0..2 {
        let service = Service::on_port(url.as_str(), crate::database::free_port(), &[]).await;
        assert_eq!(service.client.get("/list").await.status, 200);
        services.push(service);
    }
    // The server trusts everyone here, so that a role that may not log in stands for a password that is refused.
    database.execute_text(format!("ALTER ROLE {role} NOLOGIN")).await;
    let mut ended = None;
    let began = Instant::now();
    while ended.is_none() {
        assert!(began.elapsed() < Duration::from_mins(2), "nobody notices");
        for (place, service) in services.iter_mut().enumerate() {
            // Many at once need new connections, which are refused; the open ones go on working.
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let client = service.client.clone();
                tasks.spawn(async move {
                    let path = format!("/v1/payments/{}/events", uuid::Uuid::now_v7());
                    answer(client.request("GET", &path)).await
                });
            }
            tasks.join_all().await;
            if service.has_ended() {
                ended = Some(place);
            }
        }
    }
    let first = services.remove(ended.unwrap());
    drop(first);
    let second = &mut services[0];
    for _ in 0..20 {
        assert!(!second.has_ended(), "the second left before the first was replaced");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(second.client.get("/livez").await.status, 200);
    database.execute_text(format!("ALTER ROLE {role} LOGIN")).await;
    let replacement = Service::on_port(url.as_str(), crate::database::free_port(), &[]).await;
    assert_eq!(second.ended().await.code(), Some(64));
    assert_eq!(replacement.client.get("/list").await.status, 200);
    drop(replacement);
    database.execute_text(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// A URL in a file is read again when the server refuses the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_in_a_file_is_read_again() {
    let database = Database::postgres().await;
    let url = |role: &str| {
        let mut url = reqwest::Url::parse(&database.url).expect("a URL");
        url.set_username(role).unwrap();
        url.to_string()
    };
    let (old, new) = (format!("old_{}", std::process::id()), format!("new_{}", std::process::id()));
    for role in [&old, &new] {
        database.execute_text(format!("CREATE ROLE {role} LOGIN SUPERUSER")).await;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, format!("{}\n", url(&old))).unwrap();
    let settings = [("DATABASE_URL_FILE", file.to_str().unwrap())];
    let mut service = Service::on_port(
        "postgres://nobody@127.0.0.1:1/none",
        crate::database::free_port(),
        &settings,
    )
    .await;
    assert_eq!(service.client.get("/list").await.status, 200);
    std::fs::write(&file, url(&new)).unwrap();
    database
        .execute_text(format!(
            "ALTER ROLE {old} NOLOGIN;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{old}'"
        ))
        .await;
    let began = Instant::now();
    while service.client.get("/list").await.status != 200 {
        assert!(began.elapsed() < Duration::from_mins(1), "the new URL is not used");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!service.has_ended());
    service.kill();
    database
        .execute_text(format!(
            "DROP OWNED BY {old}; DROP ROLE {old}; DROP OWNED BY {new}; DROP ROLE {new}"
        ))
        .await;
}
