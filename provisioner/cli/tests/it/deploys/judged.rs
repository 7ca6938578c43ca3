//! Deployments judged by their own id: while reads are behind, while old tasks drain, and after nobody has
//! waited.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::home::releases;
use super::killed::Shop;
use crate::proxy::Proxy;
use crate::support::{PROD, Started, wait};

/// Waits for calls that a command makes, or for its end.
fn until(proxy: &Proxy, started: &mut Started, seen: impl Fn(&[strict::Call]) -> bool) {
    while !seen(&proxy.calls()) {
        assert!(!started.is_over(), "it ended before it was seen to do that");
        thread::sleep(Duration::from_millis(50));
    }
}

fn start(shop: &Shop, arguments: &[String]) -> Started {
    shop.project.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How often an operation was called, since the first call of another one.
fn since(calls: &[strict::Call], first: &str, operation: &str) -> usize {
    let calls = calls.iter().skip_while(|call| call.operation != first);
    calls.filter(|call| call.operation == operation).count()
}

fn how(shop: &Shop) -> Vec<String> {
    let all = releases(&shop.project);
    all.iter().map(|one| one["ended"]["how"].to_string().replace('"', "")).collect()
}

/// The old tasks drain for longer than a release may take to serve.
#[test]
fn a_release_that_serves_is_not_taken_back_for_a_drain() {
    let slow = PROD.replace("    port: 8000\n", "    port: 8000\n    deregistration: 15m\n");
    let (mut shop, cloud) = Shop::strict(&slow);
    shop.project.set("PROVISIONER_CLOCK_SCALE", "5");
    let mut deploy =
        start(&shop, &[Shop::deploy("2.0"), vec!["--timeout".into(), "1m".into()]].concat());
    until(&cloud, &mut deploy, |calls| since(calls, "UpdateService", "DescribeServices") > 0);
    cloud.pass(100.0);
    let ended = |key: &Value| key.as_str().is_some_and(|key| key.ends_with("00000002.end.json"));
    until(&cloud, &mut deploy, |calls| calls.iter().any(|call| ended(&call.parameters["Key"])));
    // It serves, and the old ones have most of their quarter of an hour before them.
    let looks = || since(&cloud.calls(), "UpdateService", "DescribeServices");
    let before = looks();
    until(&cloud, &mut deploy, |_| looks() > before + 2);
    cloud.pass(1000.0);
    assert_eq!(deploy.end().json()["end"], "serves");
    assert_eq!(how(&shop), ["succeeded", "succeeded"]);
}

/// DescribeServices shows what was before for a while after UpdateService.
#[test]
fn a_look_that_is_behind_is_no_way_back() {
    let (shop, cloud) = Shop::strict(PROD);
    cloud.set("stale:100%");
    let mut deploy = start(&shop, &Shop::deploy("2.0"));
    until(&cloud, &mut deploy, |calls| since(calls, "UpdateService", "DescribeServices") > 1);
    cloud.set("");
    cloud.pass(1000.0);
    assert_eq!(deploy.end().json()["end"], "serves");
    assert_eq!(how(&shop), ["succeeded", "succeeded"]);
}

/// Neither the new version nor the one before comes up: that is said, and what failed is kept.
#[test]
fn what_ran_before_runs_again_is_only_said_when_it_does() {
    let quick = "    port: 8000\n    deregistration: 0s\n    stop: 1s\n    health: { grace: 0s }\n";
    let (mut shop, _cloud) = Shop::strict(&PROD.replace("    port: 8000\n", quick));
    let before = shop.active();
    shop.project.set("PROVISIONER_CLOCK_SCALE", "20");
    let failed = shop.run(&[Shop::deploy("2.0"), vec!["--timeout".into(), "1m".into()]].concat());
    shop.project.set("PROVISIONER_CLOCK_SCALE", "1");
    assert_eq!(failed.code, 10, "{failed:?}");
    assert!(failed.err.contains("does not serve again yet"), "{failed:?}");
    assert!(!failed.err.contains("runs again"), "{failed:?}");
    assert_eq!(how(&shop), ["failed", "succeeded"]);
    let kept = shop.active();
    assert_eq!((kept.len(), &kept), (before.len() + 1, &shop.known()));
}

/// DescribeTasks does not know a task at first: it runs all the same, and is stopped when nobody waits.
#[test]
fn a_task_that_is_not_seen_yet_is_waited_for_and_stopped() {
    let (shop, cloud) = Shop::strict(PROD);
    let mut run = shop.project.start(&["run", "--", "true"]);
    let count = |operation| move |calls: &[strict::Call]| since(calls, "RunTask", operation) > 1;
    until(&cloud, &mut run, count("DescribeTasks"));
    run.interrupt();
    until(&cloud, &mut run, |calls| since(calls, "RunTask", "StopTask") > 0);
    cloud.pass(2.0);
    let run = run.end();
    assert_eq!(run.code, 130, "{run:?}");
    assert!(run.err.contains("was stopped"), "{run:?}");
    let calls = cloud.calls();
    let task = calls.iter().find(|call| call.operation == "RunTask").unwrap();
    let tags = task.parameters["tags"].to_string();
    assert!(tags.contains("service.api") && tags.contains("shop"), "{tags}");
}

/// Nobody waits, and ECS goes back by itself: that release is neither shipped again nor gone back to.
#[test]
fn a_release_that_nobody_waited_for_is_settled_by_the_next_command() {
    let shop = Shop::up(PROD);
    shop.run(&Shop::deploy("2.0")).done();
    let runs = current(&shop);
    let left = shop.run(&[Shop::deploy("3.0"), vec!["--no-wait".into()]].concat()).json();
    assert_eq!(left["end"], "left");
    let aws = shop.account.connect();
    let call = aws.write().unwrap().ecs.update_service().cluster("shop-prod").service("api");
    wait(call.task_definition(&runs).send()).unwrap();
    let plan = shop.project.run(&["plan"]);
    assert!(plan.err.contains("release 3 of api has failed"), "{plan:?}");
    assert_eq!(plan.code, 0, "{plan:?}");
    shop.project.run(&["up", "--yes"]).done();
    assert_eq!(current(&shop), runs);
    assert_eq!(how(&shop), ["rolled-back", "succeeded", "succeeded"]);
    let refused = shop.project.run(&["rollback", "3"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    let back = shop.project.run(&["rollback", "--yes", "--json"]).json();
    assert!(back["release"]["image"].to_string().contains("api:1.0"), "{back}");
    shop.project.run(&["plan"]).done();
}

/// One that came about counts as good from then on.
#[test]
fn a_release_that_nobody_waited_for_and_that_serves_is_good() {
    let shop = Shop::up(PROD);
    shop.run(&[Shop::deploy("2.0"), vec!["--no-wait".into()]].concat()).done();
    shop.run(&Shop::deploy("3.0")).done();
    assert_eq!(how(&shop), ["succeeded", "succeeded", "succeeded"]);
    let back = shop.project.run(&["rollback", "--json"]).json();
    assert!(back["release"]["image"].to_string().contains("api:2.0"), "{back}");
}

/// A release whose secret is gone cannot start: that is said before anything is switched.
#[test]
fn a_rollback_to_what_cannot_start_is_refused() {
    let shop = Shop::up(PROD);
    let without = PROD.replace(", TOKEN: token", "").replace(", token: { generate: 32 }", "");
    shop.project.write("environments/prod.yaml", &without);
    shop.project.run(&["up", "--yes", "--allow", "secret.token"]).done();
    let runs = current(&shop);
    let refused = shop.project.run(&["rollback"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("cannot start any more"), "{refused:?}");
    assert!(refused.err.contains("is gone"), "{refused:?}");
    assert_eq!(current(&shop), runs);
}

/// The job of an older commit is let go after that of a newer one.
#[test]
fn an_older_commit_overtakes_only_when_that_is_said() {
    let mut shop = Shop::up(PROD);
    let git = |shop: &Shop, arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(shop.project.path());
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&shop, &["init", "--quiet"]);
    let commit = |shop: &Shop| {
        git(shop, &["commit", "--quiet", "--allow-empty", "--message", "one"]);
        git(shop, &["rev-parse", "HEAD"])
    };
    let (old, new) = (commit(&shop), commit(&shop));
    shop.project.set("GITHUB_SHA", &new);
    shop.run(&Shop::deploy("2.0")).done();
    shop.project.set("GITHUB_SHA", &old);
    let refused = shop.run(&Shop::deploy("1.9"));
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("is older than"), "{refused:?}");
    shop.run(&[Shop::deploy("1.9"), vec!["--older".into(), "--yes".into()]].concat()).done();
}

/// The revision that the service heads for.
fn current(shop: &Shop) -> String {
    let aws = shop.account.connect();
    let call = aws.read().ecs.describe_services().cluster("shop-prod").services("api").send();
    wait(call).unwrap().services()[0].task_definition().unwrap().to_owned()
}
