//! A file as a tree of nodes that know where they were written.
//!
//! Scalars stay as the user wrote them until something says which type is wanted there: so `1.10` can be a version and
//! `on` a text, and a complaint can show the original.

use super::source::Site;

/// A value, where it was written, and whether anyone wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// A default has the place of the map that it was left out of.
    pub(crate) site: Site,
    pub(crate) default: bool,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    /// A scalar whose type is not decided.
    Raw {
        text: String,
        style: Style,
    },
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Was complained about: nothing more is said about it.
    Spoiled,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes, and a text to every reader of YAML.
    Word,
    /// Without quotes, and a number or a boolean to readers of YAML.
    Literal,
    Quoted,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key was written.
    pub(crate) site: Site,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn default(site: Site, value: Value) -> Self {
        Self { site, default: true, value }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// What is under a key, unless that is null or was complained about.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let node = &self.entry(key)?.node;
        (!matches!(node.value, Value::Null | Value::Spoiled)).then_some(node)
    }

    /// Whether nobody says anything about a key, neither rightly nor wrongly.
    pub(crate) fn lacks(&self, key: &str) -> bool {
        self.entry(key).is_none_or(|entry| matches!(entry.node.value, Value::Null))
    }

    /// What is under a path of keys: `network.cidr`.
    pub(crate) fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The tree as JSON; what was complained about becomes null.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Spoiled => serde_json::Value::Null,
            Value::Raw { text, .. } | Value::Text(text) => text.clone().into(),
            Value::Integer(integer) => (*integer).into(),
            Value::Boolean(boolean) => (*boolean).into(),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.json())).collect()
            }
        }
    }
}
