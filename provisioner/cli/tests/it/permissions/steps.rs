//! What each role is for, as steps of a life.

use super::guarded::Guarded;
use super::{Team, built, by_hand, program};
use crate::support::Project;

pub(super) fn done(project: &Project, arguments: &[&str]) {
    project.run(arguments).done();
}

/// What the plan's role is for.
pub(super) fn reads(guarded: &Guarded, project: &mut Project, team: &Team) {
    guarded.become_(project, &team.plan);
    done(project, &["plan"]);
    for command in [&["status"][..], &["outputs"], &["drift"], &["releases", "--service", "api"]] {
        done(project, command);
    }
    for command in ["list", "show", "history"] {
        done(project, &["state", command]);
    }
}

/// What the deploy's role is for.
pub(super) fn ships(guarded: &Guarded, project: &mut Project, team: &Team) {
    guarded.become_(project, &team.deploy);
    done(project, &["plan"]);
    done(project, &["deploy", "--service", "worker", "--image", "ghcr.io/acme/worker:1.1"]);
    done(project, &["rollback", "--service", "worker"]);
    // The answer is lost, and looked for.
    guarded.cloud.set_faults("after:RegisterTaskDefinition@1".parse().unwrap());
    std::fs::write(project.path().join("api"), [program(), b"another".to_vec()].concat()).unwrap();
    done(project, &["deploy", "--service", "api"]);
    let absent = project.run(&["deploy", "--service", "api", "--tag", "nothing"]);
    assert_eq!(absent.code, 1, "{absent:?}");
    fails(project);
    done(project, &["restart", "--service", "worker"]);
    done(project, &["logs", "--service", "worker"]);
    done(project, &["explain", "--service", "worker"]);
    // Its task never ends here: it is stopped.
    let once = project.start(&["run", "--service", "worker", "--", "true"]);
    let watched = || {
        let calls = guarded.cloud.calls();
        let begun = calls.iter().skip_while(|call| call.operation != "RunTask");
        begun.into_iter().any(|call| call.operation == "DescribeTasks")
    };
    while !watched() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    once.interrupt();
    assert_eq!(once.end().code, 130);
}

/// A release that does not serve: nobody answers a probe here. It is taken back and its revision goes.
fn fails(project: &mut Project) {
    let probed = built().replace("    replicas: 2\n", "    replicas: 2\n    probe: { path: / }\n");
    project.write("environments/prod.yaml", &probed);
    std::fs::write(project.path().join("api"), [program(), b"a third".to_vec()].concat()).unwrap();
    project.set("PROVISIONER_CLOCK_SCALE", "20");
    let failed = project.run(&["deploy", "--service", "api"]);
    assert_eq!(failed.code, 9, "{failed:?}");
    project.set("PROVISIONER_CLOCK_SCALE", "1");
    project.write("environments/prod.yaml", &built());
}

/// An earlier state is what it was.
pub(super) fn restores(project: &Project) {
    let history = project.run(&["state", "history", "--json"]).json();
    let version = history[0]["version"].as_str().unwrap();
    done(project, &["state", "restore", version]);
}

/// The file changes, and somebody's hands change everything else.
pub(super) fn changes(guarded: &Guarded, project: &mut Project, team: &Team) {
    guarded.wait(by_hand::spoil(&guarded.root()));
    let api =
        built().replace("replicas: 2", "replicas: 3").replace("retention: 30", "retention: 60");
    project.write("environments/prod.yaml", &api);
    guarded.become_(project, &team.up);
    done(project, &["up", "--yes"]);
    // What the hands have added to shared sets is left alone until it is asked for.
    done(project, &["drift", "--revert", "--yes"]);
    // A rule of the load balancer moves.
    let moved = api.replace("route: \"/*\"", "route: { path: \"/*\", priority: 7 }");
    assert_ne!(moved, api);
    project.write("environments/prod.yaml", &moved);
    done(project, &["up", "--yes"]);
    guarded.become_(project, &team.plan);
    done(project, &["plan"]);
}
