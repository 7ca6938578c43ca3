//! Changes of what is served: requests reach healthy tasks before, after, and at every call between.

use engine::memory::{Faults, Memory, Object};
use engine::plan::Action;
use engine::{Graph, Id};
use serde_json::{Value, json};

use super::crash::{at_every_call, dies_after};
use super::world::{
    End, PROD, changed, check, converge, environment, graph, id_of, plan_now, prod, run,
};

const WHY: &str = "rolled back to api:1: tasks failed to start";

fn all<'a>(objects: &'a [(Id, Object)], kind: &'a str) -> impl Iterator<Item = &'a Object> {
    objects.iter().map(|(_, object)| object).filter(move |object| object.kind == kind)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Every rule that takes requests leads to a service, and every service is reached on its port.
fn assert_serving(memory: &Memory, when: &str) {
    let objects: Vec<(Id, Object)> = memory.objects().into_iter().collect();
    let services: Vec<&Value> = all(&objects, "service").map(|one| &one.spec["settings"]).collect();
    let balancers = || services.iter().flat_map(|one| items(&one["loadBalancers"]));
    for rule in all(&objects, "listener-rules").flat_map(|set| items(&set.spec["rules"])) {
        let target = &rule["target_group"];
        let filled = balancers().any(|one| one["targetGroupArn"] == *target);
        assert!(
            filled || rule["hosts"] == json!(["not-yet.invalid"]),
            "{when}: nobody behind {rule}"
        );
    }
    let rules: Vec<&Value> =
        all(&objects, "security-group-rules").flat_map(|set| items(&set.spec["rules"])).collect();
    for port in balancers().map(|one| &one["containerPort"]) {
        let directions = rules.iter().filter(|rule| rule["from"] == *port);
        let directions: Vec<&Value> = directions.map(|rule| &rule["direction"]).collect();
        for direction in ["ingress", "egress"] {
            assert!(directions.contains(&&json!(direction)), "{when}: no {direction} on {port}");
        }
    }
}

/// Brings a world from `before` to `after` as often as there are calls, each time dying at another one.
async fn assert_rolls(before: &Graph, after: &Graph) {
    let memory = Memory::default();
    converge(&memory, before).await;
    assert_serving(&memory, "before");
    let whole = memory.fork();
    converge(&whole, after).await;
    for call in 0..whole.calls() {
        let memory = memory.fork();
        let _crashed = run(&memory, after, dies_after(call)).await;
        assert_serving(&memory, &format!("call {call}"));
    }
    at_every_call(&memory, after, dies_after).await;
    assert_serving(&whole, "after");
}

/// The environment of [`PROD`] with other services with a route.
fn serving(services: &[(&str, Value)]) -> Graph {
    let mut text: Value = serde_json::from_str(PROD).unwrap();
    text["services"].as_object_mut().unwrap().remove("api");
    text["secrets"] = json!({});
    for (name, route) in services {
        text["services"][name] = json!({"image": "example.com/x:1", "port": 8000, "route": route});
    }
    graph(&environment(&text.to_string()))
}

#[tokio::test(start_paused = true)]
async fn another_port_keeps_the_target_group_and_closes_the_old_one_last() {
    let (memory, next) = (Memory::default(), changed("\"port\": 8000", "\"port\": 8001"));
    converge(&memory, &prod()).await;
    converge(&memory, &next).await;
    let log = memory.log();
    let calls: Vec<&str> = log.iter().map(String::as_str).filter(|call| *call != "save").collect();
    let rules = ["update security-group-rules"; 2];
    let between = ["create task-definition", "update service"];
    let mut sorted = calls.clone();
    sorted[..3].sort_unstable();
    assert_eq!(sorted, [&between[..1], &rules, &between[1..], &rules].concat(), "{log:?}");
    check(&memory, &next).await;
}

#[tokio::test(start_paused = true)]
async fn another_port_rolls() {
    assert_rolls(&prod(), &changed("\"port\": 8000", "\"port\": 8001")).await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_fails_leaves_the_old_one_open() {
    let (memory, next) = (Memory::default(), changed("\"port\": 8000", "\"port\": 8001"));
    converge(&memory, &prod()).await;
    memory.roll_back(&id_of(&memory, "service.api"), WHY);
    for _ in 0..2 {
        let End::Done(outcome) = run(&memory, &next, Faults::default()).await else {
            panic!("crashed")
        };
        let failed = outcome.unwrap().failed;
        assert_eq!(failed.iter().map(|(a, _)| a.as_str()).collect::<Vec<_>>(), ["service.api"]);
        assert_serving(&memory, "rolled back");
    }
    let (memory, back) = (memory, prod());
    memory.alter(&id_of(&memory, "service.api"), |_| {});
    let plan = plan_now(&memory, &back).await;
    assert_eq!(plan.steps[&"security-group-rules.api".into()].action, Action::Update);
}

#[tokio::test(start_paused = true)]
async fn a_target_group_of_an_earlier_version_stays() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    memory.alter(&id_of(&memory, "target-group.api"), |spec| {
        spec["name"] = json!("shop-prod-api-0a1b2c");
        spec["port"] = json!(8000);
    });
    assert!(plan_now(&memory, &graph).await.is_empty());
    let next = changed("\"port\": 8000", "\"port\": 8001");
    converge(&memory, &next).await;
    assert!(!memory.log().iter().any(|call| call.ends_with(" target-group")), "{:?}", memory.log());
}

#[tokio::test(start_paused = true)]
async fn a_path_moves_to_a_service_that_is_new() {
    let before = serving(&[("api", json!({"path": ["/*"]}))]);
    let after = serving(&[("api", json!({"path": ["/old/*"]})), ("web", json!({"path": ["/*"]}))]);
    assert_rolls(&before, &after).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_gets_another_name() {
    let before = serving(&[("api", json!({"path": ["/*"]}))]);
    assert_rolls(&before, &serving(&[("web", json!({"path": ["/*"]}))])).await;
}

#[tokio::test(start_paused = true)]
async fn services_exchange_their_paths() {
    let before = serving(&[("api", json!({"path": ["/*"]})), ("web", json!({"path": ["/w/*"]}))]);
    let after = serving(&[("api", json!({"path": ["/w/*"]})), ("web", json!({"path": ["/*"]}))]);
    assert_rolls(&before, &after).await;
}

#[tokio::test(start_paused = true)]
async fn other_words_do_not_replace_a_security_group_in_use() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let groups = |memory: &Memory| id_of(memory, "security-group.api");
    let before = groups(&memory);
    memory.alter(&before, |spec| spec["description"] = json!("Words of an earlier version"));
    let plan = plan_now(&memory, &graph).await;
    assert!(plan.is_empty(), "{:?}", plan.changes().collect::<Vec<_>>());
    converge(&memory, &graph).await;
    assert_eq!(groups(&memory), before);
}

#[tokio::test(start_paused = true)]
async fn a_service_becomes_a_worker_after_its_path_has_gone_elsewhere() {
    let before = serving(&[("api", json!({"path": ["/*"]})), ("web", json!({"path": ["/w/*"]}))]);
    let after = serving(&[("api", Value::Null), ("web", json!({"path": ["/*"]}))]);
    assert_rolls(&before, &after).await;
}
