//! One tree from several: an environment's file over the files that it extends, and defaults for all that none of them says.

use serde_json::Value as Schema;

use super::complaint::Findings;
use super::node::{Entry, Node, Value};

/// Lays a file over its base: maps are merged, everything else is replaced, null removes. A null with nothing to remove
/// is probably a forgotten value, and gets a warning.
pub(crate) fn merge(base: Node, over: Node, findings: &mut Findings) -> Node {
    let (mut entries, changes) = match (base.value, over.value) {
        (Value::Map(entries), Value::Map(changes)) => (entries, changes),
        (_, Value::Map(changes)) => (Vec::new(), changes),
        (_, Value::List(items)) => {
            let nothing = |item: &Node| Node::default(item.site, Value::Null);
            let items = items.into_iter().map(|item| merge(nothing(&item), item, findings));
            return Node { value: Value::List(items.collect()), ..over };
        }
        (_, value) => return Node { value, ..over },
    };
    for change in changes {
        let index = entries.iter().position(|entry| entry.key == change.key);
        match (index, &change.node.value) {
            (Some(index), Value::Null) => {
                entries.remove(index);
            }
            (None, Value::Null) => {
                let message =
                    format!("`{}` is empty, and there is nothing that this removes", change.key);
                let help =
                    "give it a value, or remove the line: empty and `null` drop what a base says";
                findings.warning(change.site, message, help);
            }
            (Some(index), _) => {
                let nothing = Node::default(change.site, Value::Null);
                let base = std::mem::replace(&mut entries[index].node, nothing);
                entries[index].site = change.site;
                entries[index].node = merge(base, change.node, findings);
            }
            (None, _) => {
                let nothing = Node::default(change.site, Value::Null);
                entries.push(Entry { node: merge(nothing, change.node, findings), ..change });
            }
        }
    }
    Node { site: over.site, default: false, value: Value::Map(entries) }
}

/// Fills in the defaults that the schema knows and complains about what is required and not there.
pub(crate) fn complete(node: &mut Node, schema: &Schema, findings: &mut Findings) {
    let Some(schema) = map_form(schema) else {
        if let Value::List(items) = &mut node.value {
            for item in items {
                complete(item, &schema["items"], findings);
            }
        }
        return;
    };
    let site = node.site;
    let Value::Map(entries) = &mut node.value else { return };
    derived(entries, schema);
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        if entries.iter().any(|entry| &entry.key == key) {
            continue;
        }
        let required = schema["required"].as_array().into_iter().flatten().any(|name| name == key);
        let value = if required {
            let about = property["description"].as_str().map(|about| format!(". {about}"));
            let help = format!("add `{key}:`{}", about.unwrap_or_default());
            findings.error(site, format!("`{key}` is missing"), help);
            Value::Spoiled
        } else {
            let Some(default) = property.get("default") else { continue };
            from_json(default, site)
        };
        entries.push(Entry { key: key.clone(), site, node: Node::default(site, value) });
    }
    for entry in entries {
        let property = &schema["properties"][&entry.key];
        let inner = if property.is_null() { &schema["additionalProperties"] } else { property };
        complete(&mut entry.node, inner, findings);
    }
}

/// The defaults that follow from another value: `max` from `min`, and a Dockerfile's `context`.
fn derived(entries: &mut Vec<Entry>, schema: &Schema) {
    let mut follow = |from: &str, to: &str, value: Option<Value>| {
        let known = schema["properties"].get(to).is_some();
        if !known || entries.iter().any(|entry| entry.key == to) {
            return;
        }
        if let Some(entry) = entries.iter().find(|entry| entry.key == from) {
            let value = value.unwrap_or_else(|| entry.node.value.clone());
            let node = Node::default(entry.node.site, value);
            entries.push(Entry { key: to.to_owned(), site: node.site, node });
        }
    };
    follow("min", "max", None);
    follow("dockerfile", "context", Some(Value::Text(".".to_owned())));
}

fn map_form(schema: &Schema) -> Option<&Schema> {
    match ["anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array()) {
        Some(variants) => variants.iter().find_map(map_form),
        None => (schema.get("properties").is_some() || schema["additionalProperties"].is_object())
            .then_some(schema),
    }
}

fn from_json(json: &Schema, site: super::source::Site) -> Value {
    match json {
        Schema::Null => Value::Null,
        Schema::Bool(boolean) => Value::Boolean(*boolean),
        Schema::Number(number) => number.as_i64().map_or(Value::Null, Value::Integer),
        Schema::String(text) => Value::Text(text.clone()),
        Schema::Array(items) => Value::List(
            items.iter().map(|item| Node::default(site, from_json(item, site))).collect(),
        ),
        Schema::Object(members) => {
            let entry = |(key, value): (&String, &Schema)| Entry {
                key: key.clone(),
                site,
                node: Node::default(site, from_json(value, site)),
            };
            Value::Map(members.iter().map(entry).collect())
        }
    }
}
