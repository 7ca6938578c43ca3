//! Services as local processes: versions, crashes, kills, secrets, and being found again.

mod failures;
mod life;
mod versions;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use local::{HealthCheck, Process, Processes, Replica, ServiceSpec, Supervisor, supervise};

use crate::support::request;

/// Not a test: the process that the other tests' supervisors are.
#[test]
#[ignore = "started by the other tests as their supervisor"]
fn supervisor() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::process::exit(runtime.block_on(supervise()).unwrap());
}

/// Not a test: a command that starts a service and exits.
#[test]
#[ignore = "started by another test as a command of its own"]
fn command() {
    let folder = std::env::var_os("FOLDER").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let services = Services::open(Path::new(&folder));
    runtime.block_on(services.ensure(&service("one", Path::new(&folder)))).unwrap();
}

const SERVER: &str = r#"
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("about to crash", flush=True)
            os._exit(42)
        text = (os.environ.get("ANSWER", "") + " " + os.environ.get("PASSWORD", "")).encode()
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
def end(*args):
    print("draining", flush=True)
    threading.Thread(target=server.shutdown).start()
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, end)
print("listening", flush=True)
server.serve_forever()
"#;

/// The supervisor above.
pub(crate) fn this_test() -> Supervisor {
    let args = ["processes::supervisor", "--exact", "--ignored"].map(str::to_owned).into();
    Supervisor { program: std::env::current_exe().unwrap(), args }
}

/// A service that answers with this text.
pub(crate) fn service(answer: &str, directory: &Path) -> ServiceSpec {
    let env = [("HOST", "{address}"), ("PORT", "{port}"), ("ANSWER", answer)];
    ServiceSpec {
        name: "api".to_owned(),
        program: "python3".into(),
        args: vec!["-c".to_owned(), SERVER.to_owned()],
        env: env.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        secrets: BTreeMap::new(),
        directory: directory.to_owned(),
        replicas: 2,
        revision: "1".to_owned(),
        snapshot: false,
        health: Some(HealthCheck {
            path: "/".to_owned(),
            success: 200..=299,
            within: Duration::from_secs(30),
        }),
        grace: Duration::from_secs(10),
    }
}

struct Services {
    folder: tempfile::TempDir,
    processes: Processes,
}

impl Services {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let processes = Self::open(folder.path());
        Self { folder, processes }
    }

    fn open(folder: &Path) -> Processes {
        Processes::new(folder.join("services"), this_test())
    }

    fn spec(&self, answer: &str) -> ServiceSpec {
        service(answer, self.folder.path())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        let Ok(services) = self.processes.services() else { return };
        for service in services {
            for version in self.processes.versions(&service).unwrap_or_default() {
                for replica in version.running() {
                    if let Some(process) = Process::of(replica.pid) {
                        process.kill();
                    }
                }
            }
        }
    }
}

fn answer(replica: &Replica, path: &str) -> Option<String> {
    request((&replica.address.to_string(), replica.port), &format!("GET {path}"), &[], "")
        .map(|it| it.1)
}
