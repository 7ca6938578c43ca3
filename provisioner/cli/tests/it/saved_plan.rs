//! A saved plan is carried out as it is, or not at all.

use crate::account::Account;
use crate::support::{PROD, Project, wait};

#[test]
fn it_holds_until_anything_moves() {
    let account = Account::new();
    let bigger = PROD.replace("port: 8000", "port: 8000\n    cpu: 512\n    memory: 1024");
    let longer = format!("{PROD}logs: {{ retention: 60 }}\n");
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    let save = |text: &str| {
        project.write("environments/prod.yaml", text);
        let plan = project.run(&["plan", "--env", "prod", "--out", "prod.plan"]);
        assert_eq!(plan.code, 3, "{plan:?}");
    };
    let refused = |because: &str| {
        let run = project.run(&["up", "--plan", "prod.plan"]);
        assert_eq!(run.code, 6, "{run:?}");
        assert!(run.err.contains(because), "{run:?}");
        assert!(run.err.contains("plan --out"), "{run:?}");
    };

    // Of an environment that is not there yet, and without a question.
    save(PROD);
    project.run(&["up", "--plan", "prod.plan"]).done();
    refused("the state has changed");

    save(&bigger);
    project.write("environments/prod.yaml", &longer);
    refused("the environment's files have changed");

    // The files are as they were, the state is not.
    project.run(&["up", "--yes"]).done();
    project.write("environments/prod.yaml", &bigger);
    refused("the state has changed");

    save(&bigger);
    let aws = account.connect();
    let call = aws.write().unwrap().logs.put_retention_policy().log_group_name("/shop/prod/api");
    wait(call.retention_in_days(3).send()).unwrap();
    refused("the cloud has changed");

    save(&bigger);
    project.write("environments/dev.yaml", PROD);
    let run = project.run(&["up", "--env", "dev", "--plan", "prod.plan"]);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.err.contains("it is a plan for shop/prod"), "{run:?}");

    project.run(&["up", "--env", "prod", "--plan", "prod.plan"]).done();
    project.run(&["plan", "--env", "prod"]).done();
    let run = project.run(&["up", "--env", "prod", "--plan", "environments/prod.yaml"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("is no saved plan"), "{run:?}");
}
