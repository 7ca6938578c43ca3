//! A local cloud with a service that was brought up, and programs to deploy to it: as processes of this
//! machine, or as containers.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use local::Engine;

use crate::account::{lend_venv, skip};
use crate::http::{answered, request};
use crate::support::{Project, Run, wait};

/// A program that says its version to everybody, or fails as its version says.
const PROGRAM: &str = r#"#!/usr/bin/env python3
import http.server, os, signal, sys, threading

VERSION = "{version}"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = VERSION.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if sys.argv[1:] == ["migrate"]:
    print("migrating to", VERSION, flush=True)
    sys.exit(3 if VERSION == "unmigrated" else 0)
if VERSION == "crashing":
    print("FATAL: no database", flush=True)
    sys.exit(3)
if VERSION == "silent":
    signal.pause()
server = http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("serving", VERSION, flush=True)
server.daemon_threads = False
server.serve_forever()
server.server_close()
"#;

/// The same in a container, where the only program is busybox: its last line is the version.
const SHELL: &str = "v=$(/busybox tail -n 1 /busybox); case $v in \
crashing) echo FATAL: no database; exit 3;; silent) exec /busybox sleep 600;; esac; \
/busybox mkdir -p /tmp/w; /busybox printf %s $v > /tmp/w/index.html; echo serving $v; \
exec /busybox httpd -f -p 8000 -h /tmp/w";

const MIGRATE: &str =
    "v=$(/busybox tail -n 1 /busybox); echo migrating to $v; [ $v != unmigrated ] || exit 3";

const LOCAL: &str = "\
project: shop
region: us-east-1
network: { nat: none }
services:
  api:
    build: { binary: v1/busybox }
    port: 8000
    route: \"/*\"
    replicas: 2
    stop: 2s
    health: { grace: 10s }
    probe: { path: / }
    secrets: { TOKEN: token }
secrets: { token: given }
";

/// What the tasks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tasks {
    Processes,
    Containers,
}

pub(crate) struct Home {
    pub(crate) tasks: Tasks,
    pub(crate) project: Project,
    pub(crate) url: String,
    file: String,
}

impl Home {
    /// With v1 running, as processes.
    pub(crate) fn of_processes() -> Self {
        Self::up(Tasks::Processes, None, "")
    }

    /// The same, with a migration in the file from the beginning.
    pub(crate) fn of_migrated_processes() -> Self {
        Self::up(Tasks::Processes, None, &migration(Tasks::Processes))
    }

    /// The same as containers; none, which is said, where that cannot be.
    pub(crate) fn of_containers() -> Option<Self> {
        let Some(engine) = wait(local::engine()) else {
            skip("no Docker engine answers (deploys of containers)");
            return None;
        };
        if !Path::new("/bin/busybox").exists() {
            skip("no static /bin/busybox (deploys of containers)");
            return None;
        }
        Some(Self::up(Tasks::Containers, Some(&engine), ""))
    }

    fn up(tasks: Tasks, engine: Option<&Engine>, service: &str) -> Self {
        let file = match tasks {
            Tasks::Processes => LOCAL.to_owned(),
            Tasks::Containers => {
                let command = serde_json::json!(["sh", "-c", SHELL]);
                LOCAL.replace("    port: ", &format!("    command: {command}\n    port: "))
            }
        };
        let file = file.replace("    stop: 2s\n", &format!("    stop: 2s\n{service}"));
        let mut project = Project::with(&[("local", &file)]);
        if let Some(engine) = engine {
            project.set("PROVISIONER_DOCKER", "on").set("DOCKER_HOST", &engine.host);
        }
        lend_venv(&project, engine);
        let mut home = Self { tasks, project, url: String::new(), file };
        home.program("v1");
        home.project.run(&["local", "start"]).done();
        home.project.run_with(&["secret", "set", "token"], b"s3cret").done();
        let up = home.run(&["up", "--yes", "--json"].map(Into::into)).json();
        assert_eq!(up["complete"], true, "{up}");
        home.url = format!("{}/", up["outputs"]["url"].as_str().unwrap());
        assert_eq!(answered(&home.url), "v1");
        home
    }

    /// Writes the program of a version and returns its path.
    pub(crate) fn program(&self, version: &str) -> String {
        let path = format!("{version}/busybox");
        let to = self.project.path().join(&path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let mut program = match self.tasks {
            Tasks::Processes => PROGRAM.replace("{version}", version).into_bytes(),
            Tasks::Containers => {
                let mut program = std::fs::read("/bin/busybox").unwrap();
                program.extend(format!("\n{version}\n").bytes());
                program
            }
        };
        if version == "foreign" {
            program = foreign(program);
        }
        std::fs::write(&to, program).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The command line that deploys a version.
    pub(crate) fn deploy(&self, version: &str) -> Vec<String> {
        ["deploy", "--json", "--binary", &self.program(version)].map(Into::into).into()
    }

    /// The environment file with something more for the service and for the environment.
    pub(crate) fn edit(&self, service: &str, environment: &str) {
        let file = self.file.replace("    stop: 2s\n", &format!("    stop: 2s\n{service}"));
        self.project.write("environments/local.yaml", &format!("{file}{environment}"));
    }

    /// The environment file with one text of it replaced by another.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let file = self.project.read("environments/local.yaml");
        assert!(file.contains(from), "{file}");
        self.project.write("environments/local.yaml", &file.replace(from, to));
    }

    /// The migration's command, as the file has it.
    pub(crate) fn migration(&self) -> String {
        migration(self.tasks)
    }

    /// Which version answers, if any does.
    pub(crate) fn version(&self) -> Option<String> {
        request("GET", &self.url, &[], "").filter(|(status, _)| *status == 200).map(|it| it.1)
    }

    pub(crate) fn run(&self, arguments: &[String]) -> Run {
        run(&self.project, arguments)
    }

    /// The releases, the newest first.
    pub(crate) fn releases(&self) -> Vec<serde_json::Value> {
        releases(&self.project)
    }
}

fn migration(tasks: Tasks) -> String {
    let command = match tasks {
        Tasks::Processes => serde_json::json!(["migrate"]),
        Tasks::Containers => serde_json::json!(["sh", "-c", MIGRATE]),
    };
    format!("    migration: {{ command: {command} }}\n")
}

/// Runs a command, and again when the machine stood still for so long that its lock was lost.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Run {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let again = || project.run(&arguments);
    let runs = std::iter::repeat_with(again).take(3);
    let mut runs = runs.skip_while(|run| run.code == 8 && run.err.contains("its heartbeat"));
    runs.next().unwrap_or_else(|| project.run(&arguments))
}

/// A service's releases, the newest first.
pub(crate) fn releases(project: &Project) -> Vec<serde_json::Value> {
    project.run(&["releases", "--json"]).json().as_array().unwrap().clone()
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = self.project.run(&["local", "stop", "--purge"]);
    }
}

/// A program for another processor: an ELF file that says so, or that in front of what was there.
fn foreign(mut program: Vec<u8>) -> Vec<u8> {
    if !program.starts_with(b"\x7fELF") {
        let mut header = vec![0; 64];
        // 64 bits, little-endian, an executable.
        header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        header[16] = 2;
        header.append(&mut program);
        program = header;
    }
    let arm = cfg!(target_arch = "aarch64");
    // EM_X86_64 and EM_AARCH64.
    program[18] = if arm { 62 } else { 183 };
    program
}
