//! What others have added: told apart from drift, and taken out again on request.

use engine::additions::{Added, additions, take_out};
use engine::drift::{Drift, Finding, compare};
use engine::memory::Memory;
use engine::refresh::{Picture, refresh};
use engine::{Clock, Graph, Sharing};
use serde_json::{Value, json};

use super::world::{converge, id_of, prod};

async fn look(memory: &Memory) -> Picture {
    let state = memory.stored().unwrap().unwrap();
    let kinds = kinds::all::<Memory>();
    refresh(memory, &kinds, &Graph::new(), &state, &Clock::real()).await.unwrap()
}

fn told(memory: &Memory, picture: &Picture, sharing: &Sharing) -> (Vec<Drift>, Vec<Added>) {
    let state = memory.stored().unwrap().unwrap();
    let kinds = kinds::all::<Memory>();
    let drift = compare(&kinds, &state, picture, sharing).unwrap();
    (drift, additions(&kinds, &state, picture, sharing).unwrap())
}

fn paths(added: &[Added]) -> Vec<String> {
    let all = added.iter().flat_map(|one| {
        one.additions.iter().map(move |addition| format!("{} {}", one.address, addition.path))
    });
    all.collect()
}

/// With a route, a rule and two tags by somebody else, and one thing that somebody has changed.
async fn shared() -> Memory {
    let memory = Memory::default();
    converge(&memory, &prod()).await;
    let push = |address: &str, field: &str, value: Value| {
        memory.alter(&id_of(&memory, address), |spec| {
            spec[field].as_array_mut().unwrap().push(value);
        });
    };
    push("route-table.public", "routes", json!({"destination": "10.99.0.0/16", "target": "pcx-1"}));
    push(
        "security-group-rules.api",
        "rules",
        json!({"direction": "ingress", "protocol": "tcp", "from": 22, "to": 22,
            "peer": "10.99.0.0/16", "description": ""}),
    );
    push("vpc.main", "tags", json!({"key": "creator", "value": "x"}));
    push("vpc.main", "tags", json!({"key": "awsApplication", "value": "arn"}));
    memory.alter(&id_of(&memory, "vpc.main"), |spec| spec["dns_hostnames"] = json!(false));
    memory
}

#[tokio::test(start_paused = true)]
async fn additions_are_no_drift() {
    let memory = shared().await;
    let ignoring = Sharing { ignored_tags: vec!["awsApplication".into()], ..Sharing::default() };
    let (drift, added) = told(&memory, &look(&memory).await, &ignoring);
    let ssh = "security-group-rules.api rules[ingress tcp 22 22 10.99.0.0/16]";
    let expected = ["route-table.public routes[10.99.0.0/16]", ssh, "vpc.main tags[creator]"];
    assert_eq!(paths(&added), expected);
    assert_eq!(drift.len(), 1, "{drift:?}");
    let [Finding::Changed { path, .. }] = &drift[0].findings[..] else { panic!("{drift:?}") };
    assert_eq!(path, "dns_hostnames");
}

#[tokio::test(start_paused = true)]
async fn patterns_of_tags_are_whole_keys_or_beginnings() {
    let memory = shared().await;
    let picture = look(&memory).await;
    let tags = |pattern: &str| {
        let sharing = Sharing { ignored_tags: vec![pattern.into()], ..Sharing::default() };
        let (_, added) = told(&memory, &picture, &sharing);
        paths(&added).iter().filter(|path| path.contains("tags[")).count()
    };
    assert_eq!(
        [tags("aws"), tags("aws*"), tags("creator"), tags("*"), tags("x*")],
        [2, 1, 1, 0, 2]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_exclusive_is_drift() {
    let memory = shared().await;
    let exclusive = ["routes", "tags"].map(str::to_owned).into();
    let sharing = Sharing { exclusive, ..Sharing::default() };
    let (drift, added) = told(&memory, &look(&memory).await, &sharing);
    let addresses: Vec<_> = drift.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["route-table.public", "vpc.main"]);
    assert_eq!(drift[1].findings.len(), 3, "{drift:?}");
    assert_eq!(added.len(), 1, "{added:?}");
}

#[tokio::test(start_paused = true)]
async fn additions_are_taken_out_and_nothing_else() {
    let memory = shared().await;
    let picture = look(&memory).await;
    let (before, added) = told(&memory, &picture, &Sharing::default());
    for one in &added {
        let kinds = kinds::all::<Memory>();
        take_out(&memory, &kinds, &picture, one, &Clock::real()).await.unwrap();
    }
    let (drift, added) = told(&memory, &look(&memory).await, &Sharing::default());
    assert_eq!(added, []);
    // What was changed is for `up` to repair.
    assert_eq!(drift, before);
}
