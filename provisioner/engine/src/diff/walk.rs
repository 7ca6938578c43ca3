//! The comparison of two values, down to the last key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Comparison, Difference, Reset, keys_gone};
use crate::input;

/// A comparison while it goes on. Paths are lists of keys; an element's key is appended in brackets to the
/// key of its list.
pub(super) struct Walk {
    pub(super) reset: fn(&str) -> Reset,
    pub(super) found: Comparison,
}

impl Walk {
    pub(super) fn push(&mut self, path: &[String], from: Option<&Value>, to: Option<&Value>) {
        let (from, to) = (from.cloned(), to.cloned());
        self.found.differences.push(Difference { path: path.join("."), from, to });
    }

    pub(super) fn compare_exactly(&mut self, desired: &Value, seen: Option<&Value>, field: &str) {
        let before = self.found.differences.len();
        self.compare(desired, None, seen, &[field.into()]);
        if self.found.differences.len() == before && seen.is_some_and(|seen| seen != desired) {
            self.push(&[field.into()], seen, Some(desired));
        }
    }

    /// Notes that something must go, if it is still there.
    pub(super) fn remove(&mut self, seen: Option<&Value>, path: &[String]) {
        let Some(now) = seen.filter(|seen| !is_nothing(seen)) else { return };
        match (self.reset)(&path.join(".")) {
            Reset::Leave => return,
            Reset::Omit => {}
            Reset::Refuse(why) => self.found.refused.push((path.join("."), why)),
            Reset::Send(nothing) if is_as_desired(&nothing, None, now) => return,
            Reset::Send(nothing) => self.found.resets.push((path.to_vec(), nothing)),
        }
        self.push(path, seen, None);
    }

    pub(super) fn compare(
        &mut self,
        desired: &Value,
        applied: Option<&Value>,
        seen: Option<&Value>,
        path: &[String],
    ) {
        if desired.is_null() || seen.is_some_and(Value::is_null) {
            return;
        }
        match (desired, seen) {
            _ if is_reference(desired) => {}
            (Value::Object(fields), Some(Value::Object(others))) => {
                for (field, value) in fields {
                    let was = applied.and_then(|applied| applied.get(field));
                    self.compare(value, was, others.get(field), &longer(path, field));
                }
                for field in keys_gone(desired, applied) {
                    self.remove(others.get(field), &longer(path, field));
                }
                return;
            }
            (Value::Array(items), Some(Value::Array(others))) => {
                let was = applied.and_then(Value::as_array);
                if let (Some(items), Some(others)) = (by_key(items), by_key(others)) {
                    let was = was.and_then(|was| by_key(was)).unwrap_or_default();
                    self.compare_keyed(&items, &was, &others, path);
                    return;
                }
                if items.len() == others.len() && !input::is_unknown(desired) {
                    let was = was.filter(|was| was.len() == items.len());
                    let was = was.map(Vec::as_slice).unwrap_or_default();
                    let inner = self.compare_listed(items, was, others, path);
                    let differs = !inner.differences.is_empty();
                    if !differs && in_order(items, was, others)
                        || items.iter().any(Value::is_object) && differs
                    {
                        self.found.differences.extend(inner.differences);
                        self.found.refused.extend(inner.refused);
                        return;
                    }
                }
            }
            (desired, Some(seen)) if same_scalar(desired, seen) => return,
            _ => {}
        }
        self.push(path, seen, Some(desired));
    }

    /// Two lists of one length whose elements have no names: what is in both, wherever it stands, is left
    /// out, and the rest compared one by one.
    fn compare_listed(
        &self,
        items: &[Value],
        applied: &[Value],
        others: &[Value],
        path: &[String],
    ) -> Comparison {
        let mut inner = Self { reset: self.reset, found: Comparison::default() };
        let mut rest: Vec<&Value> = others.iter().collect();
        let mut unlike: Vec<(usize, &Value)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match rest.iter().position(|other| is_as_desired(item, applied.get(index), other)) {
                Some(same) => {
                    rest.remove(same);
                }
                None => unlike.push((index, item)),
            }
        }
        for ((index, item), other) in unlike.into_iter().zip(rest) {
            let path = element(path, &index.to_string());
            inner.compare(item, applied.get(index), Some(other), &path);
        }
        inner.found
    }

    fn compare_keyed(
        &mut self,
        items: &BTreeMap<String, &Value>,
        applied: &BTreeMap<String, &Value>,
        others: &BTreeMap<String, &Value>,
        path: &[String],
    ) {
        for (key, item) in items {
            let (was, now) = (applied.get(key).copied(), others.get(key).copied());
            self.compare(item, was, now, &element(path, key));
        }
        for (key, other) in others.iter().filter(|(key, _)| !items.contains_key(*key)) {
            self.push(&element(path, key), Some(other), None);
        }
    }
}

fn longer(path: &[String], key: &str) -> Vec<String> {
    [path, &[key.to_owned()]].concat()
}

/// The path of a list's element.
pub(super) fn element(path: &[String], key: &str) -> Vec<String> {
    let mut path = path.to_vec();
    if let Some(list) = path.last_mut() {
        *list = format!("{list}[{key}]");
    }
    path
}

fn in_order(items: &[Value], applied: &[Value], others: &[Value]) -> bool {
    let mut pairs = items.iter().zip(others).enumerate();
    pairs.all(|(index, (item, other))| is_as_desired(item, applied.get(index), other))
}

fn is_as_desired(desired: &Value, applied: Option<&Value>, seen: &Value) -> bool {
    let mut walk = Walk { reset: |_| Reset::Omit, found: Comparison::default() };
    walk.compare(desired, applied, Some(seen), &[]);
    walk.found.differences.is_empty()
}

/// A value that says as much as an absent one.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
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
