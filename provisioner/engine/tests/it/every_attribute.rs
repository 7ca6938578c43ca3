//! Few calls must not mean few looks: whatever somebody alters behind the tool's back, in any kind,
//! `plan` and `drift` name it.

mod alteration;

use std::collections::{BTreeMap, BTreeSet};

use engine::drift::{self, Finding};
use engine::kind::{Kind, Look};
use engine::memory::Memory;
use engine::plan::plan;
use engine::refresh::refresh;
use engine::{Address, Clock, Sharing};
use serde_json::Value;

use super::world::{converge, prod};
use alteration::{Alteration, Samples, alterations, sample};

/// Fields that are not compared, and why.
const NOT_COMPARED: [(&str, &str, &str); 6] = [
    ("listener-rules", "tags", "sent with each rule that is made; no listing reports them"),
    ("secret", "value", "where a first value comes from, used by the create call alone"),
    (
        "security-group",
        "description",
        "EC2 cannot reword one, and a group in use is not replaced for it",
    ),
    ("service", "initial_count", "the number is the scaler's once the service is there"),
    ("target-group", "name", "groups of earlier versions keep theirs"),
    ("target-group", "port", "means nothing: ECS registers each task with its own"),
];

/// `containers.api.environment[LOG_LEVEL].value` without what is in brackets.
fn names(path: &str) -> Vec<String> {
    let mut depth = 0;
    let plain: String = path
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '[');
            let keep = depth == 0;
            depth -= i32::from(*c == ']');
            keep
        })
        .collect();
    plain.split('.').map(Into::into).collect()
}

/// Whether one of the differences is in the attribute or around it.
fn is_named<'a>(attribute: &[String], mut paths: impl Iterator<Item = &'a str>) -> bool {
    // Joined again: a docker label's name may hold points.
    let attribute = attribute.join(".");
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    paths.any(|path| {
        let path = names(path).join(".");
        holds(&path, &attribute) || holds(&attribute, &path)
    })
}

/// A world in which one resource after the other is altered.
struct World<'a> {
    memory: &'a Memory,
    kinds: &'a engine::Kinds<Memory>,
    graph: &'a engine::Graph,
    state: &'a engine::state::State,
    picture: &'a engine::refresh::Picture,
}

impl World<'_> {
    /// Whether `plan` and `drift` both name the attribute. `None` when the cloud cannot hold that, or
    /// reports it as it was.
    async fn is_seen(
        &self,
        address: &Address,
        kind: &dyn Kind<Memory>,
        alteration: &Alteration,
    ) -> Option<bool> {
        let seen = &self.picture.seen[address];
        let normal = kind.normalize(&alteration.altered).ok()?;
        let place = format!("/{}", alteration.path.join("/"));
        // What is reported as `null` is not told.
        let untold = normal.pointer(&place).is_some_and(Value::is_null);
        if untold || normal == kind.normalize(&seen.spec).unwrap() {
            return None;
        }
        let memory = self.memory.fork();
        memory.alter(&seen.id, |spec| *spec = alteration.altered.clone());
        let ids = [seen.id.clone()];
        let observed = kind.observe(&memory, Look::Ids(&ids)).await.unwrap().remove(0);
        let mut picture = self.picture.clone();
        picture.seen.insert(address.clone(), observed);
        let plan = plan(self.kinds, self.graph, self.state, &picture, &Sharing::default()).unwrap();
        let planned = plan.steps[address].differences.iter().map(|one| one.path.as_str());
        let drifts = drift::compare(self.kinds, self.state, &picture, &Sharing::default()).unwrap();
        let drifted = drifts.iter().flat_map(|drift| &drift.findings).filter_map(|one| match one {
            Finding::Changed { path, .. } => Some(path.as_str()),
            _ => None,
        });
        let (planned, drifted) =
            (is_named(&alteration.path, planned), is_named(&alteration.path, drifted));
        let mut added = plan.steps[address].additions.iter();
        // An element of a shared set is somebody else's: no difference and no drift.
        if !drifted && !planned && added.any(|one| alteration.path == [one.field()]) {
            return Some(true);
        }
        assert_eq!(planned, drifted, "{address} {:?}", alteration.path);
        Some(planned)
    }
}

#[tokio::test(start_paused = true)]
async fn every_modelled_attribute_is_compared() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    let kinds = kinds::all::<Memory>();
    let state = memory.stored().unwrap().unwrap();
    let picture = refresh(&memory, &kinds, &graph, &state, &Clock::real()).await.unwrap();
    let world =
        World { memory: &memory, kinds: &kinds, graph: &graph, state: &state, picture: &picture };
    let mut samples: BTreeMap<&str, Samples> = BTreeMap::new();
    for (address, seen) in &picture.seen {
        sample(&seen.spec, &[], samples.entry(address.kind()).or_default());
    }
    let (mut tried, mut altered) = (0, BTreeSet::new());
    let mut blind = BTreeSet::new();
    for (address, entry) in &state.resources {
        let kind = kinds.of(address).unwrap();
        let exact = kind.traits().exact;
        let mut groups = Vec::new();
        let same = |spec| spec;
        alterations(&entry.desired, &[], &samples[address.kind()], &same, &mut groups);
        for group in groups {
            let Alteration { path, what, .. } = &group[0];
            let mut seen = None;
            for alteration in &group {
                seen = world.is_seen(address, kind, alteration).await;
                if seen.is_some() {
                    break;
                }
            }
            let is_exact = path.first().is_some_and(|field| exact.contains(&field.as_str()));
            match (seen, *what) {
                // A key that nobody asked for is the cloud's business, unless the field is closed.
                (Some(seen), "one key more") if !is_exact => {
                    assert!(!seen, "{address} {path:?}: what others own is no difference");
                }
                (Some(true), _) => {
                    tried += 1;
                    altered.insert(address.kind());
                }
                (Some(false), _) => {
                    blind.insert((address.kind(), path[0].clone()));
                }
                (None, "other" | "one more") => panic!("{address} {path:?}: cannot be altered"),
                (None, _) => {}
            }
        }
    }
    let expected = NOT_COMPARED.map(|(kind, path, _)| (kind, path.to_owned()));
    assert_eq!(blind, BTreeSet::from(expected));
    let all: BTreeSet<&str> = kinds.iter().map(|kind| kind.traits().kind).collect();
    assert_eq!(altered, all);
    assert!(tried > 900, "{tried} alterations");
}
