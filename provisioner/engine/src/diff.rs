//! What differs between desired and seen, both as JSON.
//!
//! Only what the desired side says counts: a key that it leaves out (or sets to `null`) is the
//! cloud's business, and so is a value that the cloud reports as `null` ("not told"). A list must
//! have exactly the desired elements; elements that carry a `name`, `key` or `priority` are compared
//! by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::input;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `containers.api.environment[LOG_LEVEL].value`
    pub path: String,
    /// As seen; absent when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// As desired; absent when it must go. May hold outputs that are known only after apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

impl Difference {
    /// The desired side waits for another resource.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.to.as_ref().is_some_and(input::is_unknown)
    }

    /// The top-level field that it is in.
    #[must_use]
    pub fn field(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }
}

/// All differences. Top-level fields in `create_only` are left out; in those in `exact`, a key that is
/// seen and not desired counts too.
#[must_use]
pub fn diff(
    desired: &Value,
    seen: &Value,
    create_only: &[&str],
    exact: &[&str],
) -> Vec<Difference> {
    let mut found = Vec::new();
    if let Value::Object(fields) = desired {
        for (field, value) in
            fields.iter().filter(|(name, _)| !create_only.contains(&name.as_str()))
        {
            if exact.contains(&field.as_str()) {
                compare_exactly(value, seen.get(field), field, &mut found);
            } else {
                compare(value, seen.get(field), field.clone(), &mut found);
            }
        }
    }
    found
}

fn compare_exactly(
    desired: &Value,
    seen: Option<&Value>,
    field: &str,
    found: &mut Vec<Difference>,
) {
    let before = found.len();
    compare(desired, seen, field.into(), found);
    if found.len() == before && seen.is_some_and(|seen| seen != desired) {
        let (from, to) = (seen.cloned(), Some(desired.clone()));
        found.push(Difference { path: field.into(), from, to });
    }
}

fn compare(desired: &Value, seen: Option<&Value>, path: String, found: &mut Vec<Difference>) {
    if desired.is_null() || seen.is_some_and(Value::is_null) {
        return;
    }
    match (desired, seen) {
        _ if is_reference(desired) => {}
        (Value::Object(fields), Some(Value::Object(others))) => {
            for (field, value) in fields {
                compare(value, others.get(field), format!("{path}.{field}"), found);
            }
            return;
        }
        (Value::Array(items), Some(Value::Array(others))) => {
            if let (Some(items), Some(others)) = (by_key(items), by_key(others)) {
                compare_keyed(&items, &others, &path, found);
                return;
            }
            if items.len() == others.len() && !input::is_unknown(desired) {
                let inner = compare_listed(items, others, &path);
                if inner.is_empty() && in_order(items, others)
                    || items.iter().any(Value::is_object) && !inner.is_empty()
                {
                    found.extend(inner);
                    return;
                }
            }
        }
        (desired, Some(seen)) if same_scalar(desired, seen) => return,
        _ => {}
    }
    found.push(Difference { path, from: seen.cloned(), to: Some(desired.clone()) });
}

/// Two lists of one length whose elements have no names: what is in both, wherever it stands, is left
/// out, and the rest compared one by one.
fn compare_listed(items: &[Value], others: &[Value], path: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut rest: Vec<&Value> = others.iter().collect();
    let mut unlike: Vec<(usize, &Value)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match rest.iter().position(|other| is_as_desired(item, other)) {
            Some(same) => {
                rest.remove(same);
            }
            None => unlike.push((index, item)),
        }
    }
    for ((index, item), other) in unlike.into_iter().zip(rest) {
        compare(item, Some(other), format!("{path}[{index}]"), &mut found);
    }
    found
}

fn in_order(items: &[Value], others: &[Value]) -> bool {
    items.iter().zip(others).all(|(item, other)| is_as_desired(item, other))
}

fn is_as_desired(desired: &Value, seen: &Value) -> bool {
    let mut found = Vec::new();
    compare(desired, Some(seen), String::new(), &mut found);
    found.is_empty()
}

fn compare_keyed(
    items: &BTreeMap<String, &Value>,
    others: &BTreeMap<String, &Value>,
    path: &str,
    found: &mut Vec<Difference>,
) {
    for (key, item) in items {
        compare(item, others.get(key).copied(), format!("{path}[{key}]"), found);
    }
    for (key, other) in others.iter().filter(|(key, _)| !items.contains_key(*key)) {
        let path = format!("{path}[{key}]");
        found.push(Difference { path, from: Some((*other).clone()), to: None });
    }
}

/// The elements of a list by what names them; `None` when something has no name or two have the same.
fn by_key(items: &[Value]) -> Option<BTreeMap<String, &Value>> {
    let mut keyed = BTreeMap::new();
    for item in items {
        let fields = item.as_object()?;
        let key = ["name", "key", "priority"].iter().find_map(|key| fields.get(*key))?;
        let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        if keyed.insert(key, item).is_some() {
            return None;
        }
    }
    Some(keyed)
}

fn is_reference(value: &Value) -> bool {
    value.as_object().is_some_and(|map: &Map<_, _>| map.keys().any(|key| key.starts_with('$')))
}

fn same_scalar(desired: &Value, seen: &Value) -> bool {
    match (desired.as_f64(), seen.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON * one.abs().max(1.0),
        _ => desired == seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(desired: &Value, seen: &Value) -> Vec<String> {
        diff(desired, seen, &["initial"], &["policy"]).into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn only_what_is_desired_counts() {
        let seen = json!({"a": {"b": 1, "theirs": 2}, "more": 3});
        assert!(paths(&json!({"a": {"b": 1.0}, "initial": 7, "none": null}), &seen).is_empty());
        assert_eq!(paths(&json!({"a": {"b": 2}, "gone": 1}), &seen), ["a.b", "gone"]);
    }

    #[test]
    fn what_the_cloud_does_not_tell_is_no_difference() {
        assert!(paths(&json!({"address": "eipalloc-1"}), &json!({"address": null})).is_empty());
    }

    #[test]
    fn lists_are_closed_and_named_elements_are_compared_by_name() {
        let desired = json!({"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]});
        let seen = json!({"tags": [{"key": "b", "value": "3"}, {"key": "c", "value": "4"}]});
        let found = diff(&desired, &seen, &[], &[]);
        let shown: Vec<_> = found.iter().map(|d| (d.path.as_str(), d.to.is_some())).collect();
        assert_eq!(shown, [("tags[a]", true), ("tags[b].value", true), ("tags[c]", false)]);
        assert_eq!(paths(&json!({"s": ["a"]}), &json!({"s": ["a", "b"]})), ["s"]);
        assert_eq!(paths(&json!({"s": [{"x": 1}]}), &json!({"s": [{"x": 2, "y": 3}]})), ["s[0].x"]);
    }

    #[test]
    fn an_element_that_only_moved_is_no_difference_beside_others() {
        let desired = json!({"s": [{"x": 1, "y": 1}, {"x": 3}, {"x": 5}]});
        assert_eq!(
            paths(&desired, &json!({"s": [{"x": 3}, {"x": 4, "y": 1}, {"x": 5}]})),
            ["s[0].x"]
        );
        let moved = json!({"s": [{"x": 3}, {"x": 1, "y": 1}, {"x": 5}]});
        assert_eq!(paths(&desired, &moved), ["s"]);
    }

    #[test]
    fn what_is_exact_may_have_nothing_more() {
        let desired = json!({"policy": [{"Effect": "Allow"}]});
        let seen = json!({"policy": [{"Effect": "Allow", "Condition": {}}]});
        assert_eq!(paths(&desired, &seen), ["policy"]);
    }

    #[test]
    fn an_unknown_value_is_a_difference() {
        let found =
            diff(&json!({"vpc": {"$output": "vpc.main/id"}}), &json!({"vpc": "vpc-1"}), &[], &[]);
        assert!(found[0].is_unknown());
        let set = diff(&json!({"s": [{"$output": "a.b/id"}]}), &json!({"s": ["x"]}), &[], &[]);
        assert!(set[0].is_unknown());
    }
}
