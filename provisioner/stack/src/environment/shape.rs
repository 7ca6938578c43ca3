//! Checks a file's tree against the schema: unknown fields, wrong types, values out of bounds. Gives scalars their types.
//!
//! What passes has the right shape; whether it makes sense is for the rules. The formats of texts are theirs as well:
//! they know better words than "does not match the pattern", which is for editors.

use serde_json::Value as Schema;

use super::complaint::Findings;
use super::node::{Entry, Node, Style, Value};
use super::suggest::{did_you_mean, listed};
use super::types::{Seconds, reason_against};

/// Checks a node and all below it. Unknown fields are dropped and wrong values spoiled, once they are complained about.
pub(crate) fn check(node: &mut Node, schema: &Schema, findings: &mut Findings) {
    Check { path: Vec::new(), findings }.node(node, schema);
}

struct Check<'a> {
    path: Vec<String>,
    findings: &'a mut Findings,
}

/// The forms that a schema takes, by the kind of YAML node.
#[derive(Default)]
struct Forms<'a> {
    scalars: Vec<&'a Schema>,
    list: Option<&'a Schema>,
    map: Option<&'a Schema>,
}

impl<'a> Forms<'a> {
    fn of(schema: &'a Schema) -> Self {
        let mut forms = Self::default();
        forms.add(schema);
        forms
    }

    fn add(&mut self, schema: &'a Schema) {
        let variants = ["anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array());
        if let Some(variants) = variants {
            for variant in variants {
                self.add(variant);
            }
            return;
        }
        let typed = |name: &str| match &schema["type"] {
            Schema::String(one) => one == name,
            Schema::Array(some) => some.iter().any(|one| one == name),
            _ => false,
        };
        if typed("object") {
            self.map = Some(schema);
        } else if typed("array") {
            self.list = Some(schema);
        } else if typed("string")
            || typed("integer")
            || typed("boolean")
            || schema.get("enum").is_some()
            || schema.get("const").is_some()
        {
            self.scalars.push(schema);
        }
    }

    /// The values that a scalar may have, when they are counted.
    fn values(&self) -> Vec<String> {
        let values = self.scalars.iter().flat_map(|schema| {
            let many = schema["enum"].as_array().into_iter().flatten();
            many.chain(schema.get("const")).filter(|value| !value.is_null())
        });
        values
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect()
    }

    fn scalar(&self, name: &str) -> Option<&'a Schema> {
        self.scalars.iter().copied().find(|schema| match &schema["type"] {
            Schema::String(one) => one == name,
            Schema::Array(some) => some.iter().any(|one| one == name),
            _ => false,
        })
    }

    /// What is wanted, in words.
    fn wanted(&self) -> String {
        let values = self.values();
        let mut words: Vec<String> = Vec::new();
        if values.is_empty() && self.scalar("string").is_some() {
            words.push("a text".to_owned());
        } else if values.is_empty() {
            for (name, word) in [("integer", "a whole number"), ("boolean", "true or false")] {
                if self.scalar(name).is_some() {
                    words.push(word.to_owned());
                }
            }
        } else {
            words.push(listed(&values, "or"));
        }
        if self.list.is_some() {
            words.push("a list".to_owned());
        }
        if self.map.is_some() {
            words.push("a map".to_owned());
        }
        words.join(" or ")
    }
}

impl Check<'_> {
    fn node(&mut self, node: &mut Node, schema: &Schema) {
        let forms = Forms::of(schema);
        match (&mut node.value, forms.map, forms.list) {
            (Value::Spoiled, ..) => {}
            (Value::Map(entries), Some(schema), _) => self.map(entries, schema),
            (Value::List(items), _, Some(schema)) => {
                for item in items {
                    self.node(item, &schema["items"]);
                }
            }
            (Value::Raw { text, style }, ..) if !forms.scalars.is_empty() => {
                match self.scalar(text, *style, &forms) {
                    Ok(value) => node.value = value,
                    Err((message, fix)) => {
                        let help = match (fix, schema["description"].as_str()) {
                            (Some(fix), Some(about))
                                if fix.starts_with("use ") && !fix.contains('`') =>
                            {
                                format!("{fix}. {about}")
                            }
                            (Some(fix), _) => fix,
                            (None, _) => about(schema, &forms),
                        };
                        self.findings.error(node.site, message, help);
                        node.value = Value::Spoiled;
                    }
                }
            }
            (value, ..) => {
                let message =
                    format!("{} must be {}, not {}", self.name(), forms.wanted(), kind(value));
                self.findings.error(node.site, message, about(schema, &forms));
                node.value = Value::Spoiled;
            }
        }
    }

    fn map(&mut self, entries: &mut Vec<Entry>, schema: &Schema) {
        entries.retain_mut(|entry| {
            let inner = &schema["properties"][&entry.key];
            let inner = if inner.is_null() { &schema["additionalProperties"] } else { inner };
            if !inner.is_object() {
                self.unknown(entry, schema);
                return false;
            }
            // Null takes away what the base says, whatever that is.
            if !matches!(entry.node.value, Value::Null) {
                self.path.push(entry.key.clone());
                self.node(&mut entry.node, inner);
                self.path.pop();
            }
            true
        });
    }

    fn unknown(&mut self, entry: &Entry, schema: &Schema) {
        let key = &entry.key;
        if let [.., parent, section] = self.path.as_slice()
            && parent == "override"
            && let Some(reason) = reason_against(section, key)
        {
            let message = format!("`{key}` cannot be overridden");
            self.findings.error(entry.site, message, reason);
            return;
        }
        let known: Vec<String> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect();
        let help = did_you_mean(key, &known)
            .unwrap_or_else(|| format!("the fields here are {}", listed(&known, "and")));
        let place = self.path.last().map(|parent| format!(" in `{parent}`")).unwrap_or_default();
        self.findings.error(entry.site, format!("unknown field `{key}`{place}"), help);
    }

    /// A scalar of the type that is wanted, or what is wrong with it and perhaps its fix.
    fn scalar(
        &self,
        text: &str,
        style: Style,
        forms: &Forms<'_>,
    ) -> Result<Value, (String, Option<String>)> {
        let name = self.name();
        let wrong = |found: String| format!("{name} must be {}, not {found}", forms.wanted());
        if let Some(schema) = forms.scalar("integer") {
            let Ok(integer) = integer(text) else {
                let message = wrong(format!("`{text}`"));
                let zeros = text.bytes().all(|byte| byte.is_ascii_digit());
                let help = zeros.then(|| {
                    format!("write it without the zero: {}", text.trim_start_matches('0'))
                });
                return Err((message, help));
            };
            if style == Style::Quoted {
                let message = wrong(format!("the text `\"{text}\"`"));
                return Err((message, Some(format!("leave out the quotes: {integer}"))));
            }
            let values = forms.values();
            if !values.is_empty() && !values.contains(&text.to_owned()) {
                let help = format!("use one of {}", listed(&values, "or"));
                return Err((format!("{name} cannot be {integer}"), Some(help)));
            }
            let bound = |key: &str| schema[key].as_i64();
            match (bound("minimum"), bound("maximum")) {
                (Some(least), Some(most)) if !(least..=most).contains(&integer) => Err((
                    format!("{name} cannot be {integer}"),
                    Some(format!("use {least} to {most}")),
                )),
                (Some(least), None) if integer < least => Err((
                    format!("{name} cannot be {integer}"),
                    Some(format!("use {least} or more")),
                )),
                _ => Ok(Value::Integer(integer)),
            }
        } else if forms.scalar("boolean").is_some() && forms.scalar("string").is_none() {
            match text {
                "true" if style == Style::Literal => Ok(Value::Boolean(true)),
                "false" if style == Style::Literal => Ok(Value::Boolean(false)),
                _ => {
                    let yes = matches!(text, "yes" | "on" | "true" | "True" | "TRUE");
                    let no = matches!(text, "no" | "off" | "false" | "False" | "FALSE");
                    let message = wrong(format!("`{text}`"));
                    Err((message, (yes || no).then(|| format!("write `{yes}`"))))
                }
            }
        } else {
            let values = forms.values();
            // Where a number may stand for its text, it is that text: `1.10` stays `1.10`.
            // A time without its unit is for the rules, which know to ask for the unit.
            let time = forms.scalars.iter().any(|schema| schema["pattern"] == Seconds::PATTERN);
            let literal = style == Style::Literal && !time;
            if literal && forms.scalar("number").is_none() && values.is_empty() {
                let message = wrong(format!("the bare `{text}`"));
                return Err((message, Some(format!("put it in quotes: `\"{text}\"`"))));
            }
            if values.is_empty() || values.iter().any(|value| value == text) {
                return Ok(Value::Text(text.to_owned()));
            }
            let wanted = format!("use {}", forms.wanted());
            let help = did_you_mean(text, &values).map_or(wanted, |meant| meant);
            Err((format!("{name} cannot be `{text}`"), Some(help)))
        }
    }

    /// The field at hand, as the user knows it.
    fn name(&self) -> String {
        match self.path.last() {
            Some(key) => format!("`{key}`"),
            None => "the file".to_owned(),
        }
    }
}

/// A whole number as people write it. YAML's other forms (`0o17`, `0x1f`, `1_000`) and a leading zero are refused: what
/// they mean depends on who reads them.
fn integer(text: &str) -> Result<i64, ()> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > 1 && digits.starts_with('0')
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(());
    }
    text.parse().map_err(|_| ())
}

/// What the schema says about a field.
fn about(schema: &Schema, forms: &Forms<'_>) -> String {
    match schema["description"].as_str() {
        Some(description) => description.replace('\n', " "),
        None => format!("write {}", forms.wanted()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Raw { .. } | Value::Text(_) => "a text",
        Value::Integer(_) => "a number",
        Value::Boolean(_) => "a boolean",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Spoiled => "that",
    }
}
