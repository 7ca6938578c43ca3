//! Behind a real PgBouncer in transaction mode: the whole contract, several instances, and nothing left on its servers.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    client::send,
    database::{Database, free_port},
    service::Service,
};

/// A PgBouncer that ends with this process.
async fn pgbouncer(target: &reqwest::Url) -> Option<u16> {
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
        .into_iter()
        .find(|program| Path::new(program).exists())?;
    let folder =
        std::env::temp_dir().join(format!("payments-api-pgbouncer-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let port = free_port();
    let configuration = format!(
        "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nunix_socket_dir =\n",
        target.port().unwrap()
    )
    .replace("* = host", "* = user=postgres host");
    std::fs::write(folder.join("pgbouncer.ini"), configuration).unwrap();
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let run_as = if root { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    // As for the server: when standard input closes, it ends.
    let script = format!(
        "chmod -R a+rX {folder}; {run_as} {program} -q {folder}/pgbouncer.ini >{folder}.log 2>&1 & pooler=$!; echo started; read _; kill $pooler; rm -rf {folder} {folder}.log",
        folder = folder.display(),
    );
    let mut keeper = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    std::mem::forget(keeper);
    for _ in 0..300 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Some(port);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let log = std::fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
    panic!("PgBouncer did not start: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transaction_mode() {
    let database = Database::postgres().await;
    let mut url = reqwest::Url::parse(&database.url).unwrap();
    let Some(port) = pgbouncer(&url).await else {
        eprintln!("skipped: pooler::transaction_mode, there is no pgbouncer on this machine");
        return;
    };
    url.set_port(Some(port)).unwrap();
    let settings = [("DATABASE_POOLER", "transaction"), ("RATE_LIMIT_PER_MINUTE", "6000")];
    // Both migrate at once, over the same few servers.
    let services: Vec<_> =
        (0..2).map(|_| Service::spawn(url.as_str(), free_port(), &settings)).collect();
    for service in &services {
        service.wait_until_ready().await;
    }
    let mut clients = tokio::task::JoinSet::new();
    for worker in 0..8_usize {
        let client = services[worker % 2].client.clone();
        let other = services[(worker + 1) % 2].client.clone();
        clients.spawn(async move {
            for turn in 0..10 {
                let create = client
                    .request("POST", "/v1/payments")
                    .header("idempotency-key", format!("{worker} {turn}").replace(' ', "-"))
                    .json(&json!({ "amount": { "minor": 1 }, "data": { "worker": worker } }));
                let again = create.try_clone().unwrap();
                let created = send(create).await;
                assert_eq!(created.status, 201, "{}", created.text);
                assert_eq!(send(again).await.body["id"], created.body["id"]);
                let path = format!("/v1/payments/{}", created.body["id"].as_str().unwrap());
                // Reads are not cached, so that the other instance sees every write at once.
                assert_eq!(other.get(&path).await.body["version"], 1);
                let consumed =
                    client.put(&format!("{path}/status"), json!({ "status": "consumed" })).await;
                assert_eq!(consumed.status, 200, "{}", consumed.text);
                assert_eq!(other.get(&path).await.body["version"], 2);
                let found = other
                    .get(&format!(
                        "/v1/payments?limit=5&include=total&data={{\"worker\":{worker}}}"
                    ))
                    .await;
                assert_eq!(found.body["total"], turn + 1, "{}", found.text);
                assert_eq!(client.get("/list?limit=3").await.status, 200);
                assert_eq!(
                    client.get(&format!("{path}/events")).await.body["data"]
                        .as_array()
                        .map(Vec::len),
                    Some(2)
                );
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    // What a session leaves behind would be on whoever's server comes next.
    database
        .execute("DO $$ BEGIN IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%') THEN RAISE 'a transaction was left open'; END IF; END $$")
        .await;
}
