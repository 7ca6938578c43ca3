//! The local cloud from its first start to its purge, by the commands alone.

use local::{Level, LocalCloud, Status};

use crate::account::{Ended, end, lend_venv, venv};
use crate::support::{PROD, Project, wait};

const LOCAL: &str = "\
project: shop
region: eu-west-1
network: { nat: none }
services:
  api: { build: { binary: app }, port: 8000, route: \"/*\", secrets: { TOKEN: token } }
secrets: { token: given }
";

#[test]
fn a_life() {
    let project = Project::with(&[("local", LOCAL), ("prod", PROD)]);
    lend_venv(&project, None);
    let _ended = Ended(&project);
    let root = project.path().canonicalize().unwrap().display().to_string();

    let absent = project.run(&["local", "status"]).done();
    assert!(absent.starts_with("The local cloud was never started, or was purged.\n"), "{absent}");
    insta::assert_snapshot!(project.run(&["local", "stop"]).shown(&[]), @"
    exit code 0
    --- stderr
    the local cloud did not run
    ");
    // Nothing but `up` and `local start` starts it.
    insta::assert_snapshot!(project.run(&["secret", "list", "--env", "local"]).shown(&[]), @"
    exit code 1
    --- stderr
    error: the local cloud does not run
      start it with `provisioner local start`, or with `provisioner up --env local`
    ");

    let started = project.run(&["local", "start"]);
    let endpoint = started.out.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let port = endpoint.rsplit(':').next().unwrap_or_default().to_owned();
    insta::assert_snapshot!(started.shown(&[(&root, "[project]"), (&port, "[port]")]), @"
    exit code 0
    --- stdout
    endpoint  http://127.0.0.1:[port]
    region    eu-west-1
    docker    off: services with a `binary:` run as local processes
    log       [project]/.provisioner/local/cloud.log
    --- stderr
    starting the local cloud on port [port]
    local cloud ready at http://127.0.0.1:[port]
    next: provisioner up --env local
    ");
    let again = project.run(&["local", "start", "--json"]).json();
    assert_eq!(
        (&again["endpoint"], &again["region"]),
        (&endpoint.as_str().into(), &"eu-west-1".into())
    );
    assert_eq!(again["variables"]["AWS_ENDPOINT_URL"], endpoint);

    // The environment `local` finds it by itself; any other environment does not.
    let listed = project.run(&["secret", "list", "--env", "local", "--json"]).json();
    assert_eq!(listed[0]["has_value"], false);
    let set = project.run_with(&["secret", "set", "token", "--env", "local"], b"kept");
    assert!(set.out.starts_with("created shop/local/token"), "{set:?}");

    let status = project.run(&["local", "status"]).done();
    assert!(status.starts_with("The local cloud runs.\n"), "{status}");
    assert!(status.contains(&endpoint), "{status}");
    for (level, title) in [
        (Level::Emulated, "\nEmulated:"),
        (Level::StoredOnly, "\nStored only:"),
        (Level::Absent, "\nAbsent:"),
    ] {
        let group = status.split(title).nth(1).unwrap().split("\n\n").next().unwrap();
        let rows: Vec<_> =
            local::capabilities(false).into_iter().filter(|row| row.level == level).collect();
        assert_eq!(group.trim_end().lines().count(), rows.len() + 1, "{group}");
        for row in rows {
            let line =
                group.lines().find(|line| line.contains(row.operation) && line.contains(row.note));
            assert!(
                line.is_some_and(|line| line.trim_start().starts_with(row.service)),
                "{row:?}\n{group}"
            );
        }
    }
    let json = project.run(&["local", "status", "--json"]).json();
    assert_eq!(json["status"], "running");
    assert_eq!(json["capabilities"].as_array().unwrap().len(), local::capabilities(false).len());

    let stopped = project.run(&["local", "stop"]);
    assert!(
        stopped
            .err
            .ends_with("the local cloud has stopped; `local start` brings back what it held\n"),
        "{stopped:?}"
    );
    assert_eq!(project.run(&["local", "status", "--json"]).json()["status"], "stopped");
    project.run(&["local", "start"]).done();
    let listed = project.run(&["secret", "list", "--env", "local", "--json"]).json();
    assert_eq!(listed[0]["has_value"], true);

    let purged = project.run(&["local", "stop", "--purge", "--json"]).json();
    assert_eq!(purged, serde_json::json!({"stopped": "saved", "purged": true}));
    assert!(!project.path().join(".provisioner").exists());
    assert!(venv().join("bin/python").exists(), "a borrowed environment is not ours to remove");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_err());
    assert_eq!(project.run(&["local", "status", "--json"]).json()["status"], "absent");
}

#[test]
fn a_killed_one_is_called_lost() {
    // No file says a region.
    let project = Project::with(&[("prod", PROD)]);
    lend_venv(&project, None);
    let _ended = Ended(&project);
    assert_eq!(project.run(&["local", "start", "--json"]).json()["region"], "us-east-1");
    let cloud = LocalCloud::of(project.path()).unwrap();
    let Status::Running(running) = wait(cloud.status()).unwrap() else { panic!("it runs") };
    end(&running.process);
    assert_eq!(project.run(&["local", "status", "--json"]).json()["status"], "lost");
    let said = project.run(&["local", "status"]).done();
    assert!(said.starts_with("The local cloud died without saving"), "{said}");
}
