//! One thing in the cloud: what it is, and how it fares.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::resource::{Id, Owner};

/// Something in the cloud.
#[derive(Clone, Debug)]
pub struct Object {
    pub kind: &'static str,
    pub spec: Value,
    pub owner: Option<Owner>,
    /// The ids that occur in its spec.
    pub(super) uses: BTreeSet<Id>,
    pub(super) invisible: u32,
    pub(super) pending: u32,
    pub(super) leaving: Option<u32>,
    pub(super) failed: Failed,
    pub(super) holds: bool,
    pub(super) tagged: bool,
    pub(super) outputs: &'static [&'static str],
}

impl Object {
    pub(super) fn set(&mut self, spec: Value) {
        self.uses = ids_in(&spec);
        self.spec = spec;
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    pub(super) fn outputs(&self, id: &Id) -> Map<String, Value> {
        let output = |field: &&str| {
            let plain = matches!(*field, "id" | "arn");
            let value = if plain { id.to_string() } else { format!("{id}{field}") };
            ((*field).to_owned(), Value::String(value))
        };
        self.outputs.iter().map(output).collect()
    }
}

/// How something has failed, and will.
#[derive(Clone, Debug, Default)]
pub(super) struct Failed {
    pub(super) why: Option<String>,
    /// An update came that puts it right, and shows after this many looks.
    healed: Option<u32>,
    /// Every update of it fails with this, and leaves it as it is.
    pub(super) next: Option<String>,
}

impl Failed {
    /// An update came; says whether it has an effect.
    pub(super) fn update(&mut self, slow: u32) -> bool {
        self.healed = (self.next.is_none() && self.why.is_some()).then_some(slow);
        if self.next.is_some() {
            self.why.clone_from(&self.next);
        }
        self.next.is_none()
    }

    pub(super) fn look(&mut self) -> Option<String> {
        match &mut self.healed {
            Some(0) => *self = Self::default(),
            Some(looks) => *looks -= 1,
            None => {}
        }
        self.why.clone()
    }
}

/// The ids of this cloud that occur in a value.
pub(super) fn ids_in(value: &Value) -> BTreeSet<Id> {
    fn collect(value: &Value, found: &mut BTreeSet<Id>) {
        match value {
            Value::String(text) => {
                let starts = text.match_indices("mem:").map(|(start, _)| start);
                found.extend(starts.filter_map(|start| {
                    Some(Id(text[start..].split_inclusive(';').next()?.into()))
                }));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}
