//! Somebody else's hands: changed, deleted, already there.

use engine::memory::{Faults, Memory};
use engine::plan::Action;
use engine::{Class, Owner};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::world::{End, changed, check, converge, id_of, plan_now, process, prod, run};

#[tokio::test(start_paused = true)]
async fn a_second_up_changes_nothing() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let outcome = converge(&memory, &graph).await;
    assert!(outcome.done.is_empty());
    assert!(memory.log().iter().all(|call| call == "save"), "{:?}", memory.log());
}

#[tokio::test(start_paused = true)]
async fn a_change_by_hand_is_named_and_repaired() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    memory.alter(&id_of(&memory, "vpc.main"), |spec| spec["dns_hostnames"] = json!(false));
    memory.alter(&id_of(&memory, "security-group-rules.api"), |spec| spec["rules"] = json!([]));
    let plan = plan_now(&memory, &graph).await;
    let changed: Vec<_> =
        plan.changes().map(|step| (step.address.as_str(), step.differences[0].field())).collect();
    assert_eq!(changed, [("security-group-rules.api", "rules"), ("vpc.main", "dns_hostnames")]);
    converge(&memory, &graph).await;
    check(&memory, &graph).await;
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_behind_is_not_taken_for_a_change_by_hand() {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    memory.hold_index(&id_of(&memory, "log-group.api"));
    let graph = changed(r#""project": "shop","#, r#""project": "shop", "logs": {"retention": 7},"#);
    converge(&memory, &graph).await;
    assert!(plan_now(&memory, &graph).await.changes().next().is_none());
    // The index cannot hide a change for ever: what it has not heard of yet, it shows later.
    memory.hold_index(&id_of(&memory, "log-group.api"));
    memory.alter(&id_of(&memory, "log-group.worker"), |spec| spec["retention"] = json!(1));
    let plan = plan_now(&memory, &graph).await;
    let changed: Vec<_> = plan.changes().map(|step| step.address.as_str()).collect();
    assert_eq!(changed, ["log-group.worker"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_was_deleted_by_hand_comes_back() {
    let graph = prod();
    let memory = Memory::default();
    converge(&memory, &graph).await;
    let addresses: Vec<_> = graph.iter().map(|(address, _)| address.clone()).collect();
    for address in addresses {
        let memory = Memory::default();
        converge(&memory, &graph).await;
        memory.vanish(&id_of(&memory, address.as_str()));
        let plan = plan_now(&memory, &graph).await;
        assert_eq!(plan.steps[&address].action, Action::Create, "{address}");
        // Other resources that name the lost one by its id can only follow it.
        converge(&memory, &graph).await;
        converge(&memory, &graph).await;
        check(&memory, &graph).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_strangers_resource_is_never_taken_over() {
    let (memory, graph) = (Memory::default(), prod());
    let stranger = kinds::Cluster {
        name: "shop-prod".into(),
        container_insights: "enabled".into(),
        capacity_providers: std::collections::BTreeSet::default(),
        tags: kinds::Tags::default(),
    };
    let planted = memory.plant(&stranger, Some(Owner::of("other", "prod"))).unwrap();
    let outcome = process(&memory, &graph, &CancellationToken::new()).await.unwrap();
    assert!(outcome.failed.iter().any(|(_, error)| error.is(Class::Foreign)), "{outcome:?}");
    assert_eq!(memory.objects()[&planted].spec["container_insights"], "enabled");
    let nothing = engine::Graph::new();
    converge(&memory, &nothing).await;
    assert_eq!(memory.objects().keys().collect::<Vec<_>>(), [&planted]);
}

/// A creation was begun and made nothing, and what is found in its place carries no tags.
#[tokio::test(start_paused = true)]
async fn what_looks_like_a_lost_one_is_not_taken_over_either() {
    let (memory, graph) = (Memory::default(), prod());
    let stranger: kinds::Vpc =
        serde_json::from_value(graph.get(&"vpc.main".into()).unwrap().spec.clone()).unwrap();
    let planted = memory.plant(&stranger, None).unwrap();
    let whole = memory.fork();
    converge(&whole, &graph).await;
    let create = whole.log().iter().position(|call| call == "create vpc");
    let faults = Faults { crash_before: create, ..Faults::default() };
    assert!(matches!(run(&memory, &graph, faults).await, End::Crashed));
    converge(&memory, &graph).await;
    assert_ne!(id_of(&memory, "vpc.main"), planted);
}

#[tokio::test(start_paused = true)]
async fn what_the_user_prepared_under_our_tags_is_found_by_name() {
    let (memory, graph) = (Memory::default(), prod());
    let mut secret: kinds::Secret =
        serde_json::from_value(graph.get(&"secret.key".into()).unwrap().spec.clone()).unwrap();
    secret.scheduled_for_deletion = true;
    let owner = Owner { resource: "secret.key".into(), ..Owner::of("shop", "prod") };
    let planted = memory.plant(&secret, Some(owner)).unwrap();
    converge(&memory, &graph).await;
    assert_eq!(id_of(&memory, "secret.key"), planted);
    assert_eq!(memory.objects()[&planted].spec["scheduled_for_deletion"], false);
    check(&memory, &graph).await;
}
