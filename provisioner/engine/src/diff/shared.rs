//! Sets of which others may own elements: tags, routes, rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::walk::{Walk, element};

/// A set of a kind to which others may add elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The top-level field.
    pub field: &'static str,
    /// The fields of an element that tell it from the others.
    pub by: &'static [&'static str],
    /// The cloud puts elements of its own into it when it is made. They are ours to remove, until it was
    /// as desired for the first time.
    pub has_defaults: bool,
}

impl Shared {
    /// The tags of a resource.
    pub const TAGS: Self = Self::new("tags", &["key"]);

    /// A set that is empty when it is made.
    #[must_use]
    pub const fn new(field: &'static str, by: &'static [&'static str]) -> Self {
        Self { field, by, has_defaults: false }
    }

    /// A set into which the cloud puts elements of its own when it is made.
    #[must_use]
    pub const fn with_defaults(field: &'static str, by: &'static [&'static str]) -> Self {
        Self { field, by, has_defaults: true }
    }

    /// The text that tells an element from the others.
    fn key(&self, element: &Value) -> String {
        let part = |field: &&str| match &element[*field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.by.iter().map(part).collect::<Vec<_>>().join(" ")
    }

    fn by_key<'a>(&self, elements: &'a [Value]) -> BTreeMap<String, &'a Value> {
        let mut keyed = BTreeMap::new();
        let mut alike: BTreeMap<String, usize> = BTreeMap::new();
        for one in elements {
            let key = self.key(one);
            let count = alike.entry(key.clone()).or_default();
            *count += 1;
            let key = if *count > 1 { format!("{key} #{count}") } else { key };
            keyed.insert(key, one);
        }
        keyed
    }
}

/// The rules of one run about the elements that others have added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Fields of which we own every element: what others have added to them is a difference.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exclusive: BTreeSet<String>,
    /// Keys of tags that others set, or beginnings of keys and a `*`: they are left alone, and not told
    /// of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_tags: Vec<String>,
}

impl Sharing {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn ignores(&self, shared: &Shared, key: &str) -> bool {
        let is_tag = shared.field == Shared::TAGS.field;
        is_tag
            && self.ignored_tags.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => key.starts_with(prefix),
                None => key == pattern,
            })
    }
}

/// An element that somebody else added to a shared set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Addition {
    /// `tags[team]`, `routes[10.9.0.0/16]`
    pub path: String,
    pub value: Value,
}

impl Addition {
    /// The field of the set that it was added to.
    #[must_use]
    pub fn field(&self) -> &str {
        self.path.split('[').next().unwrap_or_default()
    }
}

/// The sides of one set.
pub(super) struct Set<'a> {
    pub(super) shared: &'a Shared,
    pub(super) wanted: &'a [Value],
    pub(super) was: Option<&'a Vec<Value>>,
    pub(super) now: &'a [Value],
    pub(super) fresh: bool,
}

impl Walk {
    pub(super) fn compare_shared(&mut self, set: &Set<'_>, sharing: &Sharing) {
        let Set { shared, wanted, now, was, fresh } = set;
        let (wanted, now) = (shared.by_key(wanted), shared.by_key(now));
        let was = was.map(|was| shared.by_key(was)).unwrap_or_default();
        let path = [shared.field.to_owned()];
        for (key, one) in &wanted {
            let (was, now) = (was.get(key).copied(), now.get(key).copied());
            self.compare(one, was, now, &element(&path, key));
        }
        let exclusive = sharing.exclusive.contains(shared.field) || (*fresh && shared.has_defaults);
        for (key, one) in now.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
            let path = element(&path, key);
            let value = || (*one).clone();
            if was.contains_key(key) {
                self.push(&path, Some(one), None);
            } else if sharing.ignores(shared, key) {
                self.found.kept.push((shared.field, value()));
            } else if exclusive {
                self.push(&path, Some(one), None);
            } else {
                self.found.kept.push((shared.field, value()));
                self.found.additions.push(Addition { path: path.join("."), value: value() });
            }
        }
    }
}
