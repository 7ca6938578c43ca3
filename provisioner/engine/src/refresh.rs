//! Looks at everything that the state and the graph speak of: one call per kind, all kinds at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde_json::Value;

use crate::address::Address;
use crate::clock::{Clock, patient};
use crate::diff::{Comparison, Sharing};
use crate::error::{Class, Error, Result};
use crate::graph::Graph;
use crate::input;
use crate::kind::{Kind, Kinds, Look, Observed};
use crate::resource::{Id, Op, Owner};
use crate::state::{Entry, State};

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    pub seen: BTreeMap<Address, Observed>,
    /// Resources of kinds that the endpoint does not implement, and why.
    pub not_emulated: BTreeMap<Address, String>,
    /// Found by name, and somebody else's.
    pub foreign: BTreeMap<Address, Observed>,
}

/// Looks. The graph may be empty (`destroy`). Reads only.
pub async fn refresh<C: Sync>(
    cloud: &C,
    kinds: &Kinds<C>,
    graph: &Graph,
    state: &State,
    clock: &Clock,
) -> Result<Picture> {
    let mut addresses: BTreeMap<&str, BTreeSet<&Address>> = BTreeMap::new();
    for address in state.resources.keys().chain(graph.iter().map(|(address, _)| address)) {
        addresses.entry(address.kind()).or_default().insert(address);
    }
    let looks = addresses.iter().map(|(kind, addresses)| async {
        let kind = kinds.get(kind)?;
        let look = KindLook { cloud, kind, graph, state, clock };
        match look.all(addresses).await {
            Err(error) if error.is(Class::NotEmulated) => {
                let not_emulated = addresses.iter().map(|a| ((*a).clone(), error.to_string()));
                Ok(Picture { not_emulated: not_emulated.collect(), ..Picture::default() })
            }
            other => other,
        }
    });
    let mut whole = Picture::default();
    for part in try_join_all(looks).await? {
        whole.seen.extend(part.seen);
        whole.not_emulated.extend(part.not_emulated);
        whole.foreign.extend(part.foreign);
    }
    Ok(whole)
}

struct KindLook<'a, C> {
    cloud: &'a C,
    kind: &'a dyn Kind<C>,
    graph: &'a Graph,
    state: &'a State,
    clock: &'a Clock,
}

impl<C: Sync> KindLook<'_, C> {
    async fn all(&self, addresses: &BTreeSet<&Address>) -> Result<Picture> {
        let mut picture = Picture::default();
        let ids: BTreeMap<&Id, &Address> =
            addresses.iter().filter_map(|a| Some((self.entry(a)?.id.as_ref()?, *a))).collect();
        if !ids.is_empty() {
            let wanted: Vec<Id> = ids.keys().map(|id| (*id).clone()).collect();
            for seen in self.by_id(&wanted).await? {
                if let Some(address) = ids.get(&seen.id) {
                    picture.seen.insert((*address).clone(), seen);
                }
            }
            if self.kind.traits().indexed && wanted.len() > 1 {
                self.once_more(&mut picture).await?;
            }
        }
        for address in missing(addresses, &picture) {
            let Some(entry) = self.entry(address) else { continue };
            let Some(intent) = &entry.intent else { continue };
            let op = self.state.op(address, &intent.op);
            let ours = lost(self.cloud, self.kind, &entry.desired, &op, self.clock).await?;
            picture.seen.extend(ours.map(|seen| (address.clone(), seen)));
        }
        self.by_name(addresses, &mut picture).await?;
        if ids.is_empty() && picture.seen.is_empty() {
            self.is_emulated().await?;
        }
        Ok(picture)
    }

    async fn by_id(&self, ids: &[Id]) -> Result<Vec<Observed>> {
        patient(self.clock, || self.kind.observe(self.cloud, Look::Ids(ids))).await
    }

    /// What does not look as it was last made is looked at alone: the index that answered for all of them
    /// may be behind.
    async fn once_more(&self, picture: &mut Picture) -> Result<()> {
        let traits = self.kind.traits();
        let is_doubtful = |address: &Address, seen: &Observed| {
            self.entry(address).is_some_and(|entry| {
                let sharing = Sharing::default();
                let found =
                    Comparison::new(&entry.desired, Some(entry), &seen.spec, traits, &sharing);
                !found.differences.is_empty() || !found.additions.is_empty()
            })
        };
        let doubtful = picture.seen.iter().filter(|(address, seen)| is_doubtful(address, seen));
        let looks = doubtful.map(async |(address, seen)| {
            let alone = self.by_id(std::slice::from_ref(&seen.id)).await?;
            Ok::<_, Error>((address.clone(), alone.into_iter().next()))
        });
        for (address, now) in try_join_all(looks).await? {
            picture.seen.remove(&address);
            picture.seen.extend(now.map(|now| (address, now)));
        }
        Ok(())
    }

    /// A kind of which an environment that exists has nothing may be one that the endpoint does not
    /// implement: that is known before a call that changes anything.
    async fn is_emulated(&self) -> Result<()> {
        if self.state.resources.values().any(|entry| entry.id.is_some()) {
            let owner = self.state.owner();
            patient(self.clock, || self.kind.observe(self.cloud, Look::Ours(&owner))).await?;
        }
        Ok(())
    }

    /// Kinds that may be there without the state's knowledge are looked up by name.
    async fn by_name(&self, addresses: &BTreeSet<&Address>, picture: &mut Picture) -> Result<()> {
        if !self.kind.traits().looked_up {
            return Ok(());
        }
        for address in missing(addresses, picture) {
            let Some(desired) = self.graph.get(address) else { continue };
            let named: [Value; 1] = [desired.spec.clone()];
            if input::is_unknown(&named[0]) {
                continue;
            }
            let found =
                patient(self.clock, || self.kind.observe(self.cloud, Look::Named(&named))).await?;
            let owner = Owner { resource: address.to_string(), ..self.state.owner() };
            for seen in found {
                if seen.owner.as_ref().is_some_and(|other| other.same_resource(&owner)) {
                    picture.seen.insert(address.clone(), seen);
                } else {
                    picture.foreign.insert(address.clone(), seen);
                }
            }
        }
        Ok(())
    }

    fn entry(&self, address: &Address) -> Option<&Entry> {
        self.state.resources.get(address)
    }
}

fn missing<'a>(addresses: &BTreeSet<&'a Address>, picture: &Picture) -> Vec<&'a Address> {
    addresses.iter().filter(|address| !picture.seen.contains_key(**address)).copied().collect()
}

/// What a creation whose answer was lost has made, if it is visible yet.
pub(crate) async fn lost<C: Sync>(
    cloud: &C,
    kind: &dyn Kind<C>,
    desired: &Value,
    op: &Op,
    clock: &Clock,
) -> Result<Option<Observed>> {
    let found = patient(clock, || kind.observe(cloud, Look::Lost(desired, op))).await?;
    Ok(found.into_iter().find(|seen| kind.traits().is_same(seen.owner.as_ref(), &op.owner)))
}

/// Whether one that is known by its id may still be taken for ours: nobody else's tags are on it.
pub(crate) fn owned_by(owner: Option<&Owner>, expected: &Owner) -> bool {
    owner.is_none_or(|owner| owner.same_resource(expected))
}
