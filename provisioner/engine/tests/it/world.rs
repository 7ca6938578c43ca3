//! One environment in memory, and the invariants that must hold after every run: nothing twice,
//! nothing orphaned, the state speaks the truth, and a second run has nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::apply::{Outcome, Run, apply};
use engine::event::Events;
use engine::memory::{Faults, Memory};
use engine::plan::{Plan, plan};
use engine::refresh::refresh;
use engine::state::State;
use engine::store::{Journal, Store};
use engine::{Address, Clock, Graph, Id, Result, Sharing};
use stack::{Environment, Facts, Image};
use tokio_util::sync::CancellationToken;

/// Production's file, with a second service so that rules and groups have company.
pub(crate) const PROD: &str = r#"{
    "project": "shop", "region": "us-east-1", "protect": true,
    "network": {"cidr": "10.0.0.0/16", "zones": 2, "nat": "per-zone"},
    "services": {
        "api": {"image": "example.com/api:1", "port": 8000, "route": {"path": ["/*"]},
            "replicas": {"min": 2, "max": 6, "cpu": 60}, "secrets": {"KEY": "key"}},
        "worker": {"build": {"binary": "worker"}, "replicas": {"min": 1, "max": 1, "cpu": 60},
            "permissions": [{"actions": ["s3:GetObject"], "resources": ["*"]}]}
    },
    "secrets": {"key": {"generate": 32}}
}"#;

pub(crate) fn environment(text: &str) -> Environment {
    let environment: Environment = serde_json::from_str(text).unwrap();
    Environment { name: "prod".into(), ..environment }
}

pub(crate) fn graph(environment: &Environment) -> Graph {
    let images = BTreeMap::from([
        ("api".to_owned(), Image::Reference("example.com/api:1".into())),
        ("web".to_owned(), Image::Reference("example.com/web:1".into())),
        ("worker".to_owned(), Image::Built("sha256:0".into())),
    ]);
    let zones = vec!["us-east-1a".into(), "us-east-1b".into()];
    let facts = Facts { zones, images, ..Facts::default() };
    stack::stack(environment, &facts).unwrap()
}

pub(crate) fn prod() -> Graph {
    graph(&environment(PROD))
}

/// [`prod`] after an edit of its file.
pub(crate) fn changed(from: &str, to: &str) -> Graph {
    assert!(PROD.contains(from));
    graph(&environment(&PROD.replace(from, to)))
}

/// The id under which the state knows a resource.
pub(crate) fn id_of(memory: &Memory, address: &str) -> Id {
    let state = memory.stored().unwrap().unwrap();
    state.resources[&address.into()].id.clone().unwrap()
}

/// How a run ended.
pub(crate) enum End {
    Crashed,
    Done(Result<Outcome>),
}

/// One run of `up` (or of `destroy`, with an empty graph) as a process of its own.
pub(crate) async fn run(memory: &Memory, graph: &Graph, faults: Faults) -> End {
    memory.restart(faults);
    let never = CancellationToken::new();
    tokio::select! {
        () = memory.crashed() => End::Crashed,
        result = process(memory, graph, &never) => End::Done(result),
    }
}

pub(crate) async fn process(
    memory: &Memory,
    graph: &Graph,
    stop: &CancellationToken,
) -> Result<Outcome> {
    let kinds = kinds::all::<Memory>();
    let clock = Clock::real();
    let (state, version) = memory.load().await?.map_or_else(
        || (State::new("shop", "prod"), None),
        |(state, version)| (state, Some(version)),
    );
    let picture = refresh(memory, &kinds, graph, &state, &clock).await?;
    let plan = plan(&kinds, graph, &state, &picture, &Sharing::default())?;
    let journal = Journal::new(memory.clone(), state, version);
    let allow = plan.losses(&kinds).map(|step| step.address.clone()).collect();
    let run = Run {
        cloud: memory,
        kinds: &kinds,
        journal: &journal,
        clock,
        events: Events::nowhere(),
        guard: Arc::new(|| Ok(())),
        stop: stop.clone(),
        allow,
    };
    apply(&run, graph, &plan).await
}

/// A run that must succeed.
pub(crate) async fn converge(memory: &Memory, graph: &Graph) -> Outcome {
    let End::Done(outcome) = run(memory, graph, Faults::default()).await else {
        panic!("crashed without a fault")
    };
    let outcome = outcome.unwrap();
    assert!(outcome.is_complete(), "failed: {:?}, skipped: {:?}", outcome.failed, outcome.skipped);
    outcome
}

/// What `plan` would say now.
pub(crate) async fn plan_now(memory: &Memory, graph: &Graph) -> Plan {
    let kinds = kinds::all::<Memory>();
    let state = memory.stored().unwrap().unwrap_or_else(|| State::new("shop", "prod"));
    let picture = refresh(memory, &kinds, graph, &state, &Clock::real()).await.unwrap();
    plan(&kinds, graph, &state, &picture, &Sharing::default()).unwrap()
}

/// Everything that must be true once a run has succeeded.
pub(crate) async fn check(memory: &Memory, graph: &Graph) {
    let state = memory.stored().unwrap().expect("a state was saved");
    let objects = memory.objects();
    let mut claimed: BTreeSet<Id> = BTreeSet::new();
    for (address, entry) in &state.resources {
        assert!(entry.intent.is_none(), "{address} still has an intent");
        for id in entry.id.iter().chain(&entry.older) {
            assert!(objects.contains_key(id), "the state claims {address} = {id}, a phantom");
            assert!(claimed.insert(id.clone()), "{id} is claimed twice");
        }
    }
    for (id, object) in &objects {
        assert!(claimed.contains(id), "{id} is an orphan: {}", object.spec);
    }
    let wanted: BTreeSet<&Address> = graph.iter().map(|(address, _)| address).collect();
    let kept: BTreeSet<&Address> = state.resources.keys().collect();
    assert_eq!(kept, wanted, "the state names exactly what is desired");
    let plan = plan_now(memory, graph).await;
    assert!(plan.is_empty(), "a second run would: {:?}", plan.changes().collect::<Vec<_>>());
}
