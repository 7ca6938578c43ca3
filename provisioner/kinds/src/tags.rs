//! Tags as a set that others may add to. Tags that AWS itself sets (`aws:…`) and the operation tag, which
//! differs by design, are left out.

use std::collections::BTreeMap;

use engine::Owner;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Key and value of each tag, in the order of the keys. Serialised as AWS does: a list of
/// `{"key": …, "value": …}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Tags as a resource reports them, without AWS's own and without the operation's.
    pub fn seen<K: Into<String>, V: Into<String>>(tags: impl IntoIterator<Item = (K, V)>) -> Self {
        let [.., op] = Owner::TAGS;
        Self(
            tags.into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .filter(|(key, _)| !key.starts_with("aws:") && key != op)
                .collect(),
        )
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// These tags and the operation's: what a create call carries.
    pub fn for_create<'a>(&'a self, op: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let [.., key] = Owner::TAGS;
        self.iter().chain([(key, op)])
    }

    /// What to set and which keys to remove to get from `seen` to these.
    #[must_use]
    pub fn changes_from<'a>(&'a self, seen: &'a Self) -> (Vec<(&'a str, &'a str)>, Vec<&'a str>) {
        let set = self.iter().filter(|(key, value)| seen.get(key) != Some(value)).collect();
        let remove = seen.0.keys().map(String::as_str).filter(|k| !self.0.contains_key(*k));
        (set, remove.collect())
    }
}

#[derive(Serialize, Deserialize)]
struct Tag {
    key: String,
    value: String,
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }),
        )
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tags = Vec::<Tag>::deserialize(deserializer)?;
        Ok(Self(tags.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_not_ours_to_say() {
        let seen =
            Tags::seen([("aws:cloudformation:x", "1"), ("provisioner:op", "2"), ("team", "a")]);
        assert_eq!(seen, Tags::default().with("team", "a"));
    }

    #[test]
    fn changes_say_what_to_set_and_what_to_remove() {
        let desired = Tags::default().with("a", "1").with("b", "2");
        let seen = Tags::default().with("b", "3").with("c", "4");
        assert_eq!(desired.changes_from(&seen), (vec![("a", "1"), ("b", "2")], vec!["c"]));
    }
}
