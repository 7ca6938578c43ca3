//! The hidden verb, as the parent of a service's process.

use std::collections::BTreeMap;
use std::time::Duration;

use local::{HealthCheck, Processes, ServiceSpec, Supervisor};

use crate::support::{Project, wait};

#[test]
fn it_runs_a_service_and_passes_the_end_on() {
    let project = Project::empty();
    project.write("index.html", "hello");
    let program = env!("CARGO_BIN_EXE_provisioner").into();
    let supervisor = Supervisor { program, args: vec!["supervise".into()] };
    let services = Processes::new(project.path().join("services"), supervisor);
    let arguments = ["-m", "http.server", "--bind", "{address}", "{port}"];
    let spec = ServiceSpec {
        name: "pages".into(),
        program: "python3".into(),
        args: arguments.map(Into::into).into(),
        env: BTreeMap::new(),
        secrets: BTreeMap::new(),
        directory: project.path().into(),
        replicas: 1,
        revision: "1".into(),
        snapshot: false,
        health: Some(HealthCheck {
            path: "/index.html".into(),
            success: 200..=200,
            within: Duration::from_mins(1),
        }),
        grace: Duration::from_secs(5),
    };
    let ensured = wait(services.ensure(&spec)).unwrap();
    assert_eq!(ensured.running.len(), 1);
    let ended = wait(Processes::stop_all(&project.path().join("services"))).unwrap();
    assert_eq!(ended, 1);
}

#[test]
fn without_an_order_it_does_nothing() {
    let run = Project::empty().run(&["supervise"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("read the order"), "{run:?}");
}
