//! The stored state is gone: it is made again from tags, names and places.

use engine::memory::{Faults, Memory};
use engine::rebuild::{Change, Rebuilt, Sources, find, rebuild};
use engine::state::State;
use engine::store::{Journal, Store};
use engine::{Clock, Graph, Owner};
use serde_json::json;

use super::world::{
    End, PROD, changed, check, converge, environment, graph, id_of, plan_now, process, prod, run,
};
use tokio_util::sync::CancellationToken;

async fn rebuilt(memory: &Memory, graph: &Graph, last: Option<&State>) -> Rebuilt {
    let (kinds, clock, owner) = (kinds::all::<Memory>(), Clock::real(), Owner::of("shop", "prod"));
    let findings = find(memory, &kinds, &owner, &clock).await.unwrap();
    let from = Sources { cloud: memory, kinds: &kinds, graph, owner: &owner, last, clock: &clock };
    rebuild(&from, &findings).await.unwrap()
}

/// Rebuilds without a copy and stores it in place of what is there.
async fn recover(memory: &Memory, graph: &Graph) -> Rebuilt {
    memory.lose_state();
    let rebuilt = rebuilt(memory, graph, None).await;
    let journal = Journal::new(memory.clone(), rebuilt.state.clone(), None);
    journal.change(|_| ());
    journal.commit().await.unwrap();
    rebuilt
}

fn is_whole(rebuilt: &Rebuilt) -> bool {
    rebuilt.ambiguous.is_empty()
        && rebuilt.unclaimed.is_empty()
        && rebuilt.foreign.is_empty()
        && rebuilt.missing.is_empty()
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_cloud_gives_the_state_that_was_lost() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    converge(&memory, &changed("\"port\": 8000", "\"port\": 8001")).await;
    converge(&memory, &graph).await;
    let lost = memory.stored().unwrap().unwrap();
    let rebuilt = recover(&memory, &graph).await;
    assert!(is_whole(&rebuilt), "{rebuilt:?}");
    assert_eq!(lost.resources.len(), rebuilt.state.resources.len());
    for (address, was) in &lost.resources {
        let is = &rebuilt.state.resources[address];
        assert_eq!((&was.id, &was.older), (&is.id, &is.older), "{address}");
        assert_eq!(was.desired, is.desired, "{address}");
        assert_eq!((&was.outputs, &was.depends), (&is.outputs, &is.depends), "{address}");
    }
    check(&memory, &graph).await;
    converge(&memory, &Graph::new()).await;
    assert!(memory.objects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_the_file_tags_and_references_are_enough_to_destroy() {
    let (memory, nothing) = (Memory::default(), Graph::new());
    converge(&memory, &prod()).await;
    assert!(is_whole(&recover(&memory, &nothing).await));
    converge(&memory, &nothing).await;
    assert!(memory.objects().is_empty(), "{:?}", memory.objects());
    let log = memory.log();
    // Nothing was refused because something still used it.
    let deleted = log.iter().filter(|call| call.starts_with("delete "));
    assert_eq!(deleted.count(), prod().len(), "{log:?}");
    // The target would start tasks again while its service drains; the other service has none.
    let target = log.iter().position(|call| call == "delete scalable-target");
    assert!(target < log.iter().rposition(|call| call == "delete service"), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_file_no_longer_names_is_found_and_goes() {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    let mut smaller = environment(PROD);
    smaller.services.remove("worker");
    let smaller = graph(&smaller);
    assert!(is_whole(&recover(&memory, &smaller).await));
    converge(&memory, &smaller).await;
    check(&memory, &smaller).await;
}

#[tokio::test(start_paused = true)]
async fn a_strangers_resource_of_our_name_is_told_and_left_alone() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    for owner in [None, Some(Owner::of("other", "prod"))] {
        let memory = memory.fork();
        let cluster = id_of(&memory, "cluster.main");
        let spec = serde_json::from_value(memory.objects()[&cluster].spec.clone()).unwrap();
        memory.vanish(&cluster);
        let planted = memory.plant::<kinds::Cluster>(&spec, owner).unwrap();
        let rebuilt = recover(&memory, &graph).await;
        assert_eq!(rebuilt.foreign[&"cluster.main".into()].id, planted);
        assert!(!rebuilt.state.resources.contains_key(&"cluster.main".into()));
        assert!(rebuilt.missing.contains(&"cluster.main".into()));
        let outcome = process(&memory, &graph, &CancellationToken::new()).await.unwrap();
        assert!(outcome.failed.iter().any(|(at, _)| at.as_str() == "cluster.main"));
        assert!(memory.objects().contains_key(&planted));
    }
}

/// Plants another one with the same tags, as a lost answer leaves it behind.
fn double(
    memory: &Memory,
    address: &str,
    alter: impl FnOnce(&mut serde_json::Value),
) -> engine::Id {
    fn plant<R: engine::Resource>(
        memory: &Memory,
        spec: serde_json::Value,
        owner: Owner,
    ) -> engine::Id {
        memory.plant(&serde_json::from_value::<R>(spec).unwrap(), Some(owner)).unwrap()
    }
    let object = memory.objects()[&id_of(memory, address)].clone();
    let (mut spec, owner) = (object.spec, object.owner.unwrap());
    alter(&mut spec);
    match object.kind {
        "vpc" => plant::<kinds::Vpc>(memory, spec, owner),
        "elastic-ip" => plant::<kinds::ElasticIp>(memory, spec, owner),
        "route-table" => plant::<kinds::RouteTable>(memory, spec, owner),
        "secret" => plant::<kinds::Secret>(memory, spec, owner),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_the_one_in_use_or_as_desired_stays_and_the_other_goes() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let second = [
        double(&memory, "vpc.main", |_| ()),
        double(&memory, "elastic-ip.a", |_| ()),
        double(&memory, "route-table.public", |spec| spec["subnets"] = json!([])),
    ];
    let first = ["vpc.main", "elastic-ip.a", "route-table.public"].map(|at| id_of(&memory, at));
    let rebuilt = recover(&memory, &graph).await;
    assert!(is_whole(&rebuilt), "{rebuilt:?}");
    assert_eq!(
        ["vpc.main", "elastic-ip.a", "route-table.public"].map(|at| id_of(&memory, at)),
        first
    );
    assert!(!plan_now(&memory, &graph).await.is_empty());
    converge(&memory, &graph).await;
    check(&memory, &graph).await;
    assert!(second.iter().all(|id| !memory.objects().contains_key(id)));
}

#[tokio::test(start_paused = true)]
async fn of_two_with_data_none_is_taken() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let other = double(&memory, "secret.key", |_| ());
    let rebuilt = recover(&memory, &graph).await;
    let both = &rebuilt.ambiguous[&"secret.key".into()];
    assert!(both.len() == 2 && both.iter().any(|seen| seen.id == other));
    assert!(!rebuilt.state.resources.contains_key(&"secret.key".into()));
    assert!(rebuilt.missing.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resource_whose_own_tag_is_gone_belongs_to_nobody() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let spec = graph.get(&"elastic-ip.a".into()).unwrap().spec.clone();
    let spec: kinds::ElasticIp = serde_json::from_value(spec).unwrap();
    let planted = memory.plant(&spec, Some(Owner::of("shop", "prod"))).unwrap();
    let rebuilt = recover(&memory, &graph).await;
    let unclaimed: Vec<_> =
        rebuilt.unclaimed.iter().map(|(kind, seen)| (&**kind, &seen.id)).collect();
    assert_eq!(unclaimed, [("elastic-ip", &planted)]);
    assert!(plan_now(&memory, &graph).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_gives_its_facts_and_what_has_changed_since() {
    let (memory, before) = (Memory::default(), prod());
    converge(&memory, &before).await;
    let mut copy = memory.stored().unwrap().unwrap();
    copy.facts.insert("zones".into(), json!(["us-east-1a", "us-east-1b"]));
    let after = changed("\"port\": 8000", "\"port\": 8001");
    converge(&memory, &after).await;
    let current = |state: &State| state.resources[&"task-definition.api".into()].id.clone();
    let now = memory.stored().unwrap().unwrap();
    memory.lose_state();
    let rebuilt = rebuilt(&memory, &after, Some(&copy)).await;
    assert!(rebuilt.state.lineage == copy.lineage && rebuilt.state.facts == copy.facts);
    assert_eq!(current(&rebuilt.state), current(&now));
    let address = "task-definition.api".into();
    let change = Change { address, was: current(&copy), is: current(&now) };
    assert_eq!(rebuilt.changes, [change]);
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_was_begun_is_still_looked_for() {
    let graph = prod();
    let whole = Memory::default();
    converge(&whole, &graph).await;
    let create = whole.log().iter().position(|call| call == "create vpc");
    let memory = Memory::default();
    let faults = Faults { crash_before: create, ..Faults::default() };
    assert!(matches!(run(&memory, &graph, faults).await, End::Crashed));
    memory.restart(Faults::default());
    let copy = memory.load().await.unwrap().unwrap().0;
    let begun = copy.resources[&"vpc.main".into()].intent.clone().unwrap().op;
    let rebuilt = rebuilt(&memory, &graph, Some(&copy)).await;
    let kept = rebuilt.state.resources[&"vpc.main".into()].intent.as_ref().unwrap();
    assert_eq!(kept.op, begun);
}
