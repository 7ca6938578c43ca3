//! Least privilege: an environment's whole life under exactly the policies that `iam` prints, by callers
//! who may do nothing else. Fails on a right that is missing and on one that nobody used.

mod by_hand;
mod guarded;
mod printed;
mod steps;
mod superseded;
mod unexercised;

use std::collections::BTreeSet;

use aws::permissions::{Role, allowed, is_declared};
use serde_json::{Value, json};
use strict::{Caller, Config, Exercised, Strict};
use tokio::runtime::Runtime;

use self::guarded::{Guarded, REPOSITORY, Session};
use self::steps::{changes, done, reads, restores, ships};
use self::unexercised::{IN_PLAN, NEVER, ON_MOTO};
use crate::account::{Account, connect, hold_at};
use crate::support::{Project, WHOLE};

/// The account that MiniStack is.
const ACCOUNT: &str = "000000000000";

const SCALED: &str = "replicas: { min: 2, max: 6, cpu: 60 }";

/// Says whose the environment is: `iam` asks nobody then.
fn of_account(number: &str) -> String {
    WHOLE.replace("services:", &format!("account: \"{number}\"\nservices:"))
}

/// An image of our own, which is built and pushed, and nothing that MiniStack lacks.
fn built() -> String {
    let built =
        of_account(ACCOUNT).replace("image: ghcr.io/acme/api:1.0", "build: { binary: api }");
    built.replace(SCALED, "replicas: 2")
}

fn project() -> Project {
    let project = Project::with(&[("prod", &built())]);
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
    guarded.become_(&mut project, &team.plan);
    let empty = project.run(&["plan"]);
    assert_eq!(empty.code, 3, "{empty:?}");

    guarded.become_(&mut project, &team.up);
    for value in [&b"postgres://app:pw@db/app"[..], b"postgres://app:other@db/app"] {
        project.run_with(&["secret", "set", "database-url"], value).done();
    }
    done(&project, &["up", "--yes"]);
    guarded.wait(by_hand::spoil_backend(&guarded.root()));
    done(&project, &["up", "--yes"]);
    restores(&project);
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
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (role, exercised) in [(Role::Plan, plan), (Role::Deploy, deploy), (Role::Up, up)] {
        used.extend(exercised.allowed);
        wrong.extend(unused(role, &used));
    }
    wrong
        .extend(ON_MOTO.iter().filter(|a| used.contains(**a)).map(|a| format!("{a} is used here")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What MiniStack lacks, on moto, which asks nobody for permission: the strict cloud does.
#[test]
fn what_one_emulator_lacks_is_used_on_another() {
    let Some(account) = Account::moto() else { return };
    let runtime = Runtime::new().unwrap();
    let cloud = runtime.block_on(Strict::start(Config::transparent(&account.endpoint))).unwrap();
    let root = connect(&cloud.endpoint);
    let number = runtime.block_on(root.identity()).unwrap().account;
    let scaled = of_account(&number);
    let mut project = Project::with(&[("prod", &scaled)]);
    let printed = printed(&project);
    for role in printed["roles"].as_array().unwrap() {
        let name = role["role"].as_str().unwrap();
        let arn = format!("arn:aws:sts::{number}:assumed-role/{name}/run");
        let policies = role["policies"].as_array().unwrap().clone();
        cloud.grant(&Caller { key: name.into(), arn, policies }).unwrap();
    }
    let as_ = |project: &mut Project, role: &str| {
        hold_at(project, &cloud.endpoint);
        project.set("AWS_ACCESS_KEY_ID", role);
    };
    as_(&mut project, "up");
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    done(&project, &["up", "--yes"]);
    as_(&mut project, "plan");
    done(&project, &["plan"]);
    as_(&mut project, "deploy");
    done(&project, &["scale", "3", "--service", "api"]);
    as_(&mut project, "up");
    runtime.block_on(by_hand::reword(&root));
    done(&project, &["up", "--yes"]);
    let still = scaled.replace(SCALED, "replicas: 2");
    project.write("environments/prod.yaml", &still);
    done(&project, &["up", "--yes"]);
    let mut used = BTreeSet::new();
    for role in ["plan", "deploy", "up"] {
        let Exercised { allowed, refused } = cloud.exercised(role);
        let unexpected: Vec<_> = refused.iter().filter(|a| !IN_PLAN.contains(&&***a)).collect();
        assert!(unexpected.is_empty(), "{role}: {unexpected:?}");
        used.extend(allowed);
    }
    let idle: Vec<_> = ON_MOTO.iter().filter(|action| !used.contains(**action)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

/// A workflow of another kind, branch or repository takes no role.
#[test]
fn a_role_trusts_one_subject() {
    let guarded = Guarded::new();
    let printed = printed(&project());
    guarded.make(&printed);
    let subject = |of: &str| format!("repo:{of}");
    let prod = subject("acme@12/shop@345:environment:prod");
    let pull = subject("acme@12/shop@345:pull_request");
    let main = subject("acme@12/shop@345:ref:refs/heads/main");
    for (role, own) in [("plan", &pull), ("plan", &main), ("deploy", &prod), ("up", &prod)] {
        let others = [
            "acme@12/shop@345:environment:staging",
            "acme@12/shop@345:ref:refs/heads/other",
            "acme@12/other@346:environment:prod",
            "acme@13/shop-fork@347:pull_request",
            // Somebody else has taken the name.
            "acme@12/shop@346:environment:prod",
            "acme/shop:environment:prod",
            "acme/shop:pull_request",
        ];
        let others = others.map(subject);
        let not_its_own = |other: &&String| match role {
            "plan" => *other == &prod,
            _ => *other != &prod,
        };
        let known = [&prod, &pull, &main].into_iter().filter(not_its_own);
        for other in others.iter().chain(known) {
            let refused = guarded.take(of(&printed, role), other).err();
            let refused = refused.unwrap_or_else(|| panic!("{role} trusts {other}"));
            assert!(refused.contains("AccessDenied"), "{refused}");
        }
        assert!(guarded.take(of(&printed, role), own).is_ok(), "{role} does not trust {own}");
    }
}

/// Without ids a role trusts the form that older repositories have, and that of new ones.
#[test]
fn without_ids_a_role_trusts_both_forms() {
    let guarded = Guarded::new();
    let mut project = project();
    project.set("GITHUB_REPOSITORY", "acme/shop");
    project.set("GITHUB_REPOSITORY_OWNER_ID", "12");
    project.set("GITHUB_REPOSITORY_ID", "345");
    let printed = project.run(&["iam", "--json"]).json();
    guarded.make(&printed);
    let take = |subject: &str| guarded.take(of(&printed, "deploy"), subject);
    for own in ["repo:acme/shop:environment:prod", "repo:acme@12/shop@345:environment:prod"] {
        assert!(take(own).is_ok(), "{own}");
    }
    for other in ["repo:acme@12/shop@346:environment:prod", "repo:acme/shop:pull_request"] {
        assert!(take(other).err().is_some_and(|refused| refused.contains("AccessDenied")));
    }
}

/// Who ships to prod may read what staging has proved, and nothing else of it, where that was asked for.
#[test]
fn an_image_is_promoted_by_who_may_read_where_it_is() {
    let guarded = Guarded::new();
    let staging = built().replace("10.40.0.0/16", "10.41.0.0/16");
    let mut project = Project::with(&[("prod", &built()), ("staging", &staging)]);
    std::fs::write(project.path().join("api"), program()).unwrap();
    let subject = format!("repo:{REPOSITORY}:environment:prod");
    hold_at(&mut project, &guarded.cloud.endpoint);
    // The account's root.
    project.set("AWS_ACCESS_KEY_ID", "test").set("AWS_SECRET_ACCESS_KEY", "test");
    for environment in ["staging", "prod"] {
        project.run_with(
            &["secret", "set", "database-url", "--env", environment],
            b"postgres://app:pw@db/app",
        );
        done(&project, &["up", "--yes", "--env", environment]);
    }
    std::fs::write(project.path().join("api"), [program(), b"another".to_vec()].concat()).unwrap();
    done(&project, &["deploy", "--env", "staging", "--service", "api"]);
    let role = |from: &[&str]| {
        let arguments = ["iam", "--json", "--env", "prod", "--repository", REPOSITORY];
        project.run(&[&arguments[..], from].concat()).json()
    };
    let (without, with) = (role(&[]), role(&["--from", "staging"]));
    guarded.make(&with);
    let promote = ["deploy", "--env", "prod", "--service", "api", "--from", "staging"];
    let session = guarded.take(of(&with, "deploy"), &subject).unwrap();
    guarded.become_(&mut project, &session);
    done(&project, &promote);
    let exercised = guarded.exercised(&session);
    assert!(exercised.refused.is_subset(&IN_PLAN.iter().map(|it| (*it).to_owned()).collect()));
    assert!(exercised.allowed.contains("ecr:GetDownloadUrlForLayer"), "{exercised:?}");

    let without = json!({
        "role": "deploy",
        "name": of(&with, "deploy")["name"],
        "trust": of(&with, "deploy")["trust"],
        "policies": of(&without, "deploy")["policies"],
    });
    let session = guarded.take(&without, &subject).unwrap();
    guarded.become_(&mut project, &session);
    let refused = project.run(&promote);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("provisioner iam --env prod --from staging"), "{refused:?}");
}

/// What a role may do and nobody did up to it; and what is said to be so and is not.
fn unused(role: Role, used: &BTreeSet<String>) -> Vec<String> {
    let known = |action: &str| {
        let never = |(of, never, _): &(Role, &str, &str)| {
            *never == action && (*of == role || !used.contains(action) && *of < role)
        };
        NEVER.iter().any(never) || ON_MOTO.contains(&action)
    };
    let may = allowed(role);
    let idle = may.iter().filter(|action| !used.contains(**action) && !known(action));
    let idle = idle.map(|action| format!("{role:?}: {action} is used by nothing"));
    let listed = NEVER.iter().filter(|(of, ..)| *of == role);
    let listed = listed.filter(|(_, action, _)| used.contains(*action) || !may.contains(action));
    let listed =
        listed.map(|(_, action, why)| format!("{role:?}: {action} is used, although {why}"));
    idle.chain(listed).collect()
}
