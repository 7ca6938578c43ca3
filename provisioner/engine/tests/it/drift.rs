//! Somebody else's hands, named one by one.

use engine::drift::{Drift, Finding, drift};
use engine::memory::{Faults, Memory};
use engine::{Clock, Owner, Sharing};
use serde_json::{Value, json};

use super::world::{changed, converge, id_of, prod};

async fn now(memory: &Memory) -> Vec<Drift> {
    let state = memory.stored().unwrap().unwrap();
    drift(memory, &kinds::all::<Memory>(), &state, &Sharing::default(), &Clock::real())
        .await
        .unwrap()
}

/// The findings about the only resource that drifted.
async fn findings(memory: &Memory, address: &str) -> Vec<Finding> {
    let mut found = now(memory).await;
    assert_eq!(found.iter().map(|drift| drift.address.as_str()).collect::<Vec<_>>(), [address]);
    found.remove(0).findings
}

async fn up() -> Memory {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    memory
}

fn alter(memory: &Memory, address: &str, change: impl FnOnce(&mut Value)) {
    memory.alter(&id_of(memory, address), change);
}

fn change(path: &str, from: impl Into<Option<Value>>, to: impl Into<Option<Value>>) -> Finding {
    Finding::Changed { path: path.into(), from: from.into(), to: to.into() }
}

#[tokio::test(start_paused = true)]
async fn nothing_has_drifted_after_up() {
    let memory = up().await;
    assert_eq!(now(&memory).await, []);
    // Neither does an edit that is not applied count: the state is compared, not the file.
    converge(&memory, &changed("\"port\": 8000", "\"port\": 8001")).await;
    assert_eq!(now(&memory).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_altered_attribute_is_named_with_both_its_values() {
    let memory = up().await;
    alter(&memory, "vpc.main", |spec| spec["dns_hostnames"] = json!(false));
    let found = findings(&memory, "vpc.main").await;
    assert_eq!(found, [change("dns_hostnames", json!(true), json!(false))]);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_going_is_named() {
    let memory = up().await;
    memory.vanish(&id_of(&memory, "log-group.api"));
    assert_eq!(findings(&memory, "log-group.api").await, [Finding::Deleted]);

    let memory = up().await;
    memory.restart(Faults { slow: 3, ..Faults::default() });
    memory.delete_by_hand(&id_of(&memory, "service.worker")).unwrap();
    let why = "deleting".into();
    assert_eq!(findings(&memory, "service.worker").await, [Finding::Leaving { why }]);
}

#[tokio::test(start_paused = true)]
async fn owner_tags_that_were_changed_or_removed_are_named_once() {
    let other = Owner { resource: "vpc.main".into(), ..Owner::of("other", "prod") };
    for now in [None, Some(other)] {
        let memory = up().await;
        let vpc = id_of(&memory, "vpc.main");
        memory.retag(&vpc, now.clone());
        memory.alter(&vpc, |spec| {
            let tags = spec["tags"].as_array_mut().unwrap();
            let is_project = |tag: &Value| tag["key"] == "provisioner:project";
            match &now {
                None => tags.retain(|tag| !is_project(tag)),
                Some(owner) => {
                    let tag = tags.iter_mut().find(|tag| is_project(tag)).unwrap();
                    tag["value"] = json!(owner.project);
                }
            }
        });
        assert_eq!(findings(&memory, "vpc.main").await, [Finding::Owner { now }]);
    }
}

#[tokio::test(start_paused = true)]
async fn extras_in_closed_sets_are_named() {
    let memory = up().await;
    let policy = json!({"name": "extra", "document": {"Statement": []}});
    alter(&memory, "role.worker-task", |spec| {
        spec["inline"].as_array_mut().unwrap().push(policy.clone());
    });
    let found = findings(&memory, "role.worker-task").await;
    assert_eq!(found, [change("inline[extra]", None, policy)]);

    // An extra key inside of a policy.
    let memory = up().await;
    alter(&memory, "role.worker-task", |spec| {
        spec["trust"]["Statement"][0]["Condition"] = json!({});
    });
    let found = findings(&memory, "role.worker-task").await;
    let [Finding::Changed { path, from, to }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(path, "trust");
    assert!(from != to && to.as_ref().unwrap()["Statement"][0]["Condition"].is_object());
}

#[tokio::test(start_paused = true)]
async fn what_others_own_is_no_drift() {
    let memory = up().await;
    alter(&memory, "service.api", |spec| {
        spec["settings"]["desiredCount"] = json!(5);
        spec["initial_count"] = json!(5);
    });
    assert_eq!(now(&memory).await, []);
}
