//! What has failed: told in the plan, tried once, and not tried again and again.

use engine::Class;
use engine::apply::Outcome;
use engine::memory::{Faults, Memory};
use engine::plan::Action;
use serde_json::json;

use super::world::{End, changed, check, converge, id_of, plan_now, prod, run};

const WHY: &str = "rolled back to api:1: tasks failed to start";

async fn outcome(memory: &Memory, graph: &engine::Graph, faults: Faults) -> Outcome {
    let End::Done(outcome) = run(memory, graph, faults).await else { panic!("crashed") };
    outcome.unwrap()
}

fn updates(memory: &Memory) -> usize {
    memory.log().iter().filter(|call| *call == "update service").count()
}

fn next() -> engine::Graph {
    changed(
        "\"cpu\": 60}, \"secrets\"",
        "\"cpu\": 60}, \"cpu\": 512, \"memory\": 1024, \"secrets\"",
    )
}

#[tokio::test(start_paused = true)]
async fn a_rolled_back_deployment_fails_once() {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    memory.roll_back(&id_of(&memory, "service.api"), WHY);
    for _ in 0..2 {
        let outcome = outcome(&memory, &next(), Faults::default()).await;
        let failed: Vec<_> =
            outcome.failed.iter().map(|(a, e)| (a.as_str(), &*e.message)).collect();
        assert_eq!(failed, [("service.api", WHY)]);
        assert_eq!(updates(&memory), 1, "{:?}", memory.log());
    }
    let plan = plan_now(&memory, &next()).await;
    let step = &plan.steps[&"service.api".into()];
    assert_eq!(step.action, Action::Update);
    assert_eq!(step.reason, Some(format!("its last deployment failed: {WHY}")));
    assert_eq!(step.differences[0].path, "settings.taskDefinition");
}

#[tokio::test(start_paused = true)]
async fn a_rolled_back_deployment_fails_once_when_its_answer_is_lost() {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    let whole = memory.fork();
    converge(&whole, &next()).await;
    let calls = whole.log();
    let lost = calls.iter().position(|call| call == "update service").unwrap();
    memory.roll_back(&id_of(&memory, "service.api"), WHY);
    let outcome =
        outcome(&memory, &next(), Faults { lose_answer: Some(lost), ..Faults::default() }).await;
    assert_eq!(outcome.failed[0].1.message, WHY);
    assert_eq!(updates(&memory), 1);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_deployed_again_although_nothing_differs() {
    for slow in [0, 3] {
        let (memory, graph) = (Memory::default(), prod());
        converge(&memory, &graph).await;
        memory.fail(&id_of(&memory, "service.api"), WHY);
        let plan = plan_now(&memory, &graph).await;
        let changes: Vec<_> = plan.changes().map(|s| (s.address.as_str(), s.action)).collect();
        assert_eq!(changes, [("service.api", Action::Update)]);
        let outcome = outcome(&memory, &graph, Faults { slow, ..Faults::default() }).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(updates(&memory), 1);
        check(&memory, &graph).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_the_same_way_again_is_not_tried_again() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let service = id_of(&memory, "service.api");
    memory.fail(&service, WHY);
    memory.roll_back(&service, WHY);
    let outcome = outcome(&memory, &graph, Faults::default()).await;
    assert_eq!(outcome.failed[0].1.message, WHY);
    assert_eq!(updates(&memory), 1);
}

#[tokio::test(start_paused = true)]
async fn what_never_heals_is_replaced() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let gateway = id_of(&memory, "nat-gateway.a");
    memory.fail(&gateway, "Subnet.InsufficientFreeAddresses");
    let plan = plan_now(&memory, &graph).await;
    assert_eq!(plan.steps[&"nat-gateway.a".into()].action, Action::Replace);
    converge(&memory, &graph).await;
    assert_ne!(id_of(&memory, "nat-gateway.a"), gateway);
    check(&memory, &graph).await;
}

/// Renamed after the plan was made: the difference asks for another one.
#[tokio::test(start_paused = true)]
async fn what_holds_data_is_not_replaced_unless_the_plan_said_so() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let secret = id_of(&memory, "secret.key");
    memory.alter(&secret, |spec| spec["description"] = json!("by hand"));
    let hands = memory.clone();
    let renames = async {
        while !hands.log().iter().any(|call| call == "update secret") {
            tokio::task::yield_now().await;
        }
        hands.alter(&secret, |spec| spec["name"] = json!("by hand"));
    };
    let (outcome, ()) = tokio::join!(outcome(&memory, &graph, Faults::default()), renames);
    assert!(outcome.failed.iter().any(|(_, error)| error.is(Class::Invalid)), "{outcome:?}");
    assert!(memory.objects().contains_key(&secret));
}
