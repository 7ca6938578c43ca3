//! A cloud and a store in memory, for every kind at once, with faults on demand.
//!
//! It is strict where AWS is: a name is taken once, a reference must exist, nothing that is still
//! referred to can be deleted. It is slow where AWS is: things are invisible, then pending, then
//! leaving, each for a number of looks. And it dies or loses an answer at any call one likes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::error::{Class, Error, Result};
use crate::kind::Traits;
use crate::resource::{Adapter, Id, Op, Owner, Ready, Replace, Resource, Seen, Which};
use crate::state::State;
use crate::store::{Store, Version};

/// What goes wrong, counted over mutating calls and saves, from zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The process dies before this call has its effect.
    pub crash_before: Option<usize>,
    /// The process dies after this call had its effect and before the answer.
    pub crash_after: Option<usize>,
    /// This call has its effect and its answer is lost.
    pub lose_answer: Option<usize>,
    /// This call is refused for its rate.
    pub throttle: Option<usize>,
    /// How many looks everything new stays invisible, then pending, and everything deleted leaving.
    pub slow: u32,
}

/// The cloud. Clones share what is in it.
#[derive(Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    crashed: Notify,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<Id, Object>,
    stored: Option<(Vec<u8>, u64)>,
    made: usize,
    calls: usize,
    faults: Faults,
    dead: bool,
    log: Vec<String>,
}

/// Something in the cloud.
#[derive(Clone, Debug)]
pub struct Object {
    pub kind: &'static str,
    pub spec: Value,
    pub owner: Option<Owner>,
    invisible: u32,
    pending: u32,
    leaving: Option<u32>,
    holds: bool,
    outputs: &'static [&'static str],
}

/// How a call goes on.
enum Fate {
    Normal,
    Dies,
    DiesAfter,
    LosesAnswer,
    Throttled,
}

impl Memory {
    /// Starts counting anew, with these faults, and alive again.
    pub fn restart(&self, faults: Faults) {
        let mut inner = self.lock();
        inner.faults = faults;
        inner.calls = 0;
        inner.dead = false;
        inner.log.clear();
    }

    /// Mutating calls and saves since the last restart.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.lock().calls
    }

    /// What was done since the last restart: `create vpc`, `save`.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    /// Everything that exists and is not leaving.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<Id, Object> {
        let inner = self.lock();
        let alive = inner.objects.iter().filter(|(_, object)| object.leaving.is_none());
        alive.map(|(id, object)| (id.clone(), object.clone())).collect()
    }

    /// The stored state.
    pub fn stored(&self) -> Result<Option<State>> {
        let bytes = self.lock().stored.clone();
        bytes.map(|(bytes, _)| State::from_bytes(&bytes)).transpose()
    }

    /// Somebody changes a resource by hand.
    pub fn alter(&self, id: &Id, change: impl FnOnce(&mut Value)) {
        if let Some(object) = self.lock().objects.get_mut(id) {
            change(&mut object.spec);
        }
    }

    /// Somebody deletes a resource by hand, whatever refers to it.
    pub fn vanish(&self, id: &Id) {
        self.lock().objects.remove(id);
    }

    /// Somebody else makes a resource.
    pub fn plant<R: Resource>(&self, spec: &R, owner: Option<Owner>) -> Result<Id> {
        let spec = serde_json::to_value(spec)?;
        Ok(self.lock().insert(&Traits::of::<R>(), spec, owner))
    }

    /// Returns when the process is supposed to have died.
    pub async fn crashed(&self) {
        loop {
            let notified = self.0.crashed.notified();
            if self.lock().dead {
                return;
            }
            notified.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One mutating call or save: `effect` happens, or not, as the faults have it.
    async fn call<T>(
        &self,
        name: String,
        effect: impl FnOnce(&mut Inner) -> Result<T> + Send,
    ) -> Result<T> {
        // Lets others run between calls, as a network would.
        tokio::task::yield_now().await;
        let result = {
            let mut inner = self.lock();
            match inner.fate() {
                Fate::Dies => None,
                Fate::DiesAfter => {
                    inner.log.push(name);
                    let _never_told = effect(&mut inner);
                    None
                }
                Fate::LosesAnswer => {
                    inner.log.push(name);
                    effect(&mut inner)?;
                    Some(Err(Error::new(Class::Lost, "the answer was lost")))
                }
                Fate::Throttled => Some(Err(Error::new(Class::Throttled, "Rate exceeded"))),
                Fate::Normal => {
                    inner.log.push(name);
                    Some(effect(&mut inner))
                }
            }
        };
        if let Some(result) = result {
            return result;
        }
        self.0.crashed.notify_waiters();
        std::future::pending().await
    }
}

impl Inner {
    fn fate(&mut self) -> Fate {
        let call = Some(self.calls);
        self.calls += 1;
        if self.dead || self.faults.crash_before == call {
            self.dead = true;
            return Fate::Dies;
        }
        if self.faults.crash_after == call {
            self.dead = true;
            return Fate::DiesAfter;
        }
        match call {
            call if self.faults.lose_answer == call => Fate::LosesAnswer,
            call if self.faults.throttle == call => Fate::Throttled,
            _ => Fate::Normal,
        }
    }

    fn insert(&mut self, traits: &Traits, spec: Value, owner: Option<Owner>) -> Id {
        self.made += 1;
        let name = spec.get("name").filter(|_| traits.stable).and_then(Value::as_str);
        let name = name.map_or_else(|| self.made.to_string(), str::to_owned);
        let id = Id(format!("mem:{}:{name};", traits.kind));
        let object = Object {
            kind: traits.kind,
            spec,
            owner,
            invisible: self.faults.slow,
            pending: self.faults.slow,
            leaving: None,
            holds: traits.replace != Replace::KeepOld,
            outputs: traits.outputs,
        };
        self.objects.insert(id.clone(), object);
        id
    }

    fn create(&mut self, traits: &Traits, mut spec: Value, op: &Op) -> Result<Id> {
        let tagged = spec.get("tags").is_some();
        for reference in ids_in(&spec) {
            if self.objects.get(&reference).is_none_or(|object| object.leaving.is_some()) {
                return Err(Error::new(Class::Absent, format!("{reference} does not exist")));
            }
        }
        if let Some(taken) = self.named(traits.kind, &spec) {
            return Err(Error::new(Class::Exists, format!("{taken} has that name")));
        }
        // One call brings it into being; collections come with later calls.
        if let (true, Some(fields)) = (tagged, spec.as_object_mut()) {
            for (name, value) in fields {
                if name != "tags" && value.is_array() && !traits.immutable.contains(&name.as_str())
                {
                    *value = Value::Array(Vec::new());
                }
            }
        }
        Ok(self.insert(traits, spec, tagged.then(|| op.owner.clone())))
    }

    fn named(&self, kind: &str, spec: &Value) -> Option<Id> {
        let scope = |spec: &Value| {
            ["name", "vpc", "target", "cluster"].map(|field| spec.get(field).cloned())
        };
        spec.get("name")?;
        let mut same = self.objects.iter().filter(|(_, object)| object.kind == kind);
        same.find(|(_, object)| scope(&object.spec) == scope(spec)).map(|(id, _)| id.clone())
    }

    fn delete(&mut self, id: &Id) -> Result<()> {
        let users = self.objects.iter().filter(|(other, object)| {
            // Old revisions hold nothing: AWS deletes a role that a task definition names.
            *other != id
                && object.holds
                && object.leaving.is_none()
                && ids_in(&object.spec).contains(id)
        });
        if let Some((user, _)) = users.into_iter().next() {
            return Err(Error::new(Class::Blocked, format!("{user} still uses {id}")));
        }
        let slow = self.faults.slow;
        if slow == 0 {
            self.objects.remove(id);
        } else if let Some(object) = self.objects.get_mut(id) {
            object.leaving.get_or_insert(slow);
        }
        Ok(())
    }

    fn replace_state(&mut self, bytes: Vec<u8>, over: Option<&Version>) -> Result<Version> {
        let current = self.stored.as_ref().map(|(_, version)| Version(version.to_string()));
        if current.as_ref() != over {
            return Err(Error::new(Class::State, "somebody else saved the state"));
        }
        let next = self.stored.as_ref().map_or(1, |(_, version)| version + 1);
        self.stored = Some((bytes, next));
        Ok(Version(next.to_string()))
    }

    /// One look ages what is looked at.
    fn look<R: Resource>(&mut self, id: &Id) -> Result<Option<Seen<R>>> {
        let Some(object) = self.objects.get_mut(id) else { return Ok(None) };
        if object.kind != R::KIND {
            return Ok(None);
        }
        if object.invisible > 0 {
            object.invisible -= 1;
            return Ok(None);
        }
        let ready = match &mut object.leaving {
            Some(0) => {
                self.objects.remove(id);
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
            None => Ready::Yes,
        };
        let outputs: Map<String, Value> = object
            .outputs
            .iter()
            .map(|field| {
                let plain = matches!(*field, "id" | "arn");
                let value = if plain { id.to_string() } else { format!("{id}{field}") };
                ((*field).to_owned(), Value::String(value))
            })
            .collect();
        Ok(Some(Seen {
            id: id.clone(),
            owner: object.owner.clone(),
            spec: serde_json::from_value(object.spec.clone())?,
            outputs: serde_json::from_value(Value::Object(outputs))?,
            ready,
        }))
    }

    fn matching<R: Resource>(&self, which: &Which<'_, R>) -> Result<Vec<Id>> {
        let made_by = |wanted: &dyn Fn(&Owner) -> bool| {
            let objects = self.objects.iter().filter(|(_, object)| object.kind == R::KIND);
            let ours = objects.filter(|(_, object)| object.owner.as_ref().is_some_and(wanted));
            ours.map(|(id, _)| id.clone()).collect::<Vec<Id>>()
        };
        Ok(match which {
            Which::Ids(ids) => ids.to_vec(),
            Which::Ours(owner) => made_by(&|other| other.same_environment(owner)),
            Which::Named(specs) => {
                let mut found = Vec::new();
                for spec in *specs {
                    found.extend(self.named(R::KIND, &serde_json::to_value(spec)?));
                }
                found
            }
            Which::Lost(spec, op) => {
                let made = made_by(&|other| *other == op.owner);
                let spec = serde_json::to_value(spec)?;
                // Untagged kinds are known by what they belong to.
                let same = self.objects.iter().filter(|(_, object)| {
                    object.kind == R::KIND
                        && object.owner.is_none()
                        && R::IMMUTABLE
                            .iter()
                            .all(|field| object.spec.get(field) == spec.get(field))
                });
                made.into_iter().chain(same.map(|(id, _)| id.clone())).collect()
            }
        })
    }
}

/// The ids of this cloud that occur in a value.
fn ids_in(value: &Value) -> BTreeSet<Id> {
    let text = value.to_string();
    let starts = text.match_indices("mem:").map(|(start, _)| start);
    starts.filter_map(|start| Some(Id(text[start..].split_inclusive(';').next()?.into()))).collect()
}

impl<R: Resource> Adapter<R> for Memory {
    async fn observe(&self, which: Which<'_, R>) -> Result<Vec<Seen<R>>> {
        tokio::task::yield_now().await;
        if self.lock().dead {
            std::future::pending::<()>().await;
        }
        let mut inner = self.lock();
        let mut seen = Vec::new();
        for id in inner.matching(&which)? {
            seen.extend(inner.look(&id)?);
        }
        Ok(seen)
    }

    async fn create(&self, desired: &R, op: &Op) -> Result<Id> {
        let spec = serde_json::to_value(desired)?;
        let traits = Traits::of::<R>();
        self.call(format!("create {}", R::KIND), |inner| inner.create(&traits, spec, op)).await
    }

    async fn update(&self, desired: &R, seen: &Seen<R>) -> Result<Id> {
        let spec = serde_json::to_value(desired)?;
        self.call(format!("update {}", R::KIND), |inner| {
            let absent = || Error::new(Class::Absent, format!("{} does not exist", seen.id));
            inner.objects.get_mut(&seen.id).ok_or_else(absent)?.spec = spec;
            Ok(seen.id.clone())
        })
        .await
    }

    async fn delete(&self, seen: &Seen<R>) -> Result<()> {
        self.call(format!("delete {}", R::KIND), |inner| inner.delete(&seen.id)).await
    }
}

impl Store for Memory {
    async fn load(&self) -> Result<Option<(State, Version)>> {
        let stored = self.lock().stored.clone();
        stored
            .map(|(bytes, version)| Ok((State::from_bytes(&bytes)?, Version(version.to_string()))))
            .transpose()
    }

    async fn save(&self, state: &State, over: Option<&Version>) -> Result<Version> {
        let bytes = state.to_bytes()?;
        loop {
            let bytes = bytes.clone();
            let saved = self.call("save".into(), |inner| inner.replace_state(bytes, over)).await;
            match saved {
                // A store settles a lost answer by reading back.
                Err(error) if error.is(Class::Lost) => {
                    let stored = self.lock().stored.as_ref().map_or(0, |(_, version)| *version);
                    return Ok(Version(stored.to_string()));
                }
                Err(error) if error.is(Class::Throttled) => {}
                other => return other,
            }
        }
    }
}
