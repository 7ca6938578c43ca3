//! The priorities of a listener's rules. Somebody else may have taken some: ours go around them, and stay where they went.

use std::collections::BTreeSet;

use engine::refresh::Picture;
use engine::state::State;
use engine::{Graph, Resource, input};
use kinds::ListenerRules;
use serde_json::Value;
use stack::environment::Environment;

use crate::failure::{Code, Failure};

/// The state's name for the priorities that ours went around. They are gone around for good: a rule of ours does not
/// move because a rule of somebody else goes.
pub(crate) const AVOIDED: &str = "avoided-priorities";

/// The priorities that rules of others have.
pub(crate) fn taken(graph: &Graph, state: &State, picture: &Picture) -> BTreeSet<u32> {
    let lookup = |of: &engine::Address, field: &str| {
        picture.seen.get(of)?.outputs.get(field)?.as_str().map(str::to_owned)
    };
    let mut taken = BTreeSet::new();
    for (address, desired) in graph.iter().filter(|(at, _)| at.kind() == ListenerRules::KIND) {
        let Some(seen) = picture.seen.get(address) else { continue };
        let wanted = input::resolve(&desired.spec, &lookup);
        let applied = state.resources.get(address).map(|entry| &entry.desired);
        let ours: BTreeSet<u32> =
            applied.into_iter().flat_map(rules).filter_map(priority).collect();
        let others = rules(&seen.spec).filter(|rule| {
            let is_known = priority(rule).is_some_and(|priority| ours.contains(&priority));
            !is_known && !rules(&wanted).any(|one| is_same(one, rule))
        });
        taken.extend(others.filter_map(priority));
    }
    taken
}

/// Refuses a priority that the file gives to a route while a rule of somebody else has it.
pub(crate) fn require_free(
    environment: &Environment,
    taken: &BTreeSet<u32>,
) -> Result<(), Failure> {
    for (name, service) in &environment.services {
        let said = service.route.as_ref().and_then(|route| route.priority).map(u32::from);
        if let Some(priority) = said.filter(|priority| taken.contains(priority)) {
            let message = format!(
                "the priority {priority} of the route of {name} is taken by a rule that somebody \
                 else added to the listener"
            );
            return Err(Failure::new(Code::Refused, message).hint(format!(
                "give the route another `priority`, or remove the rule: provisioner drift --env {} \
                 --revert",
                environment.name
            )));
        }
    }
    Ok(())
}

fn rules(set: &Value) -> impl Iterator<Item = &Value> {
    set["rules"].as_array().into_iter().flatten()
}

fn priority(rule: &Value) -> Option<u32> {
    rule["priority"].as_u64()?.try_into().ok()
}

/// Whether two rules send the same requests to the same place, at whatever priority.
fn is_same(one: &Value, other: &Value) -> bool {
    ["paths", "hosts", "target_group"].iter().all(|field| one[*field] == other[*field])
}
