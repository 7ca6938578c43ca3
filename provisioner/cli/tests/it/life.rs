//! One environment's life by the commands alone: made, found unchanged, changed, broken by hand,
//! repaired and deleted, on every emulator that there is.

use std::collections::BTreeSet;

use aws::Aws;
use serde_json::Value;

use crate::account::Account;
use crate::inventory::inventory;
use crate::support::{Project, Run, WHOLE, wait};

#[test]
fn on_ministack() {
    life(&Account::new());
}

#[test]
fn on_moto() {
    if let Some(account) = Account::moto() {
        life(&account);
    }
}

fn life(account: &Account) {
    let file = format!("{WHOLE}protect: true\n");
    let mut project = Project::with(&[("prod", &file)]);
    account.hold(&mut project);
    let aws = account.connect();
    let before = inventory(&aws);

    // The missing value is named before anything is made.
    let refused = project.run(&["up", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("provisioner secret set database-url --env prod"), "{refused:?}");
    let made: Vec<_> = inventory(&aws).difference(&before).cloned().collect();
    assert!(made.iter().all(|name| is_backend(name)), "{made:?}");
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();

    let first = project.run(&["up", "--yes", "--json"]).json();
    assert_eq!(first["complete"], true, "{first}");
    assert!(first["outputs"]["url"].as_str().unwrap().starts_with("http://"), "{first}");

    let second = project.run(&["up", "--yes", "--json"]).json();
    assert_eq!(second["done"], serde_json::json!([]), "{second}");
    assert_eq!(second["calls"]["mutating"], serde_json::json!({}), "{second}");
    let (code, changes) = plan(&project);
    assert_eq!((code, changes), (0, Vec::new()));

    project.write("environments/prod.yaml", &file.replace("cpu: 256", "cpu: 512"));
    let (code, changes) = plan(&project);
    assert_eq!(code, 3);
    assert_eq!(changes, ["service.api: update", "task-definition.api: replace"]);
    let json = project.run(&["plan", "--json"]).json_of(3);
    let step = &json["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["address"] == "task-definition.api")
        .unwrap();
    assert_eq!(step["differences"].as_array().unwrap().len(), 1, "{step}");
    assert_eq!(step["differences"][0]["path"], "settings.cpu", "{step}");
    let changed = project.run(&["up", "--yes", "--json"]).json();
    assert_eq!(changed["complete"], true, "{changed}");
    assert_eq!(plan(&project), (0, Vec::new()));

    let broken = wait(break_by_hand(&aws));
    let (code, changes) = plan(&project);
    assert_eq!(code, 3);
    for address in &broken {
        assert!(changes.iter().any(|change| change.starts_with(address)), "{address}: {changes:?}");
    }
    let repaired = project.run(&["up", "--yes", "--json"]).json();
    assert_eq!(repaired["complete"], true, "{repaired}");
    assert_eq!(plan(&project), (0, Vec::new()));

    let kept = project.run(&["destroy", "--yes"]);
    assert_eq!(kept.code, 6, "{kept:?}");
    assert!(kept.err.contains("--unprotect"), "{kept:?}");
    let gone = project.run(&["destroy", "--yes", "--unprotect", "--state", "--json"]);
    assert_eq!(gone.code, 0, "{gone:?}");
    let left: BTreeSet<_> = inventory(&aws).difference(&before).cloned().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// The state bucket and the lock table, which belong to the account.
fn is_backend(name: &str) -> bool {
    name.starts_with("bucket provisioner-state-") || name == "table provisioner-locks"
}

/// The exit code and the changes of `plan`, as `address: action`.
fn plan(project: &Project) -> (i32, Vec<String>) {
    let run: Run = project.run(&["plan", "--json"]);
    let json: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
    let steps = json["steps"].as_array().unwrap().iter();
    let unchanged = ["none", "not-emulated"];
    let changes = steps.filter(|step| !unchanged.contains(&step["action"].as_str().unwrap()));
    let changes = changes.map(|step| {
        format!("{}: {}", step["address"].as_str().unwrap(), step["action"].as_str().unwrap())
    });
    (run.code, changes.collect())
}

/// Somebody changes and deletes things by hand. Returns what `plan` must name.
async fn break_by_hand(aws: &Aws) -> Vec<&'static str> {
    let clients = aws.write().unwrap();
    clients.logs.delete_log_group().log_group_name("/shop/prod/worker").send().await.unwrap();
    let call = clients.logs.put_retention_policy().log_group_name("/shop/prod/api");
    call.retention_in_days(7).send().await.unwrap();
    let groups = aws.read().elb.describe_target_groups().send().await.unwrap();
    let group = groups.target_groups()[0].target_group_arn().unwrap();
    let call = clients.elb.modify_target_group().target_group_arn(group);
    call.health_check_path("/elsewhere").send().await.unwrap();
    let found = aws.read().iam.list_roles().send().await.unwrap();
    let role = found.roles().iter().map(|role| role.role_name.as_str()).find(|name| {
        name.contains("shop-prod") && name.contains("worker") && name.contains("task")
    });
    let call = clients.iam.put_role_policy().role_name(role.unwrap()).policy_name("more");
    let all =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    call.policy_document(all).send().await.unwrap();
    vec![
        "log-group.worker: create",
        "log-group.api: update",
        "target-group.api: update",
        "role.worker-task: update",
    ]
}
