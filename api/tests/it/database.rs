//! Fresh databases: an SQLite file, or a database of a real Postgres server.
//!
//! The server is `TEST_DATABASE_URL`'s, or one that this test process starts for itself and that ends with it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

static SERVER: OnceCell<String> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// One empty database.
pub(crate) struct Database {
    pub(crate) url: String,
    /// Kept so that the file lives as long as the test.
    _folder: Option<TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("payments.db").display());
        Self { url, _folder: Some(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let server = SERVER.get_or_init(server).await;
        let name =
            format!("payments_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(server).await.expect("the test server answers");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut connection).await.expect("a new database");
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        Self { url: format!("{base}/{name}"), _folder: None }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// Does something to the database behind the service's back. Only Postgres lets others in while the service runs.
    pub(crate) async fn execute(&self, sql: &'static str) {
        self.execute_text(sql.to_owned()).await;
    }

    pub(crate) async fn execute_text(&self, sql: String) {
        let mut connection =
            PgConnection::connect(&self.url).await.expect("the test database answers");
        let text = sqlx::AssertSqlSafe(sql.clone());
        sqlx::raw_sql(text).execute(&mut connection).await.expect(&sql);
    }
}

async fn server() -> String {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        return url;
    }
    let root = output("id", &["-u"]) == "0";
    // As root the server runs as nobody, who may not be allowed into the target folder.
    let kept = if root {
        std::env::temp_dir().join("payments-api-tests")
    } else {
        env!("CARGO_TARGET_TMPDIR").into()
    };
    fs::create_dir_all(&kept).expect("a folder for the server's files");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
    let programs =
        PathBuf::from(output(script.to_str().expect("a path"), &[kept.to_str().expect("a path")]));

    let folder = std::env::temp_dir().join(format!("payments-api-postgres-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder for the server's data");
    let port = free_port();
    if root {
        output("chown", &["65534:65534", folder.to_str().expect("a path")]);
    }
    let run_as = if root { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    // The shell outlives this process by a moment: when its standard input closes, whatever the reason, it stops the
    // server and removes the data.
    let script = format!(
        "cd {folder} && {run_as} {programs}/initdb -D {folder}/data -U postgres -A trust -E UTF8 --locale=C >{folder}/log 2>&1 || {{ cat {folder}/log; exit 1; }}
         {run_as} {programs}/postgres -D {folder}/data -p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=300 -c fsync=off >>{folder}/log 2>&1 &
         server=$!
         echo started
         read _
         kill -QUIT $server; wait $server; rm -rf {folder}",
        folder = folder.display(),
        programs = programs.display(),
    );
    let mut keeper = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().expect("its output"))
        .read_line(&mut line)
        .expect("its first line");
    assert_eq!(line, "started\n", "the server cannot be made");
    // Its standard input stays open until this process ends.
    std::mem::forget(keeper);

    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    for _ in 0..300 {
        if PgConnection::connect(&url).await.is_ok() {
            return url;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "the server did not start: {}",
        fs::read_to_string(folder.join("log")).unwrap_or_default()
    );
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).stderr(Stdio::inherit()).output().expect(program);
    assert!(output.status.success(), "{program} failed");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
