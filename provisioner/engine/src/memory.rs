//! A cloud and a store in memory, for every kind at once, with faults on demand.
//!
//! It is strict where AWS is: a name is taken once, a reference must exist, nothing that is still
//! referred to can be deleted. It is slow where AWS is: things are invisible, then pending, then
//! leaving, each for a number of looks. And it dies or loses an answer at any call one likes.

mod adapter;
mod faults;
mod object;
mod objects;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::error::{Class, Error, Result};
use crate::kind::Traits;
use crate::resource::{Id, Owner, Resource};
use crate::state::State;
use adapter::Stored;
pub use faults::Faults;
use faults::{Fate, Life};
pub use object::Object;
use objects::Objects;

/// The cloud. Clones share what is in it.
#[derive(Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    world: Mutex<World>,
    crashed: Notify,
}

#[derive(Clone, Default)]
struct World {
    objects: Objects,
    stored: Stored,
    life: Life,
}

impl Memory {
    /// Starts counting anew, with these faults, and alive again.
    pub fn restart(&self, faults: Faults) {
        let mut world = self.lock();
        world.objects.slow = faults.slow;
        world.life = Life::new(faults);
    }

    /// Mutating calls and saves since the last restart.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.lock().life.calls
    }

    /// What was done since the last restart: `create vpc`, `save`.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lock().life.log.clone()
    }

    /// Everything that exists and is not leaving.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<Id, Object> {
        let world = self.lock();
        let alive = world.objects.all.iter().filter(|(_, object)| !object.is_leaving());
        alive.map(|(id, object)| (id.clone(), object.clone())).collect()
    }

    /// The stored state.
    pub fn stored(&self) -> Result<Option<State>> {
        Ok(self.lock().stored.clone().map(|(state, _)| state))
    }

    /// The stored state is gone.
    pub fn lose_state(&self) {
        self.lock().stored = None;
    }

    /// Another cloud with the same in it, that goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        let world = self.lock().clone();
        Self(Arc::new(Shared { world: Mutex::new(world), crashed: Notify::new() }))
    }

    /// Somebody changes a resource by hand.
    pub fn alter(&self, id: &Id, change: impl FnOnce(&mut Value)) {
        self.touch(id, |object| {
            let mut spec = object.spec.clone();
            change(&mut spec);
            object.set(spec);
        });
    }

    /// From now on an index says of a resource what it is at present.
    pub fn hold_index(&self, id: &Id) {
        let objects = &mut self.lock().objects;
        let spec = objects.all.get(id).map(|object| object.spec.clone());
        objects.index.extend(spec.map(|spec| (id.clone(), spec)));
    }

    /// Somebody changes whose a resource is.
    pub fn retag(&self, id: &Id, owner: Option<Owner>) {
        self.touch(id, |object| object.owner = owner);
    }

    /// Somebody deletes a resource by hand, as slowly as we would.
    pub fn delete_by_hand(&self, id: &Id) -> Result<()> {
        self.lock().objects.delete(id)
    }

    /// Somebody deletes a resource by hand, whatever refers to it.
    pub fn vanish(&self, id: &Id) {
        self.lock().objects.all.remove(id);
    }

    /// A resource fails; the next update puts it right.
    pub fn fail(&self, id: &Id, why: &str) {
        self.touch(id, |object| object.failed.why = Some(why.into()));
    }

    /// Every update of a resource fails from now on, and leaves it as it is.
    pub fn roll_back(&self, id: &Id, why: &str) {
        self.touch(id, |object| object.failed.next = Some(why.into()));
    }

    /// Somebody else makes a resource.
    pub fn plant<R: Resource>(&self, spec: &R, owner: Option<Owner>) -> Result<Id> {
        let spec = serde_json::to_value(spec)?;
        Ok(self.lock().objects.insert(&Traits::of::<R>(), spec, owner))
    }

    /// Returns when the process is supposed to have died.
    pub async fn crashed(&self) {
        loop {
            let notified = self.0.crashed.notified();
            if self.lock().life.dead {
                return;
            }
            notified.await;
        }
    }

    fn touch(&self, id: &Id, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.lock().objects.all.get_mut(id) {
            change(object);
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One mutating call or save: `effect` happens, or not, as the faults have it.
    async fn call<T>(
        &self,
        name: String,
        effect: impl FnOnce(&mut World) -> Result<T> + Send,
    ) -> Result<T> {
        // Lets others run between calls, as a network would.
        tokio::task::yield_now().await;
        let result = {
            let mut world = self.lock();
            match world.life.fate() {
                Fate::Dies => None,
                Fate::DiesAfter => {
                    world.life.log.push(name);
                    let _never_told = effect(&mut world);
                    None
                }
                Fate::LosesAnswer => {
                    world.life.log.push(name);
                    effect(&mut world)?;
                    Some(Err(Error::new(Class::Lost, "the answer was lost")))
                }
                Fate::Throttled => Some(Err(Error::new(Class::Throttled, "Rate exceeded"))),
                Fate::Normal => {
                    world.life.log.push(name);
                    Some(effect(&mut world))
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
