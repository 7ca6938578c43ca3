//! The environment in full, each value with where it came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::Loaded;
use super::node::{Node, Value};

impl Loaded {
    /// The whole environment as YAML. Each value carries a comment that says where it was written, or `default`.
    ///
    /// Without the comments it is a file that would load to the same environment.
    #[must_use]
    pub fn config(&self) -> String {
        let mut lines = Vec::new();
        self.lines(&self.tree, 0, &mut lines);
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(56);
        lines.into_iter().fold(String::new(), |mut text, (line, origin)| {
            let _ = match origin {
                Some(origin) => writeln!(text, "{line:width$}  # {origin}"),
                None => writeln!(text, "{line}"),
            };
            text
        })
    }

    /// The whole environment as JSON: `environment` with all values, and `from`, which gives for the JSON pointer of each
    /// value its place (`environments/prod.yaml:12:10`) or `default`.
    #[must_use]
    pub fn config_json(&self) -> serde_json::Value {
        let mut from = BTreeMap::new();
        self.origins(&self.tree, String::new(), &mut from);
        json!({ "environment": self.environment, "from": from })
    }

    /// Where the value at a path of keys (`services.api.cpu`) was written: file, line and column. None for a default.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<String> {
        let node = self.tree.at(path)?;
        (!node.default).then(|| self.place(node))
    }

    fn place(&self, node: &Node) -> String {
        if node.default {
            return "default".to_owned();
        }
        format!("{}:{}:{}", self.sources.name(node.site.file), node.site.line, node.site.column)
    }

    /// The place as a comment: the file's own name and line are enough there.
    fn comment(&self, node: &Node) -> String {
        if node.default {
            return "default".to_owned();
        }
        let path = self.sources.name(node.site.file);
        let name = path.rsplit('/').next().unwrap_or(path);
        format!("{name}:{}", node.site.line)
    }

    fn lines(&self, node: &Node, depth: usize, lines: &mut Vec<(String, Option<String>)>) {
        let indent = "  ".repeat(depth);
        for entry in node.entries() {
            let key = scalar(&entry.key.clone().into());
            match &entry.node.value {
                Value::Map(entries) if !entries.is_empty() => {
                    lines.push((format!("{indent}{key}:"), None));
                    self.lines(&entry.node, depth + 1, lines);
                }
                Value::List(items)
                    if items.iter().any(|item| matches!(item.value, Value::Map(_))) =>
                {
                    lines.push((format!("{indent}{key}:"), None));
                    for item in items {
                        lines.push((
                            format!("{indent}  - {}", flow(item)),
                            Some(self.comment(item)),
                        ));
                    }
                }
                _ => {
                    let value = flow(&entry.node);
                    lines
                        .push((format!("{indent}{key}: {value}"), Some(self.comment(&entry.node))));
                }
            }
        }
    }

    fn origins(&self, node: &Node, pointer: String, from: &mut BTreeMap<String, String>) {
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                for entry in entries {
                    let key = entry.key.replace('~', "~0").replace('/', "~1");
                    self.origins(&entry.node, format!("{pointer}/{key}"), from);
                }
            }
            _ => {
                from.insert(pointer, self.place(node));
            }
        }
    }
}

/// A value on one line.
fn flow(node: &Node) -> String {
    match &node.value {
        Value::List(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Map(entries) => {
            let pair = |entry: &super::node::Entry| {
                format!("{}: {}", scalar(&entry.key.clone().into()), flow(&entry.node))
            };
            format!("{{ {} }}", entries.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        _ => scalar(&node.json()),
    }
}

/// A scalar as YAML, quoted where a reader would take it for something else, alone or in a list.
fn scalar(value: &serde_json::Value) -> String {
    let text = value.as_str().unwrap_or_default();
    if text.contains([',', '[', ']', '{', '}', '\n', '#', ':']) {
        return value.to_string();
    }
    serde_yaml::to_string(value)
        .map_or_else(|_| value.to_string(), |yaml| yaml.trim_end().to_owned())
}
