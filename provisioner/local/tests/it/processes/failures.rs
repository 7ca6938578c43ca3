//! Processes that crash, that never serve, that are killed.

use std::time::Duration;

use local::{Error, HealthCheck, Process, Processes, Replica, ServiceSpec, State};

use super::{Services, answer};

async fn until_ended(processes: &Processes, replica: &Replica) -> State {
    loop {
        match processes.state(replica) {
            State::Running => tokio::time::sleep(Duration::from_millis(20)).await,
            ended => return ended,
        }
    }
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
