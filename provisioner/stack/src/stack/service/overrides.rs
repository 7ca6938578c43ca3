//! The fields of AWS's own requests that an environment file lays over ours.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Ours with the user's laid over them; objects are merged, everything else is replaced.
pub(super) fn overridden(ours: Value, theirs: &BTreeMap<String, Value>) -> Map<String, Value> {
    let Value::Object(mut fields) = ours else { return Map::new() };
    for (key, value) in theirs {
        lay(fields.entry(key.clone()).or_insert(Value::Null), value);
    }
    fields
}

fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}
