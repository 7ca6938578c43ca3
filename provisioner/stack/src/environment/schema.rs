//! The JSON Schema of an environment file, from the types: for editors, and for our own check of a file's shape.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::types::Environment;

/// The schema of one file. Nothing is required, since `extends` may bring it, and null takes away what `extends` brought.
///
/// It is printed by the tool and kept as `environments/schema.json`, where editors find it.
#[must_use]
pub fn schema() -> Value {
    of_file().clone()
}

/// The schema of one file, made once.
pub(crate) fn of_file() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(make);
    &SCHEMA
}

/// The schema of a whole environment, after merging: with what is required, and long forms only.
pub(crate) fn complete() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let settings =
            SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<Environment>().to_value()
    });
    &SCHEMA
}

fn make() -> Value {
    let mut schema = complete().clone();
    as_file(&mut schema, true);
    schema["title"] = json!("Environment");
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.insert(
            "extends".to_owned(),
            json!({
                "type": "string",
                "description": "The file in the same folder that this one changes: maps are merged, everything else is replaced, null removes.",
                "pattern": "^[A-Za-z0-9_-]+\\.yaml$",
            }),
        );
    }
    schema
}

/// Turns the schema of a whole environment into that of one file.
fn as_file(schema: &mut Value, root: bool) {
    short_forms(schema);
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("required");
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            as_file(property, false);
            nullable(property);
        }
    }
    for key in ["additionalProperties", "items"] {
        if let Some(inner) = object.get_mut(key).filter(|inner| inner.is_object()) {
            as_file(inner, false);
            if key == "additionalProperties" {
                nullable(inner);
            }
        }
    }
    for key in ["anyOf", "oneOf"] {
        for inner in object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            as_file(inner, false);
        }
    }
    if root {
        object.remove("$schema");
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    }
}

/// Lets null stand for a property: it takes away what `extends` brought.
fn nullable(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    let null = json!({ "type": "null" });
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(variants)) = object.get_mut(key) {
            if !variants.contains(&null) {
                variants.push(null);
            }
            return;
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match object.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&json!("null")) => types.push(json!("null")),
        Some(kind @ Value::String(_)) => *kind = json!([kind, "null"]),
        _ => {}
    }
}

/// Adds the short forms that a service's map knows, see `short.rs`.
fn short_forms(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(replicas) = properties.get_mut("replicas") {
        let number = replicas["properties"]["min"].clone();
        either(replicas, number);
    }
    if let Some(host) =
        properties.get_mut("route").and_then(|one| one.pointer_mut("/properties/host"))
    {
        let one = host["items"].clone();
        either(host, one);
    }
    if let Some(route) = properties.get_mut("route")
        && let Some(path) = route.pointer_mut("/properties/path")
    {
        let many = path.clone();
        let one = path["items"].clone();
        either(path, one.clone());
        either(route, many);
        either(route, one);
    }
}

/// Lets a schema take another form as well.
fn either(schema: &mut Value, mut form: Value) {
    if let Some(form) = form.as_object_mut() {
        form.remove("default");
        form.remove("description");
    }
    if let Some(variants) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        variants.insert(0, form);
        return;
    }
    let mut outer = json!({});
    for key in ["description", "default"] {
        if let Some(value) = schema.as_object_mut().and_then(|object| object.remove(key)) {
            outer[key] = value;
        }
    }
    outer["anyOf"] = json!([form, schema.take()]);
    *schema = outer;
}
