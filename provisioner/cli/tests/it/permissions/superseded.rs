//! Superseded revisions under the deploy role: they are deleted with its rights, and no release fails
//! because they cannot be.

use serde_json::{Value, json};
use strict::{Caller, Config, Strict};
use tokio::runtime::Runtime;

use super::{ACCOUNT, of, of_account, printed};
use crate::account::{Account, hold_at};
use crate::support::Project;

const KEY: &str = "deploy";

#[test]
fn fourteen_deploys_need_no_more_than_the_deploy_role() {
    let account = Account::new();
    let runtime = Runtime::new().unwrap();
    let cloud = runtime.block_on(Strict::start(Config::transparent(&account.endpoint))).unwrap();
    let file = of_account(ACCOUNT).replace("{ min: 2, max: 6, cpu: 60 }", "2");
    let mut project = Project::with(&[("prod", &file)]);
    hold_at(&mut project, &cloud.endpoint);
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    project.run(&["up", "--yes"]).done();

    let printed = printed(&project);
    let mut policies = of(&printed, "deploy")["policies"].as_array().unwrap().clone();
    let grant = |policies: &[Value]| {
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/run");
        cloud.grant(&Caller { key: KEY.into(), arn, policies: policies.to_vec() }).unwrap();
    };
    grant(&policies);
    project.set("AWS_ACCESS_KEY_ID", KEY);
    let deploy = |number: usize| {
        let image = format!("ghcr.io/acme/worker:1.{number}");
        project.run(&["deploy", "--service", "worker", "--image", &image])
    };
    let known = || {
        let shown = project.run(&["state", "show", "task-definition.worker", "--json"]).json();
        shown["older"].as_array().unwrap().len()
    };
    for number in 1..=14 {
        let run = deploy(number);
        assert!(run.code == 0 && !run.err.contains("not deleted"), "{number}: {run:?}");
    }
    assert_eq!(known(), 10);
    assert!(cloud.exercised(KEY).allowed.contains("ecs:DeleteTaskDefinitions"));

    // An organisation may forbid it.
    policies.push(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "ecs:DeleteTaskDefinitions", "Resource": "*"},
    ]}));
    grant(&policies);
    let run = deploy(15);
    assert!(run.code == 0 && run.err.contains("not deleted"), "{run:?}");
    assert_eq!(known(), 11);
    // It was deregistered, and counts as gone.
    let run = deploy(16);
    assert!(run.code == 0 && run.err.matches("not deleted").count() == 1, "{run:?}");
    assert_eq!(known(), 11);
}
