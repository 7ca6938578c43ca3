//! What others have added to our resources: tags, routes, rules. It stays where it is, unless it is taken out on
//! request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::clock::{Clock, patient};
use crate::diff::{Addition, Comparison, Sharing};
use crate::error::{Error, Result};
use crate::kind::Kinds;
use crate::refresh::Picture;
use crate::resource::{Id, Ready};
use crate::state::State;

/// What others have added to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Added {
    pub address: Address,
    pub id: Id,
    /// At least one.
    pub additions: Vec<Addition>,
}

/// Everything that others have added, as far as they may.
pub fn additions<C>(
    kinds: &Kinds<C>,
    state: &State,
    picture: &Picture,
    sharing: &Sharing,
) -> Result<Vec<Added>> {
    let mut found = Vec::new();
    for (address, entry) in &state.resources {
        let Some(seen) = picture.seen.get(address) else { continue };
        let traits = kinds.of(address)?.traits();
        let whole = Comparison::new(&entry.desired, Some(entry), &seen.spec, traits, sharing);
        if !whole.additions.is_empty() {
            let (address, id) = (address.clone(), seen.id.clone());
            found.push(Added { address, id, additions: whole.additions });
        }
    }
    Ok(found)
}

/// Takes out what others have added to one resource, and leaves all else as it was seen.
pub async fn take_out<C: Sync>(
    cloud: &C,
    kinds: &Kinds<C>,
    picture: &Picture,
    added: &Added,
    clock: &Clock,
) -> Result<()> {
    let seen = picture.seen.get(&added.address);
    let mut seen = seen.ok_or_else(|| Error::other(format!("{} is gone", added.address)))?.clone();
    // A failed deployment of a service is not tried again for this.
    seen.ready = Ready::Yes;
    let mut without = seen.spec.clone();
    for addition in &added.additions {
        if let Some(Value::Array(elements)) = without.get_mut(addition.field()) {
            elements.retain(|one| *one != addition.value);
        }
    }
    let kind = kinds.of(&added.address)?;
    patient(clock, || kind.update(cloud, &without, &seen)).await.map(drop)
}
