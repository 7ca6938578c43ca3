//! Services as local processes: versions, crashes, kills, secrets, and being found again.

use crate::support::request;
use local::{
    Error, HealthCheck, Process, Processes, Replica, ServiceSpec, State, Supervisor, run_once,
    supervise,
};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

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

async fn until_ended(processes: &Processes, replica: &Replica) -> State {
    loop {
        match processes.state(replica) {
            State::Running => tokio::time::sleep(Duration::from_millis(20)).await,
            ended => return ended,
        }
    }
}

#[tokio::test]
async fn replicas_have_their_own_addresses_survive_and_are_found_again() {
    let services = Services::new();
    let first = services.processes.ensure(&services.spec("one")).await.unwrap();
    assert_eq!((first.running.len(), first.started.len(), first.surplus.len()), (2, 2, 0));
    let (one, two) = (&first.running[0], &first.running[1]);
    assert_ne!(one.address, two.address, "a target group keys targets by address");
    assert_eq!(answer(one, "/").unwrap(), "one ");

    let later = Services::open(services.folder.path());
    let again = later.ensure(&services.spec("one")).await.unwrap();
    assert_eq!(again.running, first.running);
    assert!(again.started.is_empty() && again.surplus.is_empty());

    let fewer = later.ensure(&ServiceSpec { replicas: 1, ..services.spec("one") }).await.unwrap();
    assert_eq!((fewer.running.len(), fewer.surplus.len()), (1, 1));
    later.retire(&fewer.surplus).await.unwrap();
    let State::Exited(exit) = later.state(&fewer.surplus[0]) else {
        panic!("{:?}", fewer.surplus[0])
    };
    assert_eq!(exit.code(), 0, "it drained: {exit}");
    assert_eq!(later.tail(&fewer.surplus[0], 1), ["draining"]);
}

#[tokio::test]
async fn a_service_outlives_its_command_and_an_interrupt_of_its_terminal() {
    let services = Services::new();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["processes::command", "--exact", "--ignored"])
        .env("FOLDER", services.folder.path())
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    assert!(command.wait().unwrap().success());
    // What a terminal does on Ctrl-C: the signal goes to everyone in the command's group who is still there.
    let group = rustix::process::Pid::from_raw(i32::try_from(command.id()).unwrap()).unwrap();
    let told = rustix::process::kill_process_group(group, rustix::process::Signal::INT);
    assert_eq!(told, Err(rustix::io::Errno::SRCH), "no one is left in it");
    let found = services.processes.ensure(&services.spec("one")).await.unwrap();
    assert_eq!((found.running.len(), found.started.len()), (2, 0));
    assert_eq!(answer(&found.running[0], "/").unwrap(), "one ");
}

#[tokio::test]
async fn a_new_version_comes_up_beside_the_old_one() {
    let services = Services::new();
    let old = services.processes.ensure(&services.spec("one")).await.unwrap();
    let new = services.processes.ensure(&services.spec("two")).await.unwrap();
    assert_eq!(new.surplus, old.running);
    let addresses: BTreeSet<_> =
        new.running.iter().chain(&old.running).map(|it| it.address).collect();
    assert_eq!(addresses.len(), 4, "old and new are targets of one group for a while");
    assert!(new.running.iter().all(|it| it.version == 2));
    // Until the caller has moved the targets, both serve.
    assert_eq!(answer(&old.running[0], "/").unwrap(), "one ");
    assert_eq!(answer(&new.running[0], "/").unwrap(), "two ");
    services.processes.retire(&new.surplus).await.unwrap();
    assert_eq!(answer(&old.running[0], "/"), None);
    let versions = services.processes.versions("api").unwrap();
    assert_eq!(versions.iter().map(|it| it.running().len()).collect::<Vec<_>>(), [0, 2]);
}

#[tokio::test]
async fn a_crashing_version_is_explained_and_leaves_the_old_one_alone() {
    let services = Services::new();
    let old = services.processes.ensure(&services.spec("one")).await.unwrap();
    let mut broken = services.spec("two");
    broken.args[1] = "import sys; print('no database', flush=True); sys.exit(3)".to_owned();
    let error = services.processes.ensure(&broken).await.unwrap_err();
    let Error::Crashed { exit, log, .. } = &error else { panic!("{error}") };
    assert_eq!((exit.code(), log.as_slice()), (3, ["no database".to_owned()].as_slice()));
    assert!(error.to_string().contains("exited with code 3"), "{error}");
    assert_eq!(answer(&old.running[0], "/").unwrap(), "one ");
    assert!(services.processes.version("api", 2).unwrap().running().is_empty());
}

#[tokio::test]
async fn an_unhealthy_version_is_stopped_again_even_when_it_ignores_sigterm() {
    let services = Services::new();
    let mut spec = ServiceSpec { grace: Duration::from_millis(200), ..services.spec("one") };
    spec.env.insert("STATUS".to_owned(), "503".to_owned());
    spec.env.insert("STUBBORN".to_owned(), "yes".to_owned());
    let within = Duration::from_secs(3);
    spec.health = Some(HealthCheck { path: "/ready".to_owned(), success: 200..=299, within });
    let error = services.processes.ensure(&spec).await.unwrap_err();
    assert!(matches!(&error, Error::Unhealthy { last, .. } if last == "status 503"), "{error}");
    let version = services.processes.version("api", 1).unwrap();
    assert_eq!(version.replicas.len(), 2);
    for replica in version.replicas {
        let State::Exited(exit) = &replica.state else { panic!("{replica:?}") };
        assert_eq!(exit.code(), 128 + 9, "{exit}");
    }
}

#[tokio::test]
async fn a_later_crash_keeps_its_code_and_lines_and_is_replaced() {
    let services = Services::new();
    let up = services.processes.ensure(&services.spec("one")).await.unwrap();
    let (crashing, killed) = (&up.running[0], &up.running[1]);
    answer(crashing, "/crash");
    let State::Exited(exit) = until_ended(&services.processes, crashing).await else { panic!() };
    assert_eq!(exit.code, Some(42));
    assert_eq!(services.processes.tail(crashing, 1), ["about to crash"]);
    Process::of(killed.pid).unwrap().kill();
    let State::Exited(exit) = until_ended(&services.processes, killed).await else { panic!() };
    assert_eq!(exit.signal, Some(9));

    let healed = services.processes.ensure(&services.spec("one")).await.unwrap();
    assert_eq!((healed.running.len(), healed.started), (2, vec![3, 4]));
    let numbers: Vec<u32> = healed.running.iter().map(|it| it.number).collect();
    assert_eq!(
        (numbers, healed.running[0].version),
        (vec![3, 4], 1),
        "the same version, new processes"
    );
}

#[tokio::test]
async fn a_process_whose_supervisor_was_killed_is_still_found_and_stopped() {
    let services = Services::new();
    let up = services
        .processes
        .ensure(&ServiceSpec { replicas: 1, ..services.spec("one") })
        .await
        .unwrap();
    let replica = &up.running[0];
    let written = services.folder.path().join("services/api/1/1/process.json");
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(written).unwrap()).unwrap();
    let supervisor: Process = serde_json::from_value(written["supervisor"].clone()).unwrap();
    supervisor.kill();
    assert!(supervisor.gone(Duration::from_secs(5)).await);
    assert_eq!(services.processes.state(replica), State::Running);
    assert_eq!(answer(replica, "/").unwrap(), "one ");
    services.processes.retire(&up.running).await.unwrap();
    assert_eq!(services.processes.state(replica), State::Vanished);
    assert_eq!(answer(replica, "/"), None);
}

#[tokio::test]
async fn a_secret_reaches_the_process_and_no_file() {
    let services = Services::new();
    let mut spec = services.spec("one");
    spec.secrets.insert("PASSWORD".to_owned(), "hunter-two-and-a-half".to_owned());
    assert!(!format!("{spec:?}").contains("hunter"));
    let up = services.processes.ensure(&spec).await.unwrap();
    assert_eq!(answer(&up.running[0], "/").unwrap(), "one hunter-two-and-a-half");
    let mut folders = vec![services.folder.path().to_owned()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                read += 1;
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains("hunter"), "{}", path.display());
            }
        }
    }
    assert!(read > 4, "{read}");
    // Its value is no part of the version, its revision is.
    spec.secrets.insert("PASSWORD".to_owned(), "other".to_owned());
    assert!(services.processes.ensure(&spec).await.unwrap().started.is_empty());
    spec.revision = "2".to_owned();
    assert_eq!(services.processes.ensure(&spec).await.unwrap().running[0].version, 2);
}

#[tokio::test]
async fn a_kept_binary_is_run_again_after_a_rebuild() {
    let services = Services::new();
    let script = services.folder.path().join("server");
    let write = |answer: &str| {
        let text = format!(
            "#!/usr/bin/env python3\nimport os\nos.environ['ANSWER'] = '{answer}'\n{SERVER}"
        );
        std::fs::write(&script, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, mode).unwrap();
    };
    write("old build");
    let mut spec =
        ServiceSpec { replicas: 1, snapshot: true, program: script.clone(), ..services.spec("") };
    spec.args.clear();
    let old = services.processes.ensure(&spec).await.unwrap();
    write("new build");
    let rolled_back =
        services.processes.start_replicas(&spec, old.running[0].version, 1).await.unwrap();
    services.processes.wait_healthy(&rolled_back, spec.health.as_ref()).await.unwrap();
    assert_eq!(answer(&rolled_back[0], "/").unwrap(), "old build ");
    let new = services.processes.ensure(&spec).await.unwrap();
    assert_eq!(
        (new.running[0].version, answer(&new.running[0], "/").unwrap().as_str()),
        (2, "new build ")
    );
}

#[tokio::test]
async fn a_program_that_cannot_be_started_says_why() {
    let services = Services::new();
    let spec = ServiceSpec { program: "/nonexistent/api".into(), ..services.spec("one") };
    let error = services.processes.ensure(&spec).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unstartable { message, .. } if message.contains("No such file")),
        "{error}"
    );
    let error = services
        .processes
        .ensure(&ServiceSpec { name: "../up".to_owned(), ..spec })
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unknown { what: "service", .. }), "{error}");
}

#[tokio::test]
async fn stopping_all_leaves_no_process_and_no_file() {
    let services = Services::new();
    let up = services.processes.ensure(&services.spec("one")).await.unwrap();
    let pids: Vec<Process> = up.running.iter().map(|it| Process::of(it.pid).unwrap()).collect();
    let folder = services.folder.path().join("services");
    assert_eq!(Processes::stop_all(&folder).await.unwrap(), 2);
    assert!(pids.iter().all(|it| !it.is_alive()));
    assert!(!folder.exists());
    assert_eq!(Processes::stop_all(&folder).await.unwrap(), 0);
}

#[tokio::test]
async fn only_the_last_versions_are_kept() {
    let services = Services::new();
    for revision in 1..=8 {
        let spec =
            ServiceSpec { replicas: 1, revision: revision.to_string(), ..services.spec("one") };
        let ensured = services.processes.ensure(&spec).await.unwrap();
        services.processes.retire(&ensured.surplus).await.unwrap();
    }
    let numbers: Vec<u32> =
        services.processes.versions("api").unwrap().iter().map(|it| it.number).collect();
    assert_eq!(numbers, [4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn a_program_run_once_streams_its_lines_and_gives_its_code() {
    let services = Services::new();
    let mut spec = services.spec("migrating");
    spec.secrets.insert("PASSWORD".to_owned(), "p".to_owned());
    spec.args[1] = "import os, sys; print(os.environ['ANSWER'], len(os.environ['PASSWORD'])); sys.stdout.flush(); \
                    print('failed', file=sys.stderr); sys.exit(7)"
        .to_owned();
    let mut lines = Vec::new();
    let exit = run_once(&spec, |line| lines.push(line.to_owned())).await.unwrap();
    lines.sort();
    assert_eq!((exit.code(), lines), (7, vec!["failed".to_owned(), "migrating 1".to_owned()]));
    spec.program = "/nonexistent".into();
    assert!(matches!(run_once(&spec, |_| ()).await, Err(Error::Unstartable { .. })));
}
