//! Everything in the cloud, and the rules by which it comes and goes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::object::{Failed, Object, ids_in};
use crate::error::{Class, Error, Result};
use crate::kind::Traits;
use crate::resource::{Id, Op, Owner, Ready, Replace, Resource, Seen, Which};

/// All of them.
#[derive(Clone, Default)]
pub(super) struct Objects {
    pub(super) all: BTreeMap<Id, Object>,
    made: usize,
    /// What an index says of those that it is behind with.
    pub(super) index: BTreeMap<Id, Value>,
    /// How many looks each change of one takes.
    pub(super) slow: u32,
}

impl Objects {
    pub(super) fn insert(&mut self, traits: &Traits, spec: Value, owner: Option<Owner>) -> Id {
        self.made += 1;
        let name = spec.get("name").filter(|_| traits.stable).and_then(Value::as_str);
        let name = name.map_or_else(|| self.made.to_string(), str::to_owned);
        let id = Id(format!("mem:{}:{name};", traits.kind));
        let object = Object {
            kind: traits.kind,
            uses: ids_in(&spec),
            spec,
            owner,
            invisible: self.slow,
            pending: self.slow,
            leaving: None,
            failed: Failed::default(),
            holds: traits.replace != Replace::KeepOld,
            tagged: traits.is_tagged(),
            outputs: traits.outputs,
        };
        self.all.insert(id.clone(), object);
        id
    }

    pub(super) fn create(&mut self, traits: &Traits, mut spec: Value, op: &Op) -> Result<Id> {
        for used in ids_in(&spec) {
            if self.all.get(&used).is_none_or(Object::is_leaving) {
                return Err(Error::new(Class::Absent, format!("{used} does not exist")));
            }
        }
        if let Some(taken) = self.named(traits.kind, &spec) {
            return Err(Error::new(Class::Exists, format!("{taken} has that name")));
        }
        // One call brings it into being; the collections of what has more than one come with later calls.
        if let (true, Some(fields)) = (spec.get("tags").is_some(), spec.as_object_mut()) {
            for (name, value) in fields {
                if name != "tags" && value.is_array() && !traits.immutable.contains(&name.as_str())
                {
                    *value = Value::Array(Vec::new());
                }
            }
        }
        Ok(self.insert(traits, spec, traits.is_tagged().then(|| op.owner.clone())))
    }

    pub(super) fn update(&mut self, id: &Id, spec: Value) -> Result<()> {
        let absent = || Error::new(Class::Absent, format!("{id} does not exist"));
        let object = self.all.get_mut(id).ok_or_else(absent)?;
        if object.failed.update(self.slow) {
            object.set(spec);
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, id: &Id) -> Result<()> {
        // Old revisions hold nothing: AWS deletes a role that a task definition names.
        let mut users = self.all.iter().filter(|(other, object)| {
            *other != id && object.holds && !object.is_leaving() && object.uses.contains(id)
        });
        if let Some((user, _)) = users.next() {
            return Err(Error::new(Class::Blocked, format!("{user} still uses {id}")));
        }
        if self.slow == 0 {
            self.all.remove(id);
        } else if let Some(object) = self.all.get_mut(id) {
            object.leaving.get_or_insert(self.slow);
        }
        Ok(())
    }

    /// One look ages what is looked at.
    pub(super) fn look<R: Resource>(&mut self, id: &Id) -> Result<Option<Seen<R>>> {
        let Some(object) = self.all.get_mut(id).filter(|object| object.kind == R::KIND) else {
            return Ok(None);
        };
        if object.invisible > 0 {
            object.invisible -= 1;
            return Ok(None);
        }
        let ready = match &mut object.leaving {
            Some(0) => {
                self.all.remove(id);
                return Ok(None);
            }
            Some(looks) => {
                *looks -= 1;
                Ready::Leaving("deleting".into())
            }
            None if object.pending > 0 => {
                object.pending -= 1;
                Ready::Wait("pending".into())
            }
            None => object.failed.look().map_or(Ready::Yes, Ready::Never),
        };
        Ok(Some(Seen {
            id: id.clone(),
            owner: object.owner.clone(),
            spec: R::deserialize(&object.spec)?,
            outputs: R::Outputs::deserialize(&object.outputs(id))?,
            ready,
        }))
    }

    pub(super) fn matching<R: Resource>(&self, which: &Which<'_, R>) -> Result<Vec<Id>> {
        Ok(match which {
            Which::Ids(ids) => ids.to_vec(),
            Which::Ours(owner) => {
                let ours = self.of(R::KIND).filter(|(_, object)| self.is_of(object, owner));
                ours.map(|(id, _)| id.clone()).collect()
            }
            Which::Named(specs) => {
                let mut found = Vec::new();
                for spec in *specs {
                    found.extend(self.named(R::KIND, &serde_json::to_value(spec)?));
                }
                found
            }
            Which::Lost(spec, op) => {
                let mut found = self.made_by::<R>(|other| *other == op.owner);
                found.extend(self.untagged_like(
                    &serde_json::to_value(spec)?,
                    R::KIND,
                    R::IMMUTABLE,
                ));
                found
            }
        })
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = (&Id, &Object)> {
        self.all.iter().filter(move |(_, object)| object.kind == kind)
    }

    /// What has no tags is somebody's when what it uses is.
    fn is_of(&self, object: &Object, owner: &Owner) -> bool {
        match &object.owner {
            Some(other) => other.same_environment(owner),
            None if object.tagged => false,
            None => object
                .uses
                .iter()
                .any(|used| self.all.get(used).is_some_and(|object| self.is_of(object, owner))),
        }
    }

    fn made_by<R: Resource>(&self, wanted: impl Fn(&Owner) -> bool) -> Vec<Id> {
        let ours = self.of(R::KIND).filter(|(_, o)| o.owner.as_ref().is_some_and(&wanted));
        ours.map(|(id, _)| id.clone()).collect()
    }

    /// Untagged kinds are known by what they belong to.
    fn untagged_like(&self, spec: &Value, kind: &str, immutable: &[&str]) -> Vec<Id> {
        let same = self.of(kind).filter(|(_, object)| {
            object.owner.is_none()
                && immutable.iter().all(|field| object.spec.get(field) == spec.get(field))
        });
        same.map(|(id, _)| id.clone()).collect()
    }

    /// Names are taken once, within what they belong to.
    fn named(&self, kind: &str, spec: &Value) -> Option<Id> {
        const SCOPE: [&str; 4] = ["name", "vpc", "target", "cluster"];
        spec.get("name")?;
        let same = |other: &Value| SCOPE.iter().all(|field| other.get(field) == spec.get(field));
        self.of(kind).find(|(_, object)| same(&object.spec)).map(|(id, _)| id.clone())
    }
}
