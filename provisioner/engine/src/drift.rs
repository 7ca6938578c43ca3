//! What somebody else has changed: the cloud compared with what was last applied.
//!
//! Not with the graph: an edit of the file that was not applied yet is no drift. And only what was
//! applied counts: a field that was left out belongs to the cloud or to another controller, and so does
//! what others have [added](crate::additions) where they may.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::clock::Clock;
use crate::diff::{Comparison, Difference, Sharing};
use crate::error::Result;
use crate::graph::Graph;
use crate::kind::{Kinds, Observed, Traits};
use crate::refresh::{Picture, refresh};
use crate::resource::{Id, Owner, Ready};
use crate::state::{Entry, State};

/// A resource that is not as we left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    pub address: Address,
    pub id: Id,
    /// At least one.
    pub findings: Vec<Finding>,
}

/// One thing that somebody else did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// It is not there any more.
    Deleted,
    /// It is on its way out.
    Leaving { why: String },
    /// Its tags do not say any more that it is ours; `now` is whose they say it is.
    Owner { now: Option<Owner> },
    /// `from` as applied, `to` as it is now; one of them is absent where an element was added to a
    /// closed set or taken out of it.
    Changed { path: String, from: Option<Value>, to: Option<Value> },
}

/// Looks at everything that the state knows by its id, and compares. Reads only. Resources of kinds
/// that the endpoint does not implement are left out.
pub async fn drift<C: Sync>(
    cloud: &C,
    kinds: &Kinds<C>,
    state: &State,
    sharing: &Sharing,
    clock: &Clock,
) -> Result<Vec<Drift>> {
    let picture = refresh(cloud, kinds, &Graph::new(), state, clock).await?;
    compare(kinds, state, &picture, sharing)
}

/// [`drift`], of a picture that is there already.
pub fn compare<C>(
    kinds: &Kinds<C>,
    state: &State,
    picture: &Picture,
    sharing: &Sharing,
) -> Result<Vec<Drift>> {
    let mut found = Vec::new();
    for (address, entry) in &state.resources {
        let Some(id) = &entry.id else { continue };
        if picture.not_emulated.contains_key(address) {
            continue;
        }
        let owner = state.op(address, "").owner;
        let findings = match picture.seen.get(address) {
            Some(seen) => findings(entry, seen, &owner, kinds.of(address)?.traits(), sharing),
            None => vec![Finding::Deleted],
        };
        if !findings.is_empty() {
            found.push(Drift { address: address.clone(), id: id.clone(), findings });
        }
    }
    Ok(found)
}

fn findings(
    entry: &Entry,
    seen: &Observed,
    owner: &Owner,
    traits: &Traits,
    sharing: &Sharing,
) -> Vec<Finding> {
    if let Ready::Leaving(why) = &seen.ready {
        return vec![Finding::Leaving { why: why.clone() }];
    }
    let mut found = Vec::new();
    let is_ours = traits.is_same(seen.owner.as_ref(), owner);
    if !is_ours {
        found.push(Finding::Owner { now: seen.owner.clone() });
    }
    let compared = Comparison::new(&entry.desired, Some(entry), &seen.spec, traits, sharing);
    for difference in compared.differences {
        // Said by the owner already.
        if is_ours || !is_of_owner(&difference) {
            found.extend(changes(difference));
        }
    }
    found
}

fn is_of_owner(difference: &Difference) -> bool {
    let tag = difference.path.strip_prefix("tags[").and_then(|rest| rest.split(']').next());
    tag.is_some_and(|key| Owner::TAGS.contains(&key))
}

/// A difference seen from the other side; of two lists each element that only one of them has.
fn changes(difference: Difference) -> Vec<Finding> {
    let Difference { path, from: now, to: applied } = difference;
    if let (Some(Value::Array(applied)), Some(Value::Array(now))) = (&applied, &now) {
        let gone = without(applied, now).into_iter().map(|one| (Some(one), None));
        let new = without(now, applied).into_iter().map(|one| (None, Some(one)));
        let elements: Vec<Finding> = gone
            .chain(new)
            .map(|(from, to)| Finding::Changed { path: path.clone(), from, to })
            .collect();
        // Both have the same ones, in another order.
        if !elements.is_empty() {
            return elements;
        }
    }
    vec![Finding::Changed { path, from: applied, to: now }]
}

/// The elements of a list but for those of another, each as often as it is there.
fn without(list: &[Value], other: &[Value]) -> Vec<Value> {
    let mut other: Vec<&Value> = other.iter().collect();
    let is_only_here = |one: &&Value| match other.iter().position(|known| known == one) {
        Some(index) => {
            other.swap_remove(index);
            false
        }
        None => true,
    };
    list.iter().filter(is_only_here).cloned().collect()
}
