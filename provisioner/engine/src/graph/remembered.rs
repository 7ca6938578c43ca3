//! What was last applied, as a graph again: for building it where other ids are given.

use serde_json::Value;

use super::{Desired, Graph};
use crate::address::Address;
use crate::input::Input;
use crate::state::State;

/// Shorter values mean too little to be taken for another resource's output.
const SHORTEST: usize = 4;

impl Graph {
    /// The resources that a state remembers. Values that came from other resources are references to
    /// their outputs again.
    #[must_use]
    pub fn remembered(state: &State) -> Self {
        let known = state.resources.iter().filter(|(_, entry)| !entry.desired.is_null());
        let nodes = known.map(|(address, entry)| {
            let needed = entry.depends.iter().filter(|needed| state.resources.contains_key(needed));
            let depends: std::collections::BTreeSet<Address> = needed.cloned().collect();
            let spec = referring(&entry.desired, &outputs(state, depends.iter()));
            (address.clone(), Desired { spec, depends })
        });
        Self { nodes: nodes.collect() }
    }
}

/// The outputs of these, the longest values first: an ARN ends with a name. A name that we chose is the same
/// everywhere, and may stand where no reference can.
fn outputs<'a>(state: &State, of: impl Iterator<Item = &'a Address>) -> Vec<(String, Input)> {
    let mut found = Vec::new();
    for address in of {
        let Some(entry) = state.resources.get(address) else { continue };
        for (field, value) in &entry.outputs {
            let given = |value: &&str| value.len() >= SHORTEST && !contains(&entry.desired, value);
            let Some(value) = value.as_str().filter(given) else { continue };
            let input = Input::Output { of: address.clone(), field: field.clone() };
            found.push((value.to_owned(), input));
        }
    }
    found.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    found
}

/// Whether a text is one of a value's own.
fn contains(value: &Value, text: &str) -> bool {
    match value {
        Value::Object(map) => map.values().any(|inner| contains(inner, text)),
        Value::Array(items) => items.iter().any(|inner| contains(inner, text)),
        Value::String(own) => own == text,
        _ => false,
    }
}

fn referring(value: &Value, outputs: &[(String, Input)]) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| (name.clone(), referring(value, outputs)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().map(|item| referring(item, outputs)).collect(),
        Value::String(text) => {
            let mut parts = parts(text, outputs);
            let input = if parts.len() == 1 { parts.remove(0) } else { Input::join(parts) };
            serde_json::to_value(input).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}

/// A text in parts: outputs, and what stands between them.
fn parts(text: &str, outputs: &[(String, Input)]) -> Vec<Input> {
    for (n, (value, input)) in outputs.iter().enumerate() {
        if text == value {
            return vec![input.clone()];
        }
        if let Some((before, after)) = text.split_once(value.as_str()) {
            let mut all = parts(before, &outputs[n + 1..]);
            all.push(input.clone());
            all.extend(parts(after, &outputs[n..]));
            return all;
        }
    }
    if text.is_empty() { Vec::new() } else { vec![text.into()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::resolve;
    use crate::state::Entry;
    use serde_json::json;

    fn state() -> State {
        let mut state = State::new("shop", "prod");
        let mut add = |address: &str, desired: Value, outputs: Value, depends: &[&str]| {
            let outputs = outputs.as_object().unwrap().clone();
            let depends = depends.iter().map(|one| Address::from(*one)).collect();
            let entry = Entry { desired, outputs, depends, ..Entry::default() };
            state.resources.insert(address.into(), entry);
        };
        add("vpc.main", json!({"cidr": "10.0.0.0/16"}), json!({"id": "vpc-1"}), &[]);
        let arn = "arn:aws:logs:us-east-1:1:log-group:/shop/prod";
        let outputs = json!({"arn": arn, "name": "/shop/prod"});
        add("log-group.api", json!({"name": "/shop/prod"}), outputs, &[]);
        let desired = json!({
            "vpc": "vpc-1",
            "policy": {"resources": [format!("{arn}:*"), "/shop/prod", "vpc-10"]},
            "port": 8000,
        });
        add("service.api", desired, json!({}), &["vpc.main", "log-group.api", "role.gone"]);
        state
    }

    #[test]
    fn ids_become_references_and_resolve_to_those_of_another_cloud() {
        let graph = Graph::remembered(&state());
        assert_eq!(graph.order().unwrap().len(), 3);
        let service = graph.get(&"service.api".into()).unwrap();
        assert_eq!(service.spec["vpc"], json!({"$output": "vpc.main/id"}));
        let elsewhere = resolve(&service.spec, &|of, field| Some(format!("{of}!{field}")));
        let wanted = json!(["log-group.api!arn:*", "/shop/prod", "vpc.main!id0"]);
        assert_eq!(elsewhere["policy"]["resources"], wanted);
        assert_eq!(elsewhere["port"], 8000);
    }

    #[test]
    fn in_the_same_cloud_all_of_it_is_as_before() {
        let state = state();
        for (address, node) in Graph::remembered(&state).iter() {
            let same = resolve(&node.spec, &|of, field| {
                Some(state.resources[of].outputs[field].as_str()?.to_owned())
            });
            assert_eq!(same, state.resources[address].desired, "{address}");
        }
    }
}
