//! What we believe to have made: a cache of ids, and the journal of what is being made.
//!
//! The cloud is the truth. The state only says which of its resources are ours by id, so that one
//! call per kind finds them all, and which creations were begun, so that a lost answer is looked up
//! instead of repeated. It holds no secret.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::error::{Class, Error, Result};
use crate::resource::{Id, Op, Owner};

/// The number of this format. An older program refuses a newer state.
pub const FORMAT: u32 = 1;

/// Everything about one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub project: String,
    pub environment: String,
    /// Made once, with the first state: two states of one name and different lineages are strangers.
    pub lineage: String,
    /// Grows by one with each save.
    pub serial: u64,
    /// The lock's fence under which it was saved.
    pub fence: u64,
    /// The program's version that saved it.
    pub writer: String,
    /// What was learnt or chosen once and is kept: account, zones, images.
    pub facts: BTreeMap<String, Value>,
    pub resources: BTreeMap<Address, Entry>,
}

/// One resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Absent until a create call answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// A creation that was begun and has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Superseded ones that still exist, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<Id>,
    /// As last applied, with every input resolved.
    pub desired: Value,
    /// What an update was to bring that has not been seen to be there as a whole: parts of it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Value>,
    /// Made by us, and never yet seen as desired.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fresh: bool,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// What must outlive it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends: BTreeSet<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

impl Entry {
    /// Everything that may have been applied: what was applied last, and what an update sent that did not
    /// come to its end. `None` when nothing is known.
    #[must_use]
    pub fn applied(&self) -> Option<Value> {
        let desired = Some(&self.desired).filter(|desired| !desired.is_null());
        match (desired, &self.sent) {
            (Some(desired), Some(sent)) => Some(union(desired, sent)),
            (desired, sent) => desired.or(sent.as_ref()).cloned(),
        }
    }

    /// Whether it was made by us and has never yet been seen as desired. A state of an earlier version does
    /// not say so, but it lacks the outputs that come with the first such look.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.fresh || (self.id.is_some() && self.outputs.is_empty())
    }

    /// Notes what an update is about to bring. Returns whether any of it is new: a state without it would
    /// take for another's what this update has brought.
    pub(crate) fn send(&mut self, desired: &Value) -> bool {
        let Some(applied) = self.applied() else { return false };
        let whole = union(&applied, desired);
        let is_new = is_larger(&whole, &applied);
        if is_new {
            self.sent = Some(whole);
        }
        is_new
    }
}

/// The keys and elements of both, with the values of `two`.
fn union(one: &Value, two: &Value) -> Value {
    match (one, two) {
        (Value::Object(fields), Value::Object(others)) => {
            let mut both = fields.clone();
            for (key, value) in others {
                let value = both.get(key).map_or_else(|| value.clone(), |was| union(was, value));
                both.insert(key.clone(), value);
            }
            Value::Object(both)
        }
        (Value::Array(items), Value::Array(others)) => {
            let new = others.iter().filter(|item| !items.contains(item));
            Value::Array(items.iter().chain(new).cloned().collect())
        }
        (one, Value::Null) => one.clone(),
        (_, two) => two.clone(),
    }
}

/// Whether a union has keys or elements that one of its parts lacks.
fn is_larger(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(fields), Value::Object(others)) => fields.iter().any(|(key, value)| {
            !value.is_null() && others.get(key).is_none_or(|other| is_larger(value, other))
        }),
        (Value::Array(items), Value::Array(others)) => items.len() > others.len(),
        (Value::Object(_) | Value::Array(_), _) => true,
        _ => false,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A creation on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// The operation's id, carried by the call as a tag and a token.
    pub op: String,
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Envelope<S> {
    format: u32,
    sha256: String,
    state: S,
}

impl State {
    #[must_use]
    pub fn new(project: &str, environment: &str) -> Self {
        Self {
            project: project.into(),
            environment: environment.into(),
            lineage: uuid::Uuid::new_v4().simple().to_string(),
            serial: 0,
            fence: 0,
            writer: String::new(),
            facts: BTreeMap::new(),
            resources: BTreeMap::new(),
        }
    }

    /// The owner of everything in this environment.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::of(&self.project, &self.environment)
    }

    /// The owner of one resource of this environment, made by the operation `op`.
    #[must_use]
    pub fn op(&self, address: &Address, op: &str) -> Op {
        let owner = Owner { resource: address.to_string(), op: op.into(), ..self.owner() };
        Op { id: op.into(), owner }
    }

    /// A fact, if it was stored and has this type.
    #[must_use]
    pub fn fact<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.facts.get(name)?.clone()).ok()
    }

    /// The stored form: JSON with its format number and its own digest.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        // Through `Value`, so that the bytes that are hashed do not depend on field order.
        let state = serde_json::to_value(self)?;
        let sha256 = digest(&state);
        let mut bytes = serde_json::to_vec_pretty(&Envelope { format: FORMAT, sha256, state })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the stored form. Refuses a newer format, damage, and what is not a state at all, each
    /// with [`Class::State`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |message: String| Error::new(Class::State, message);
        let envelope: Envelope<Value> = serde_json::from_slice(bytes)
            .map_err(|error| refuse(format!("the state is torn or is not a state: {error}")))?;
        if envelope.format > FORMAT {
            return Err(refuse(format!(
                "the state has format {}, this program knows up to {FORMAT}: use a newer version",
                envelope.format
            )));
        }
        let found = digest(&envelope.state);
        if found != envelope.sha256 {
            return Err(refuse(format!(
                "the state was changed by hand or damaged: its digest is {found}, it says {}",
                envelope.sha256
            )));
        }
        serde_json::from_value(envelope.state)
            .map_err(|error| refuse(format!("the state cannot be read: {error}")))
    }
}

fn digest(state: &Value) -> String {
    Sha256::digest(state.to_string().as_bytes()).iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_storage() {
        let mut state = State::new("shop", "prod");
        state.facts.insert("zones".into(), serde_json::json!(["a", "b"]));
        let entry = Entry { id: Some("vpc-1".into()), ..Entry::default() };
        state.resources.insert("vpc.main".into(), entry);
        let read = State::from_bytes(&state.to_bytes().unwrap()).unwrap();
        assert_eq!(read.resources[&"vpc.main".into()].id, Some("vpc-1".into()));
        assert_eq!(read.fact::<Vec<String>>("zones").unwrap(), ["a", "b"]);
    }

    #[test]
    fn refuses_damage_and_the_future() {
        let bytes = State::new("shop", "prod").to_bytes().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        for (bad, complaint) in [
            (text.replace("shop", "shed"), "changed by hand"),
            (text.replace("\"format\": 1", "\"format\": 2"), "newer version"),
            (text[..text.len() / 2].into(), "torn"),
            (String::new(), "torn"),
        ] {
            let error = State::from_bytes(bad.as_bytes()).unwrap_err();
            assert!(error.is(Class::State));
            assert!(error.message.contains(complaint), "{error}");
        }
    }
}
