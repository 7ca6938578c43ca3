//! Tasks get a secret's value of today: whoever set it, and whichever version of the code they run.

use engine::state::State;
use serde_json::json;

use super::home::Home;
use super::killed::Shop;
use crate::account::connect;
use crate::support::{PROD, wait};

/// What the line of the plan says of a secret that was changed.
const CHANGED: &str = "the secret token has another value: new tasks get it";

#[test]
fn old_code_runs_with_the_secrets_of_today() {
    let home = Home::of_processes();
    let run = |arguments: &[&str]| home.project.run(arguments);
    let set = |value: &str| {
        home.project.run_with(&["secret", "set", "token"], value.as_bytes()).done();
    };
    let given = || run(&["run", "--", "/bin/sh", "-c", "echo $TOKEN"]).done().trim().to_owned();
    set("two");
    assert_eq!(home.run(&home.deploy("v2")).json()["end"], "serves");
    run(&["plan"]).done();
    set("three");
    let back = run(&["rollback"]);
    assert_eq!((back.code, home.version().unwrap().as_str()), (0, "v1"), "{back:?}");
    assert!(
        back.err.contains("release 1 runs with today's secrets; since then: token"),
        "{back:?}"
    );
    assert_eq!(given(), "three");
    run(&["plan"]).done();

    // The definition stands as it was, and the secret does not.
    set("four");
    let plan = run(&["plan"]);
    assert_eq!((plan.code, plan.out.matches(CHANGED).count()), (3, 1), "{plan:?}");
    run(&["up", "--yes"]).done();
    assert_eq!((given().as_str(), home.version().unwrap().as_str()), ("four", "v1"));
    run(&["plan"]).done();

    // Somebody else's rotation: the next task has it, whoever starts it.
    let status = run(&["local", "status", "--json"]).json();
    let aws = connect(status["endpoint"].as_str().unwrap());
    let call = aws.write().unwrap().secrets.put_secret_value().secret_id("shop/local/token");
    wait(call.secret_string("five").send()).unwrap();
    assert_eq!(given(), "five");
    let plan = run(&["plan"]);
    assert_eq!((plan.code, plan.out.matches(CHANGED).count()), (3, 1), "{plan:?}");
    run(&["restart"]).done();
    run(&["up", "--yes"]).done();
    run(&["plan"]).done();
}

/// Makes what the version before made: the revision that runs names the versions of its secrets.
fn as_before(shop: &Shop) {
    let aws = shop.account.connect();
    let state = shop.project.run(&["state", "show", "task-definition.api", "--json"]).json();
    let id = state["id"].as_str().unwrap();
    let call = aws.read().ecs.describe_task_definition().task_definition(id);
    let found = wait(call.include(aws_sdk_ecs::types::TaskDefinitionField::Tags).send()).unwrap();
    let definition = found.task_definition().unwrap();
    let mut container = definition.container_definitions()[0].clone();
    let labels = container.docker_labels.take().unwrap();
    for secret in container.secrets.iter_mut().flatten() {
        let name = if secret.name == "TOKEN" { "token" } else { "database-url" };
        let version = &labels[&format!("{}{name}", stack::VERSION_LABEL)];
        secret.value_from = format!("{}:::{version}", secret.value_from);
    }
    let call = aws.write().unwrap().ecs.register_task_definition();
    let call = call
        .family(definition.family().unwrap())
        .container_definitions(container)
        .network_mode(definition.network_mode().unwrap().clone())
        .requires_compatibilities("FARGATE".into())
        .set_cpu(definition.cpu.clone())
        .set_memory(definition.memory.clone())
        .set_execution_role_arn(definition.execution_role_arn.clone())
        .set_runtime_platform(definition.runtime_platform.clone())
        .set_tags(Some(found.tags().to_vec()));
    let made = wait(call.send()).unwrap();
    let made = made.task_definition().unwrap().task_definition_arn().unwrap();
    let call = aws.write().unwrap().ecs.update_service().cluster("shop-prod").service("api");
    wait(call.task_definition(made).send()).unwrap();
    // The state of then knew it.
    let account = wait(aws.identity()).unwrap().account;
    let bucket = aws::bootstrap::Backend::of(&account, "us-east-1").bucket;
    let list = wait(aws.read().s3.list_objects_v2().bucket(&bucket).send()).unwrap();
    let key =
        list.contents().iter().filter_map(|one| one.key()).find(|key| !key.contains("releases/"));
    let call = aws.read().s3.get_object().bucket(&bucket).key(key.unwrap()).send();
    let bytes = wait(async { call.await.unwrap().body.collect().await }).unwrap().into_bytes();
    let mut state = State::from_bytes(&bytes).unwrap();
    state.serial += 1;
    let entry = state.resources.get_mut(&"task-definition.api".into()).unwrap();
    entry.id = Some(made.into());
    entry.outputs.insert("arn".into(), made.into());
    let bytes = state.to_bytes().unwrap();
    let call = aws.write().unwrap().s3.put_object().bucket(&bucket).key(key.unwrap());
    wait(call.body(bytes.into()).send()).unwrap();
}

#[test]
fn what_named_versions_becomes_one_revision_that_does_not() {
    let shop = Shop::up(PROD);
    as_before(&shop);
    let plan = shop.project.run(&["plan", "--json"]).json_of(3);
    let changes = plan["steps"].as_array().unwrap().iter();
    let changes = changes.filter(|step| step["action"] != "none").map(|step| &step["address"]);
    assert_eq!(json!(changes.collect::<Vec<_>>()), json!(["service.api", "task-definition.api"]));
    let before = shop.active().len();
    shop.project.run(&["up", "--yes"]).done();
    assert_eq!(shop.active().len(), before + 1);
    shop.project.run(&["plan"]).done();
}
