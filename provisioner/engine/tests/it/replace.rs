//! Changes that need another resource in the old one's place.

use engine::memory::Memory;
use engine::plan::Action;
use engine::{Graph, Resource};

use super::crash::{at_every_call, dies_after, dies_before};
use super::world::{PROD, changed, check, converge, environment, graph, plan_now, prod};

fn position(log: &[String], call: &str) -> usize {
    log.iter().position(|entry| entry == call).unwrap_or_else(|| panic!("no {call} in {log:?}"))
}

#[tokio::test(start_paused = true)]
async fn another_image_makes_a_new_revision_and_keeps_the_old() {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    let next = changed(
        "\"cpu\": 60}, \"secrets\"",
        "\"cpu\": 60}, \"cpu\": 512, \"memory\": 1024, \"secrets\"",
    );
    let plan = plan_now(&memory, &next).await;
    let changes: Vec<_> = plan.changes().map(|s| (s.address.as_str(), s.action)).collect();
    assert_eq!(
        changes,
        [("service.api", Action::Update), ("task-definition.api", Action::Replace)]
    );
    converge(&memory, &next).await;
    check(&memory, &next).await;
    let state = memory.stored().unwrap().unwrap();
    assert_eq!(state.resources[&"task-definition.api".into()].older.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_last_ten_revisions_stay() {
    let memory = Memory::default();
    for port in 9000..9014 {
        let next = changed(
            "\"image\": \"example.com/api:1\",",
            &format!("\"image\": \"example.com/api:1\", \"environment\": {{\"N\": \"{port}\"}},"),
        );
        converge(&memory, &next).await;
    }
    let state = memory.stored().unwrap().unwrap();
    let entry = &state.resources[&"task-definition.api".into()];
    assert!(entry.older.len() <= engine::resource::KEPT + 1, "{}", entry.older.len());
    converge(&memory, &Graph::new()).await;
    assert!(memory.objects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_network_takes_everything_in_it_down_first() {
    let (memory, next) = (Memory::default(), changed("10.0.0.0/16", "10.1.0.0/16"));
    converge(&memory, &prod()).await;
    converge(&memory, &next).await;
    let log = memory.log();
    assert!(position(&log, "delete subnet") < position(&log, "delete vpc"));
    assert!(position(&log, "delete vpc") < position(&log, "create vpc"));
    check(&memory, &next).await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_service_leaves_nothing() {
    let (memory, worker) = (Memory::default(), environment(PROD));
    converge(&memory, &prod()).await;
    let mut smaller = worker;
    smaller.services.remove("worker");
    let next = graph(&smaller);
    converge(&memory, &next).await;
    check(&memory, &next).await;
    let kind = kinds::Repository::KIND;
    assert!(memory.objects().values().all(|object| object.kind != kind));
}

async fn a_replacement_survives(from: &str, to: &str) {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    for dies in [dies_before, dies_after] {
        let calls = at_every_call(&memory, &changed(from, to), dies).await;
        assert!(calls > 4, "a replacement creates, deletes and saves: {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn another_network_survives_a_crash_at_every_call() {
    a_replacement_survives("10.0.0.0/16", "10.1.0.0/16").await;
}
