//! Secrets that somebody else owns: read, looked for in `plan`, and never changed.

use serde_json::Value;

use crate::account::Account;
use crate::deploys::run;
use crate::support::{PROD, Project, wait};

struct Theirs {
    account: Account,
    project: Project,
    arn: String,
}

impl Theirs {
    fn new() -> Self {
        let account = Account::new();
        let aws = account.connect();
        let call = aws.write().unwrap().secrets.create_secret().name("acme/db");
        let made = wait(call.secret_string(r#"{"user":"app","password":"one"}"#).send()).unwrap();
        let arn = made.arn.unwrap();
        let file = PROD.replace("TOKEN: token", "TOKEN: token, DB_PASSWORD: db").replace(
            "secrets: { database-url: given,",
            &format!("secrets: {{ db: {{ arn: \"{arn}\", key: password }}, database-url: given,"),
        );
        let mut project = Project::with(&[("prod", &file)]);
        account.hold(&mut project);
        project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
        Self { account, project, arn }
    }
}

#[test]
fn they_are_used_looked_for_and_left() {
    let Theirs { account, project, arn } = Theirs::new();
    run(&project, &["up", "--yes"].map(Into::into)).done();
    project.run(&["plan"]).done();
    let state = project.run(&["state", "show", "task-definition.api", "--json"]).json();
    let secrets = state["desired"]["containers"]["api"]["secrets"].as_array().unwrap().clone();
    let from = |name: &str| {
        let entry = secrets.iter().find(|one| one["name"] == name).unwrap();
        entry["valueFrom"].as_str().unwrap().to_owned()
    };
    assert_eq!(from("DB_PASSWORD"), format!("{arn}:password::"));
    let listed = project.run(&["secret", "list", "--json"]).json();
    let kinds: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["given", "existing", "generated"]);
    let refused = project.run_with(&["secret", "set", "db"], b"two");
    assert_eq!(refused.code, 6, "{refused:?}");

    // Their owner rotates them.
    let aws = account.connect();
    let call = aws.write().unwrap().secrets.put_secret_value().secret_id("acme/db");
    wait(call.secret_string(r#"{"password":"two"}"#).send()).unwrap();
    let plan = project.run(&["plan"]);
    assert_eq!(plan.code, 3, "{plan:?}");
    assert!(plan.out.contains("the secret db has another value"), "{plan:?}");
    run(&project, &["up", "--yes"].map(Into::into)).done();
    project.run(&["plan"]).done();

    project.run(&["destroy", "--yes"]).done();
    let kept = wait(aws.existing_secret(&arn)).unwrap().unwrap();
    assert!(!kept.is_being_deleted);
}

#[test]
fn what_is_not_there_is_said_before_anything_is_made() {
    let Theirs { account, project, arn } = Theirs::new();
    let aws = account.connect();
    let call = aws.write().unwrap().secrets.delete_secret().secret_id("acme/db");
    wait(call.recovery_window_in_days(7).send()).unwrap();
    let plan = project.run(&["plan"]);
    insta::assert_snapshot!(plan.shown(&[(&arn, "[arn]")]), @"
    exit code 1
    --- stderr
    error: prod names secrets that tasks could not read
      db: [arn] is being deleted; restore it: aws secretsmanager restore-secret --secret-id [arn]
    ");
}
