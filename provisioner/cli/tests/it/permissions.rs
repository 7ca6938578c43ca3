//! Least privilege: an environment's whole life under exactly the policies that `iam` prints, by callers
//! who may do nothing else. Fails on a right that is missing and on one that nobody used.

mod by_hand;
mod guarded;
mod unexercised;

use std::collections::BTreeSet;

use aws::permissions::{Role, allowed, is_declared};
use serde_json::Value;

use self::guarded::{Guarded, REPOSITORY, Session};
use self::unexercised::{IN_PLAN, NEVER, ON_MOTO};
use crate::support::Project;

const PROD: &str = "\
project: shop
region: us-east-1
account: \"000000000000\"
network: { cidr: 10.40.0.0/16, zones: 2, nat: per-zone }
services:
  api:
    build: { binary: api }
    port: 8000
    route: \"/*\"
    replicas: 2
    secrets: { DATABASE_URL: database-url, TOKEN: token }
  worker:
    image: ghcr.io/acme/worker:1.0
    replicas: 1
    permissions: [{ actions: [\"s3:GetObject\"], resources: [\"*\"] }]
secrets: { database-url: given, token: { generate: 32 } }
logs: { retention: 30 }
";

fn project() -> Project {
    let project = Project::with(&[("prod", PROD)]);
    std::fs::write(project.path().join("api"), program()).unwrap();
    project
}

/// The smallest file that is a program for the loader of Linux: it is pushed, and never run.
fn program() -> Vec<u8> {
    let machine: u16 = 62;
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    for field in [0x0040_0000u64, 64, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(0u32.to_le_bytes());
    for field in [64u16, 56, 0, 0, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes
}

fn printed(project: &Project) -> Value {
    project.run(&["iam", "--json", "--repository", REPOSITORY]).json()
}

fn of<'a>(printed: &'a Value, role: &str) -> &'a Value {
    printed["roles"].as_array().unwrap().iter().find(|one| one["role"] == role).unwrap()
}

/// The three of them.
struct Team {
    plan: Session,
    deploy: Session,
    up: Session,
}

impl Team {
    fn of(guarded: &Guarded, printed: &Value) -> Self {
        let prod = format!("repo:{REPOSITORY}:environment:prod");
        let pull = format!("repo:{REPOSITORY}:pull_request");
        let take = |role, subject: &str| guarded.take(of(printed, role), subject).unwrap();
        Self { plan: take("plan", &pull), deploy: take("deploy", &prod), up: take("up", &prod) }
    }
}

#[test]
fn a_whole_life_needs_exactly_what_is_printed() {
    let guarded = Guarded::new();
    let mut project = project();
    let printed = printed(&project);
    guarded.make(&printed);
    let team = Team::of(&guarded, &printed);

    guarded.become_(&mut project, &team.plan);
    // Nobody may do what is not theirs, and finds out before anything is made.
    let refused = project.run(&["up", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("not authorized to perform"), "{refused:?}");
    let tried = guarded.exercised(&team.plan).refused;
    let plan = guarded.take(of(&printed, "plan"), &format!("repo:{REPOSITORY}:pull_request"));
    let team = Team { plan: plan.unwrap(), ..team };
    assert!(tried.iter().any(|action| !IN_PLAN.contains(&&**action)), "{tried:?}");

    guarded.become_(&mut project, &team.up);
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    done(&project, &["up", "--yes"]);
    reads(&guarded, &mut project, &team);
    ships(&guarded, &mut project, &team);
    changes(&guarded, &mut project, &team);
    guarded.become_(&mut project, &team.up);
    done(&project, &["destroy", "--yes"]);

    for call in guarded.cloud.calls() {
        let name = format!("{}:{}", call.service, call.operation);
        let of_team =
            [&team.plan, &team.deploy, &team.up].iter().any(|who| who.key == call.principal);
        assert!(!of_team || is_declared(&name), "{name} is in no table");
    }
    let (plan, deploy, up) = (
        guarded.exercised(&team.plan),
        guarded.exercised(&team.deploy),
        guarded.exercised(&team.up),
    );
    assert_eq!(up.refused, BTreeSet::new());
    let tolerated: BTreeSet<String> = IN_PLAN.iter().map(|action| (*action).to_owned()).collect();
    assert_eq!(plan.refused, tolerated);
    assert!(deploy.refused.is_subset(&tolerated), "{:?}", deploy.refused);
    let mut used = plan.allowed;
    let mut wrong = unused(Role::Plan, &used);
    used.extend(deploy.allowed);
    wrong.extend(unused(Role::Deploy, &used));
    used.extend(up.allowed);
    wrong.extend(unused(Role::Up, &used));
    let apart = NEVER.iter().map(|(action, _)| *action).chain(ON_MOTO.iter().copied());
    wrong.extend(apart.filter(|a| used.contains(*a)).map(|a| format!("{a} is used after all")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a role may do and nobody did, but for what is said to be so.
fn unused(role: Role, used: &BTreeSet<String>) -> Vec<String> {
    let known =
        |action: &str| NEVER.iter().any(|(never, _)| *never == action) || ON_MOTO.contains(&action);
    let idle = allowed(role).into_iter().filter(|action| !used.contains(*action) && !known(action));
    idle.map(|action| format!("{role:?}: {action} is used by nothing")).collect()
}

fn done(project: &Project, arguments: &[&str]) {
    project.run(arguments).done();
}

/// What the plan's role is for.
fn reads(guarded: &Guarded, project: &mut Project, team: &Team) {
    guarded.become_(project, &team.plan);
    done(project, &["plan"]);
    for command in [&["status"][..], &["outputs"], &["releases", "--service", "api"]] {
        done(project, command);
    }
    for command in ["list", "show", "history"] {
        done(project, &["state", command]);
    }
}

/// What the deploy's role is for.
fn ships(guarded: &Guarded, project: &mut Project, team: &Team) {
    guarded.become_(project, &team.deploy);
    done(project, &["plan"]);
    done(project, &["deploy", "--service", "worker", "--image", "ghcr.io/acme/worker:1.1"]);
    done(project, &["rollback", "--service", "worker"]);
    std::fs::write(project.path().join("api"), [program(), b"another".to_vec()].concat()).unwrap();
    done(project, &["deploy", "--service", "api"]);
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

/// The file changes, and somebody's hands change everything else.
fn changes(guarded: &Guarded, project: &mut Project, team: &Team) {
    guarded.wait(by_hand::spoil(&guarded.root()));
    let api = PROD.replace("replicas: 2", "replicas: 3").replace("retention: 30", "retention: 60");
    project.write("environments/prod.yaml", &api);
    guarded.become_(project, &team.up);
    done(project, &["up", "--yes"]);
    guarded.become_(project, &team.plan);
    done(project, &["plan"]);
}
