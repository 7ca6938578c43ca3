//! Makes a state again from what is in the cloud, when the stored one is gone or cannot be trusted.
//!
//! The tags of a resource say which one of the environment it is. What has no tags is found by the
//! place that the graph gives it. Where several carry the tags of one resource, the one that the others
//! use is the current one; where nothing tells, that is reported and none of them is taken.

mod choose;
mod depends;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::address::Address;
use crate::clock::Clock;
use crate::clock::patient;
use crate::error::{Class, Result};
use crate::graph::Graph;
use crate::kind::{Kinds, Look, Observed};
use crate::resource::{Id, Owner, Ready};
use crate::state::{Entry, State};
use place::Places;

/// What carries an environment's tags, or, where a kind has none, its names.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// By kind.
    seen: BTreeMap<String, Vec<Observed>>,
    /// Kinds that the endpoint does not implement, and why.
    pub not_emulated: BTreeMap<String, String>,
}

impl Findings {
    /// Everything of one kind.
    #[must_use]
    pub fn of(&self, kind: &str) -> &[Observed] {
        self.seen.get(kind).map_or(&[], Vec::as_slice)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.values().all(Vec::is_empty)
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Observed)> {
        self.seen.iter().flat_map(|(kind, seen)| seen.iter().map(move |one| (kind.as_str(), one)))
    }
}

/// Looks for everything that is the owner's and not on its way out: one listing per kind. Reads only.
/// The graph is not needed yet, so that facts which it needs (the zones of the subnets, what the
/// services run) can be read from what is found.
pub async fn find<C: Sync>(
    cloud: &C,
    kinds: &Kinds<C>,
    owner: &Owner,
    clock: &Clock,
) -> Result<Findings> {
    let looks = kinds.iter().map(|kind| async {
        let name = kind.traits().kind;
        (name, patient(clock, || kind.observe(cloud, Look::Ours(owner))).await)
    });
    let mut findings = Findings::default();
    for (kind, seen) in join_all(looks).await {
        match seen {
            Err(error) if error.is(Class::NotEmulated) => {
                findings.not_emulated.insert(kind.into(), error.to_string());
            }
            seen => {
                let stays = |seen: &Observed| !matches!(seen.ready, Ready::Leaving(_));
                findings.seen.insert(kind.into(), seen?.into_iter().filter(stays).collect());
            }
        }
    }
    Ok(findings)
}

/// A state that was made again, and what is left to say about it.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// Not stored yet.
    pub state: State,
    /// Several carry the tags of one resource, and nothing tells which one is current. None of them is
    /// in the state, so the next run would make one more: all but one have to be deleted, or to lose
    /// their tags, before the state is used.
    pub ambiguous: BTreeMap<Address, Vec<Observed>>,
    /// By kind, what carries the environment's tags and names no resource of that kind.
    pub unclaimed: Vec<(String, Observed)>,
    /// What bears a name that the graph wants and is not ours.
    pub foreign: BTreeMap<Address, Observed>,
    /// In the graph, and not found.
    pub missing: BTreeSet<Address>,
    /// What the last copy has otherwise; empty without one.
    pub changes: Vec<Change>,
}

/// A resource that the last copy of the state knows under another id, or only one of both knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub address: Address,
    pub was: Option<Id>,
    pub is: Option<Id>,
}

/// What a state is made from, beside the findings.
pub struct Sources<'a, C> {
    pub cloud: &'a C,
    pub kinds: &'a Kinds<C>,
    pub graph: &'a Graph,
    pub owner: &'a Owner,
    /// A copy of the state, however old: its facts and its lineage are kept, and the creations that it
    /// knows to be begun.
    pub last: Option<&'a State>,
    pub clock: &'a Clock,
}

/// Makes the state. Reads only, by name and by place, for what the findings lack.
///
/// Without a copy, what was last applied is taken to be what the graph wants as far as the cloud has
/// it, so that nothing of it counts as drift.
pub async fn rebuild<C: Sync>(from: &Sources<'_, C>, findings: &Findings) -> Result<Rebuilt> {
    let mut places = Places::new(from, findings);
    for address in from.graph.order()? {
        places.desired(address).await?;
    }
    places.others();
    let mut rebuilt = places.end();
    let wanted = from.graph.iter().map(|(address, _)| address);
    let wanted = wanted.filter(|address| !findings.not_emulated.contains_key(address.kind()));
    rebuilt.missing = wanted.filter(|address| !rebuilt.knows(address)).cloned().collect();
    if let Some(last) = from.last {
        rebuilt.compare(last);
    }
    Ok(rebuilt)
}

impl Rebuilt {
    fn knows(&self, address: &Address) -> bool {
        self.state.resources.contains_key(address) || self.ambiguous.contains_key(address)
    }

    fn compare(&mut self, last: &State) {
        let id = |state: &State, address: &Address| state.resources.get(address)?.id.clone();
        let addresses: BTreeSet<&Address> =
            last.resources.keys().chain(self.state.resources.keys()).collect();
        let changes = addresses.into_iter().map(|address| Change {
            address: address.clone(),
            was: id(last, address),
            is: id(&self.state, address),
        });
        self.changes = changes.filter(|change| change.was != change.is).collect();
        for (address, entry) in &last.resources {
            if entry.intent.is_some() && !self.knows(address) {
                let begun = Entry { id: None, older: Vec::new(), ..entry.clone() };
                self.state.resources.insert(address.clone(), begun);
            }
        }
    }
}
