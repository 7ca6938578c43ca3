//! The main job without a Docker engine: the payments API as processes behind the load balancer, from
//! the first `up` to the purge.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use local::{LocalCloud, Process, Processes, Supervisor};
use serde_json::Value;

use crate::account::{Ended, connect, lend_venv, skip};
use crate::http::{request, under_load};
use crate::support::{Project, wait};

const LOCAL: &str = "\
project: payments
region: us-east-1
network: { nat: none }
services:
  api:
    build: { binary: payments-api }
    port: 8000
    route: \"/*\"
    cpu: 256
    memory: 1024
    replicas: 2
    data: ephemeral
    environment: { ADMIN_USER: admin, DATABASE_EPHEMERAL: \"true\" }
    secrets: { ADMIN_PASS: admin-pass }
    health: { path: /status }
secrets: { admin-pass: { generate: 32 } }
";

#[test]
fn payments_survive_what_processes_do_not() {
    // Built with the tool by the same command.
    let api = Path::new(env!("CARGO_BIN_EXE_provisioner")).with_file_name("payments-api");
    if !api.exists() {
        skip(&format!("there is no {} (processes as tasks)", api.display()));
        return;
    }
    let project = Project::with(&[("local", LOCAL)]);
    std::os::unix::fs::symlink(api, project.path().join("payments-api")).unwrap();
    lend_venv(&project, None);
    let _ended = Ended(&project);

    let up = project.run(&["up", "--yes", "--json"]).json();
    assert_eq!(up["complete"], true, "{up}");
    let url = up["outputs"]["url"].as_str().unwrap();
    let user = user(&project, &up["outputs"]["secret.admin-pass"]);
    let user = [("authorization", user.as_str()), ("content-type", "application/json")];
    let payment = r#"{"payment":"12.345,67","data":{"order":"A-17"}}"#;
    let created = request("POST", &format!("{url}/create"), &user, payment).unwrap();
    assert_eq!(created.0, 201, "{created:?}");
    let list = || {
        let (status, body) = request("GET", &format!("{url}/list"), &user, "").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let listed = list();
    assert!(listed.to_string().contains("12.345,67"), "{listed}");

    // Nothing to do: the same processes go on.
    let first = processes(&project);
    assert_eq!(first.len(), 2);
    assert_eq!(project.run(&["up", "--yes", "--json"]).json()["done"], serde_json::json!([]));
    assert_eq!(processes(&project), first);

    project.write("environments/local.yaml", &LOCAL.replace("cpu: 256", "cpu: 512"));
    let (up, answers) = under_load(&format!("{url}/status"), || project.run(&["up", "--yes"]));
    up.done();
    assert_eq!(answers.keys().collect::<Vec<_>>(), [&200], "{answers:?}");
    assert!(answers[&200] > 20, "{answers:?}");
    let second = processes(&project);
    assert_eq!(second.len(), 2);
    assert!(first.iter().all(|old| !old.is_alive()), "the old ones have ended");
    assert_eq!(list(), listed);

    // The cloud restarts and the processes do not; then it is the other way round.
    project.run(&["local", "stop"]).done();
    project.run(&["local", "start"]).done();
    assert_eq!(list(), listed);
    second.iter().for_each(Process::kill);
    project.run(&["up", "--yes"]).done();
    assert_eq!(list(), listed);
    project.run(&["plan"]).done();

    let last = processes(&project);
    project.run(&["local", "stop", "--purge"]).done();
    assert!(last.iter().all(|one| !one.is_alive()));
    assert!(!project.path().join(".provisioner").exists());
}

#[test]
fn destroy_ends_the_processes() {
    let api = Path::new(env!("CARGO_BIN_EXE_provisioner")).with_file_name("payments-api");
    if !api.exists() {
        return;
    }
    let project = Project::with(&[("local", LOCAL)]);
    std::os::unix::fs::symlink(api, project.path().join("payments-api")).unwrap();
    lend_venv(&project, None);
    let _ended = Ended(&project);
    project.run(&["up", "--yes"]).done();
    let running = processes(&project);
    assert_eq!(running.len(), 2);
    project.run(&["destroy", "--yes"]).done();
    assert!(running.iter().all(|one| !one.is_alive()));
    assert_eq!(project.run(&["up", "--yes", "--json"]).json()["complete"], true);
}

/// The processes that are the service's tasks.
fn processes(project: &Project) -> Vec<Process> {
    let folder = LocalCloud::of(project.path()).unwrap().folder().services();
    let supervisor = Supervisor { program: "true".into(), args: Vec::new() };
    let versions = Processes::new(folder, supervisor).versions("api").unwrap();
    let running = versions.iter().flat_map(local::Version::running);
    running.map(|replica| Process::of(replica.pid).unwrap()).collect()
}

/// The administrator, as a request says it.
fn user(project: &Project, secret: &Value) -> String {
    let status = project.run(&["local", "status", "--json"]).json();
    let aws = connect(status["endpoint"].as_str().unwrap());
    let call = aws.read().secrets.get_secret_value().secret_id(secret.as_str().unwrap());
    let password = wait(call.send()).unwrap().secret_string.unwrap();
    format!("Basic {}", BASE64_STANDARD.encode(format!("admin:{password}")))
}
