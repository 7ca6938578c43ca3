//! What must outlive what, where neither the graph nor a copy of the state says it: a resource depends
//! on what it refers to.

use std::collections::{BTreeMap, BTreeSet};

use super::choose::{names, refers_to};
use crate::address::Address;
use crate::kind::Observed;
use crate::state::State;

/// Adds the dependencies of `addresses`, by what was seen of each resource.
pub(super) fn infer(
    state: &mut State,
    addresses: &BTreeSet<Address>,
    seen: &BTreeMap<Address, Observed>,
) {
    for address in addresses {
        let Some(spec) = seen.get(address).map(|seen| &seen.spec) else { continue };
        for (other, found) in seen.iter().filter(|(other, _)| *other != address) {
            // A name may happen to be another's: nothing waits for itself because of that.
            if refers_to(spec, &names(found)) && !depends(state, other, address) {
                let entry = state.resources.entry(address.clone()).or_default();
                entry.depends.insert(other.clone());
            }
        }
    }
}

/// Whether `one` depends on `other`, directly or not.
fn depends(state: &State, one: &Address, other: &Address) -> bool {
    let mut known = BTreeSet::from([one]);
    let mut open = vec![one];
    while let Some(address) = open.pop() {
        if address == other {
            return true;
        }
        let needed = state.resources.get(address).into_iter().flat_map(|entry| &entry.depends);
        open.extend(needed.filter(|needed| known.insert(needed)));
    }
    false
}
