//! `deploy` ended by SIGKILL at its calls, and again: it converges, every active revision is known to the
//! state, and every release has an end. A sample of the calls; all of them with `PROVISIONER_KILLS=all`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::home::{releases, run};
use crate::account::Account;
use crate::proxy::Proxy;
use crate::support::{PROD, Project, Run, wait};

/// Every so many calls one is tried.
const EVERY: usize = 9;

pub(super) struct Shop {
    pub(super) account: Account,
    pub(super) project: Project,
}

impl Shop {
    /// With 1.0 of the service running, as far as an emulator without an engine runs anything.
    pub(super) fn up(file: &str) -> Self {
        Self::up_in(Account::new(), file)
    }

    pub(super) fn up_in(account: Account, file: &str) -> Self {
        let mut project = Project::with(&[("prod", file)]);
        account.hold(&mut project);
        project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
        run(&project, &["up", "--yes"].map(Into::into)).done();
        Self { account, project }
    }

    /// The same in a cloud as strict as AWS, whose time stands still from here on.
    pub(super) fn strict(file: &str) -> (Self, Proxy) {
        let account = Account::new();
        let mut project = Project::with(&[("prod", file)]);
        let cloud = Proxy::strict(&mut project, &account);
        project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
        run(&project, &["up", "--yes"].map(Into::into)).done();
        // What `up` has begun comes to its end.
        cloud.pass(3600.0);
        cloud.stop_time();
        (Self { account, project }, cloud)
    }

    /// From here on calls can be kept waiting.
    pub(super) fn watched(&mut self) -> Proxy {
        Proxy::between(&mut self.project, &self.account)
    }

    pub(super) fn deploy(tag: &str) -> Vec<String> {
        let image = format!("ghcr.io/acme/api:{tag}");
        ["deploy", "--json", "--wait", "10m", "--image", &image].map(Into::into).into()
    }

    pub(super) fn run(&self, arguments: &[String]) -> Run {
        run(&self.project, arguments)
    }

    /// The revisions that ECS has in use.
    pub(super) fn active(&self) -> BTreeSet<String> {
        let aws = self.account.connect();
        let call = aws.read().ecs.list_task_definitions().send();
        wait(call).unwrap().task_definition_arns().iter().cloned().collect()
    }

    /// The revisions that the state knows.
    pub(super) fn known(&self) -> BTreeSet<String> {
        let shown = self.project.run(&["state", "show", "task-definition.api", "--json"]).json();
        let older = shown["older"].as_array().into_iter().flatten();
        older.chain([&shown["id"]]).filter_map(Value::as_str).map(Into::into).collect()
    }

    /// What must hold after every deploy, however it came about.
    fn is_whole(&self, at: &str, tag: &str) {
        self.project.run(&["plan"]).done();
        let unknown: Vec<_> = self.active().difference(&self.known()).cloned().collect();
        assert!(unknown.is_empty(), "{at}: {unknown:?}");
        let all = releases(&self.project);
        let numbers: Vec<_> = all.iter().rev().filter_map(|one| one["number"].as_u64()).collect();
        let expected: Vec<u64> = (1..=all.len() as u64).collect();
        assert_eq!(numbers, expected, "{at}");
        assert!(all.iter().all(|one| one["ended"].is_object()), "{at}: {all:?}");
        assert_eq!(all[0]["ended"]["how"], "succeeded", "{at}");
        assert!(all[0]["image"].to_string().ends_with(&format!(":{tag}\"}}")), "{at}: {}", all[0]);
    }
}

#[test]
fn a_killed_deploy_is_gone_on_with() {
    let mut shop = Shop::up(PROD);
    let proxy = shop.watched();
    let every =
        if std::env::var("PROVISIONER_KILLS").is_ok_and(|it| it == "all") { 1 } else { EVERY };
    for moment in ["hold-before", "hold-after"] {
        for number in (1..).step_by(every) {
            let (at, tag) = (format!("{moment}:#{number}"), format!("{moment}-{number}"));
            let arguments = Shop::deploy(&tag);
            proxy.set(&at);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut deploy = shop.project.start(&arguments);
            let held = proxy.held_or(|| deploy.is_over());
            let killed = deploy.kill();
            proxy.set("");
            if !held {
                // Its calls are over: it came to its end.
                assert_eq!(killed.code, 0, "{at}: {killed:?}");
                assert!(number > 30, "{at}: {killed:?}");
                break;
            }
            // A dead holder's lease is shorter then.
            shop.project.set("PROVISIONER_CLOCK_SCALE", "5");
            let again = shop.run(&Shop::deploy(&tag));
            shop.project.set("PROVISIONER_CLOCK_SCALE", "1");
            assert_eq!(again.code, 0, "{at}: {again:?}");
            shop.is_whole(&at, &tag);
        }
    }
}

/// The switch is refused for its rate, or its answer is lost: it is made again.
#[test]
fn a_switch_that_did_not_get_through_is_made_again() {
    let mut shop = Shop::up(PROD);
    let proxy = shop.watched();
    for (n, fault) in ["throttle:UpdateService", "after:UpdateService"].into_iter().enumerate() {
        let tag = format!("2.{n}");
        proxy.set(fault);
        shop.run(&Shop::deploy(&tag)).done();
        let switches = proxy.calls().iter().filter(|c| c.operation == "UpdateService").count();
        assert_eq!(switches, 2 * (n + 1), "{fault}");
        shop.is_whole(fault, &tag);
    }
}

/// Interrupted when its revision was registered, and nothing was switched: the state knows the revision, and the same
/// deploy again takes it.
#[test]
fn an_interrupted_deploy_leaves_a_revision_that_is_known() {
    let mut shop = Shop::up(PROD);
    let proxy = shop.watched();
    let arguments = Shop::deploy("2.0");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    proxy.set("hold-after:RegisterTaskDefinition");
    let deploy = shop.project.start(&arguments);
    proxy.held();
    deploy.interrupt();
    std::thread::sleep(std::time::Duration::from_millis(500));
    proxy.release();
    let deploy = deploy.end();
    assert_eq!(deploy.code, 130, "{deploy:?}");
    let left = shop.active();
    assert_eq!((left.len(), &left), (2, &shop.known()));
    shop.project.run(&["plan"]).done();
    shop.run(&Shop::deploy("2.0")).done();
    shop.is_whole("again", "2.0");
    assert_eq!(shop.active(), left);
}

/// `up` ended by SIGKILL between the start and the end of its release: what the next one finds running is a release
/// that can be gone back to.
#[test]
fn a_killed_up_leaves_a_release_to_go_back_to() {
    let mut shop = Shop::up(PROD);
    let proxy = shop.watched();
    let write = |shop: &Shop, tag: &str| {
        let text = PROD.replace("api:1.0", &format!("api:{tag}"));
        shop.project.write("environments/prod.yaml", &text);
    };
    let up = ["up", "--yes", "--wait", "10m"];
    write(&shop, "2.0");
    shop.run(&up.map(Into::into)).done();
    let calls = proxy.calls();
    let puts: Vec<_> = calls.iter().filter(|call| call.operation == "PutObject").collect();
    let end = |key: &Value| key.as_str().is_some_and(|key| key.ends_with(".end.json"));
    let usual = 1 + puts.iter().position(|call| end(&call.parameters["Key"])).unwrap();
    // How often the state is saved on the way differs a little.
    for (n, number) in (usual - 2..usual + 3).rev().enumerate() {
        let tag = format!("2.{}", n + 1);
        write(&shop, &tag);
        proxy.set(&format!("hold-before:s3.PutObject@{number}"));
        let mut started = shop.project.start(&up);
        proxy.held_or(|| started.is_over());
        started.kill();
        proxy.set("");
        let is_half = releases(&shop.project)[0]["ended"].is_null();
        shop.project.set("PROVISIONER_CLOCK_SCALE", "5");
        let again = shop.run(&up.map(Into::into));
        shop.project.set("PROVISIONER_CLOCK_SCALE", "1");
        assert_eq!(again.code, 0, "{number}: {again:?}");
        shop.is_whole(&format!("PutObject@{number}"), &tag);
        if is_half {
            return;
        }
    }
    panic!("no release was caught between its start and its end: {usual}");
}
