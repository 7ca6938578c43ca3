//! Deploys and what becomes of them, in the local cloud: a good one under load, and all that can be wrong
//! with one. `scripts/matrix` writes what is seen here into a table.

mod account;
mod home;
mod images;
mod judged;
mod killed;
mod matrix;
mod needs;
mod rolling;
mod todays_secrets;

use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use crate::account::CONTAINERS;
pub(crate) use home::run;
use home::{Home, Tasks};

use matrix::{Row, Thing, row, table};

/// Every way to deploy, one after another, without Docker and with it.
#[test]
fn every_broken_deploy_ends_on_the_old_version() {
    let all = |mut home: Home| Thing::ALL.map(|thing| row(&mut home, thing));
    let (processes, containers) = thread::scope(|scope| {
        let containers = scope.spawn(|| {
            let _alone = CONTAINERS.lock().unwrap_or_else(PoisonError::into_inner);
            Home::of_containers().map(all)
        });
        (all(Home::of_processes()), containers.join().unwrap())
    });
    for good in [Some(&processes), containers.as_ref()].into_iter().flatten() {
        let Row { failed, requests, .. } = &good[0];
        assert_eq!(*failed, 0, "of {requests}");
        assert!(*requests > 20, "{requests}");
    }
    if let Some(path) = std::env::var_os("PROVISIONER_MATRIX") {
        let containers = containers.expect("the table needs a Docker engine and /bin/busybox");
        std::fs::write(path, page(&processes, &containers)).unwrap();
    }
}

fn page(processes: &[Row], containers: &[Row]) -> String {
    let title = "# What becomes of a deploy\n\n\
Written by `scripts/matrix`; `cargo test` asserts the same. One environment in the local cloud (two tasks, a\n\
probe), requests in a loop during each deploy, one thing after another: v1 runs first, then v2, and v2 it must\n\
stay. After each of them `plan` is empty and no release is without an end. API calls are all that the command\n\
makes, those of its waiting too; `-`: refused before there was a release.\n\n\
An image that never answers has failed requests with Docker because MiniStack checks no target's health: the\n\
old tasks are gone before the probe finds out. On AWS they stay until the new ones are healthy.\n\n";
    format!(
        "{title}## Without Docker\n\n{}\n## With Docker\n\n{}",
        table(processes),
        table(containers)
    )
}

/// Without a terminal an interrupt takes the service back, and ends the command.
#[test]
fn an_interrupt_goes_back() {
    let home = Home::of_processes();
    assert_eq!(home.tasks, Tasks::Processes);
    let arguments = home.deploy("silent");
    let deploy = home.project.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    while home.releases()[0]["ended"].is_object() {
        thread::sleep(Duration::from_millis(50));
    }
    deploy.interrupt();
    let deploy = deploy.end();
    assert_eq!(deploy.code, 130, "{deploy:?}");
    assert!(deploy.err.contains("going back was asked for"), "{deploy:?}");
    assert_eq!(home.version().unwrap(), "v1");
    assert_eq!(home.releases()[0]["ended"]["how"], "rolled-back");
    home.project.run(&["plan"]).done();
}

/// A first `up` migrates before the first task, and records it like a deploy.
#[test]
fn up_migrates_before_the_service() {
    let home = Home::of_migrated_processes();
    assert_eq!(home.releases()[0]["migration"], "migrate");
    // Nothing new, nothing to migrate.
    let again = home.project.run(&["up", "--yes"]);
    assert!(again.code == 0 && !again.err.contains("migrating"), "{again:?}");
    home.project.run(&["destroy", "--yes"]).done();
    home.project.run_with(&["secret", "set", "token"], b"s3cret").done();
    let program = home.program("unmigrated");
    home.replace("binary: v1/busybox", &format!("binary: {program}"));
    let failed = home.project.run(&["up", "--yes"]);
    assert_eq!(failed.code, 7, "{failed:?}");
    assert!(failed.err.contains("the migration of api ended with exit code 3"), "{failed:?}");
    let status = home.project.run(&["status", "--json"]).json();
    assert_eq!(status["services"][0]["state"], "absent", "{status}");
}

/// The verbs around a deploy, on processes.
#[test]
fn the_daily_commands() {
    let home = Home::of_processes();
    let run = |arguments: &[&str]| home.project.run(arguments);
    let explained = run(&["explain"]).done();
    assert!(explained.contains("there is nothing to explain"), "{explained}");

    // Nobody waits: it comes about all the same.
    let program = home.program("v2");
    let left = run(&["deploy", "--json", "--no-wait", "--binary", &program]).json();
    assert_eq!(left["end"], "left");
    assert_eq!(home.version().unwrap(), "v2");
    assert_eq!(run(&["deploy", "--json", "--binary", &program]).json()["end"], "nothing");

    let lines = run(&["logs"]).done();
    assert_eq!(lines.matches("serving v2").count(), 2, "{lines}");
    let previous = run(&["logs", "--previous"]).done();
    assert_eq!(previous.matches("serving v1").count(), 2, "{previous}");
    assert_eq!(run(&["run", "--", "migrate"]).done(), "migrating to v2\n");
    let code = run(&["run", "--", "/bin/sh", "-c", "echo $TOKEN; exit 4"]);
    assert_eq!((code.code, code.out.as_str()), (4, "s3cret\n"), "{code:?}");
    // A number of an incident says how long it lasts.
    let scaled = run(&["scale", "3", "--json"]).json();
    assert!(scaled["lasts"].as_str().unwrap().contains("the next `up`"), "{scaled}");
    run(&["scale", "2", "--keep"]).done();
    run(&["restart"]).done();
    assert_eq!(home.version().unwrap(), "v2");
    home.project.run_with(&["secret", "set", "token", "--roll"], b"other").done();
    assert_eq!(run(&["run", "--", "/bin/sh", "-c", "echo $TOKEN"]).done(), "other\n");
    assert_eq!(home.version().unwrap(), "v2");
    run(&["plan"]).done();

    let back = run(&["rollback", "1", "--json"]).json();
    assert_eq!((&back["end"], &back["release"]["image"]), (&"serves".into(), &image(&home, 1)));
    assert_eq!(home.version().unwrap(), "v1");
    run(&["plan"]).done();
    // A version that was deployed before is still there.
    let tag = image(&home, 2)["tagged"].as_str().unwrap().to_owned();
    assert_eq!(run(&["deploy", "--json", "--tag", &tag]).json()["end"], "serves");
    assert_eq!(home.version().unwrap(), "v2");

    // Back across a migration only when that is said.
    home.edit(&home.migration(), "");
    assert_eq!(home.run(&home.deploy("v3")).json()["end"], "serves");
    let refused = run(&["rollback"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("a migration was run since"), "{refused:?}");
    assert_eq!(home.version().unwrap(), "v3");
    assert_eq!(run(&["rollback", "--across-migration", "--json"]).json()["end"], "serves");
    assert_eq!(home.version().unwrap(), "v2");
    let numbers: Vec<_> = home.releases().iter().map(|one| one["number"].clone()).collect();
    assert_eq!(numbers, [7, 6, 5, 4, 3, 2, 1]);
}

/// The image of a release.
fn image(home: &Home, number: u64) -> serde_json::Value {
    let all = home.releases();
    all.iter().find(|one| one["number"] == number).unwrap()["image"].clone()
}
