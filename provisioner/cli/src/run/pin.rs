//! A service that was taken back to an earlier release stands as it was then, until its part of the
//! environment file changes: so a `plan` after a rollback is empty, and an edit still counts.

use std::collections::BTreeMap;

use engine::state::State;
use kinds::TaskDefinition;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stack::Environment;

/// What is kept in the state for such a service.
#[derive(Serialize, Deserialize)]
struct Pin {
    /// The service's part of the file when it was taken back.
    config: Value,
    definition: Value,
}

fn fact(service: &str) -> String {
    format!("pinned.{service}")
}

/// A service's part of the environment file.
pub(crate) fn config(environment: &Environment, service: &str) -> Value {
    let service = environment.services.get(service);
    service.and_then(|service| serde_json::to_value(service).ok()).unwrap_or_default()
}

/// The task definitions that stand, by service.
pub(crate) fn pinned(environment: &Environment, state: &State) -> BTreeMap<String, TaskDefinition> {
    let names = environment.services.keys();
    names
        .filter_map(|name| {
            let pin: Pin = state.fact(&fact(name))?;
            let same = pin.config == config(environment, name);
            let definition = serde_json::from_value(pin.definition).ok()?;
            same.then(|| (name.clone(), definition))
        })
        .collect()
}

/// Makes this definition stand, or (`None`) none.
pub(crate) fn pin(
    environment: &Environment,
    state: &mut State,
    service: &str,
    definition: Option<Value>,
) {
    let pin = definition.map(|definition| Pin { config: config(environment, service), definition });
    match pin.and_then(|pin| serde_json::to_value(pin).ok()) {
        Some(value) => state.facts.insert(fact(service), value),
        None => state.facts.remove(&fact(service)),
    };
}
