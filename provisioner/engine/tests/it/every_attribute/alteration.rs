//! What somebody may do to a spec, attribute by attribute.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What the lists of a kind hold, by where they are.
pub(super) type Samples = BTreeMap<Vec<String>, Vec<Value>>;

/// Words of closed vocabularies: what else a field may hold that does not take any text.
const WORDS: [&str; 4] = ["egress", "ingress", "given", "redirect-to-https"];

/// Elements for lists that are empty everywhere.
fn elements() -> [Value; 2] {
    [json!("x"), json!({"name": "x", "document": {}})]
}

/// Something done to a spec.
pub(super) struct Alteration {
    /// The names on the way to the attribute, without indices.
    pub(super) path: Vec<String>,
    pub(super) what: &'static str,
    pub(super) altered: Value,
}

/// All alterations of one value in all its depths, each in the forms that may do for it, the likeliest
/// first. `whole` puts an altered value in its place.
pub(super) fn alterations(
    value: &Value,
    path: &[String],
    samples: &Samples,
    whole: &dyn Fn(Value) -> Value,
    found: &mut Vec<Vec<Alteration>>,
) {
    let alter = |what: &'static str, altered: Value| Alteration {
        path: path.to_vec(),
        what,
        altered: whole(altered),
    };
    match value {
        Value::Null => {}
        Value::Bool(yes) => found.push(vec![alter("other", json!(!yes))]),
        Value::Number(number) => {
            let next = number
                .as_i64()
                .map_or_else(|| json!(number.as_f64().unwrap() + 1.0), |number| json!(number + 1));
            found.push(vec![alter("other", next)]);
        }
        Value::String(text) => {
            let others = WORDS.iter().filter(|word| *word != text).map(|word| json!(word));
            let others = std::iter::once(json!(format!("{text}x"))).chain(others);
            found.push(others.map(|other| alter("other", other)).collect());
        }
        Value::Array(items) => {
            let mut new: Vec<Value> = items.iter().map(unlike).collect();
            new.extend(samples.get(path).cloned().unwrap_or_default());
            new.extend(elements());
            let with = |one: Value| Value::Array(items.iter().cloned().chain([one]).collect());
            found.push(new.into_iter().map(|one| alter("one more", with(one))).collect());
            for index in 0..items.len() {
                let replaced = |one: Option<Value>| {
                    let mut items = items.clone();
                    items.splice(index..=index, one);
                    whole(Value::Array(items))
                };
                found.push(vec![Alteration {
                    path: path.to_vec(),
                    what: "one less",
                    altered: replaced(None),
                }]);
                let whole = |one| replaced(Some(one));
                alterations(&items[index], path, samples, &whole, found);
            }
        }
        Value::Object(fields) => {
            let mut more = fields.clone();
            more.insert("Extra".into(), json!("x"));
            found.push(vec![alter("one key more", Value::Object(more))]);
            for (name, field) in fields {
                let path = [path, std::slice::from_ref(name)].concat();
                let mut less = fields.clone();
                less.remove(name);
                found.push(vec![Alteration {
                    path: path.clone(),
                    what: "absent",
                    altered: whole(Value::Object(less)),
                }]);
                let whole = |field| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), field);
                    whole(Value::Object(fields))
                };
                alterations(field, &path, samples, &whole, found);
            }
        }
    }
}

/// A copy in which every text and number is another.
fn unlike(value: &Value) -> Value {
    match value {
        Value::String(text) if WORDS.contains(&text.as_str()) => value.clone(),
        Value::String(text) => json!(format!("{text}x")),
        Value::Number(number) => number.as_i64().map_or(value.clone(), |number| json!(number + 1)),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), unlike(field))).collect()
        }
        Value::Array(items) => items.iter().map(unlike).collect(),
        other => other.clone(),
    }
}

/// The elements of all lists, by where they are: what a list of the same place may hold.
pub(super) fn sample(value: &Value, path: &[String], samples: &mut Samples) {
    match value {
        Value::Array(items) => {
            samples.entry(path.to_vec()).or_default().extend(items.iter().map(unlike));
            for item in items {
                sample(item, path, samples);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                sample(field, &[path, std::slice::from_ref(name)].concat(), samples);
            }
        }
        _ => {}
    }
}
