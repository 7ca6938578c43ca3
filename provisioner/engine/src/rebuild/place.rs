//! Puts each thing that was found where it belongs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::choose::Evidence;
use super::{Findings, Rebuilt, Sources, depends};
use crate::address::Address;
use crate::clock::patient;
use crate::diff::{Comparison, Sharing};
use crate::error::Result;
use crate::graph::Desired;
use crate::input;
use crate::kind::{Kind, Look, Observed, Traits};
use crate::resource::{Id, Owner};
use crate::state::{Entry, State};

pub(super) struct Places<'a, C> {
    from: &'a Sources<'a, C>,
    findings: &'a Findings,
    rebuilt: Rebuilt,
    /// What has its place.
    seen: BTreeMap<Address, Observed>,
    taken: BTreeSet<(String, Id)>,
}

impl<'a, C: Sync> Places<'a, C> {
    pub(super) fn new(from: &'a Sources<'a, C>, findings: &'a Findings) -> Self {
        let Owner { project, environment, .. } = from.owner;
        let mut state = from.last.cloned().unwrap_or_else(|| State::new(project, environment));
        state.resources.clear();
        let rebuilt = Rebuilt {
            state,
            ambiguous: BTreeMap::new(),
            unclaimed: Vec::new(),
            foreign: BTreeMap::new(),
            missing: BTreeSet::new(),
            changes: Vec::new(),
        };
        Self { from, findings, rebuilt, seen: BTreeMap::new(), taken: BTreeSet::new() }
    }

    /// Places a resource of the graph. What it depends on has its place already.
    pub(super) async fn desired(&mut self, address: &Address) -> Result<()> {
        let (Some(node), kind) = (self.from.graph.get(address), self.from.kinds.of(address)?)
        else {
            return Ok(());
        };
        if self.findings.not_emulated.contains_key(address.kind()) {
            return Ok(());
        }
        let resolved = input::resolve(&node.spec, &|of, field| {
            self.seen.get(of)?.outputs.get(field)?.as_str().map(str::to_owned)
        });
        let spec = kind.normalize(&resolved)?;
        let mut candidates = self.tagged(address);
        if candidates.is_empty() && !input::is_unknown(&spec) {
            candidates = self.look_up(address, kind, &spec).await?;
        }
        self.place(address, candidates, Some((node, &spec)), kind.traits());
        Ok(())
    }

    /// Those whose tags say that they are this one.
    fn tagged(&self, address: &Address) -> Vec<Observed> {
        let is_it = |seen: &&Observed| {
            seen.owner.as_ref().is_some_and(|owner| owner.resource == address.as_str())
        };
        self.findings.of(address.kind()).iter().filter(is_it).cloned().collect()
    }

    /// What has no tags is where the graph wants it, or is not. Something that has tags, but not ours,
    /// has only taken the name.
    async fn look_up(
        &mut self,
        address: &Address,
        kind: &dyn Kind<C>,
        spec: &Value,
    ) -> Result<Vec<Observed>> {
        let op = self.rebuilt.state.op(address, "");
        let named = std::slice::from_ref(spec);
        let look =
            if kind.traits().is_tagged() { Look::Named(named) } else { Look::Lost(spec, &op) };
        let found = patient(self.from.clock, || kind.observe(self.from.cloud, look)).await?;
        let (ours, foreign): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|seen| kind.traits().is_same(seen.owner.as_ref(), &op.owner));
        let foreign = foreign.into_iter().next();
        self.rebuilt.foreign.extend(foreign.map(|seen| (address.clone(), seen)));
        Ok(ours)
    }

    fn place(
        &mut self,
        address: &Address,
        candidates: Vec<Observed>,
        desired: Option<(&Desired, &Value)>,
        traits: &Traits,
    ) {
        if candidates.is_empty() {
            return;
        }
        let kind = address.kind();
        self.taken.extend(candidates.iter().map(|seen| (kind.to_owned(), seen.id.clone())));
        let last = self.from.last.and_then(|last| last.resources.get(address));
        let evidence = Evidence {
            findings: self.findings,
            traits,
            last: last.and_then(|entry| entry.id.as_ref()),
            desired: desired.map(|(_, spec)| spec).filter(|spec| !input::is_unknown(spec)),
        };
        match evidence.choose(candidates) {
            Ok((seen, older)) => {
                let same = last.filter(|entry| entry.id.as_ref() == Some(&seen.id));
                let entry = Entry {
                    id: Some(seen.id.clone()),
                    older: older.into_iter().map(|seen| seen.id).collect(),
                    desired: match (same, desired) {
                        (Some(entry), _) => entry.desired.clone(),
                        (None, Some((_, spec))) => applied(spec, &seen.spec, traits),
                        (None, None) => seen.spec.clone(),
                    },
                    outputs: seen.outputs.clone(),
                    depends: match (desired, same) {
                        (Some((node, _)), _) => node.depends.clone(),
                        (None, Some(entry)) => entry.depends.clone(),
                        (None, None) => BTreeSet::new(),
                    },
                    intent: None,
                    sent: None,
                    fresh: false,
                    created: same.and_then(|entry| entry.created),
                };
                self.rebuilt.state.resources.insert(address.clone(), entry);
                self.seen.insert(address.clone(), seen);
            }
            Err(all) => {
                self.rebuilt.ambiguous.insert(address.clone(), all);
            }
        }
    }

    /// Places what the graph does not know (any more): under the name that its tags or the last copy
    /// give it, else under its id.
    pub(super) fn others(&mut self) {
        let mut found: BTreeMap<Address, Vec<Observed>> = BTreeMap::new();
        for (kind, seen) in self.findings.all() {
            if self.taken.contains(&(kind.to_owned(), seen.id.clone())) {
                continue;
            }
            let address = match &seen.owner {
                Some(owner) => Address::from(owner.resource.as_str()),
                None => self.last_name(kind, &seen.id),
            };
            if address.kind() == kind && !address.name().is_empty() {
                found.entry(address).or_default().push(seen.clone());
            } else {
                self.rebuilt.unclaimed.push((kind.to_owned(), seen.clone()));
            }
        }
        for (address, candidates) in found {
            if let Ok(kind) = self.from.kinds.of(&address) {
                self.place(&address, candidates, None, kind.traits());
            }
        }
    }

    fn last_name(&self, kind: &str, id: &Id) -> Address {
        let mut known = self.from.last.into_iter().flat_map(|last| &last.resources);
        let known = known.find(|(at, entry)| at.kind() == kind && entry.id.as_ref() == Some(id));
        known.map_or_else(|| Address::new(kind, id.as_str()), |(address, _)| address.clone())
    }

    pub(super) fn end(mut self) -> Rebuilt {
        let resources = self.rebuilt.state.resources.iter();
        let alone = resources.filter(|(address, entry)| {
            self.from.graph.get(address).is_none() && entry.depends.is_empty()
        });
        let alone = alone.map(|(address, _)| address.clone()).collect();
        depends::infer(&mut self.rebuilt.state, &alone, &self.seen);
        self.rebuilt
    }
}

/// What was last applied, as far as can be told: what is wanted, or, where the cloud has it otherwise,
/// the cloud's side of it.
fn applied(desired: &Value, seen: &Value, traits: &Traits) -> Value {
    let found = Comparison::new(desired, None, seen, traits, &Sharing::default());
    if found.differences.is_empty() {
        return desired.clone();
    }
    let mut applied = common(desired, &found.without_kept(seen));
    for field in traits.create_only {
        if let (Some(fields), Some(value)) = (applied.as_object_mut(), desired.get(field)) {
            fields.insert((*field).into(), value.clone());
        }
    }
    applied
}

/// What was seen of the fields that are wanted.
fn common(desired: &Value, seen: &Value) -> Value {
    match (desired, seen) {
        (Value::Object(wanted), Value::Object(fields)) => {
            let both = wanted.iter().filter_map(|(field, value)| {
                Some((field.clone(), common(value, fields.get(field)?)))
            });
            Value::Object(both.collect::<Map<_, _>>())
        }
        (Value::Null, _) => Value::Null,
        (_, seen) => seen.clone(),
    }
}
