//! The cloud's skill with every kind, and its place for the state.

use super::Memory;
use crate::error::{Class, Error, Result};
use crate::kind::Traits;
use crate::resource::{Adapter, Id, Op, Resource, Seen, Which};
use crate::state::State;
use crate::store::{Store, Version};

impl<R: Resource> Adapter<R> for Memory {
    async fn observe(&self, which: Which<'_, R>) -> Result<Vec<Seen<R>>> {
        tokio::task::yield_now().await;
        if self.lock().life.dead {
            std::future::pending::<()>().await;
        }
        let objects = &mut self.lock().objects;
        let from_index = R::INDEXED && matches!(which, Which::Ids(ids) if ids.len() > 1);
        let mut seen = Vec::new();
        for id in objects.matching(&which)? {
            let Some(mut one) = objects.look::<R>(&id)? else { continue };
            if let Some(spec) = objects.index.get(&id).filter(|_| from_index) {
                one.spec = R::deserialize(spec)?;
            }
            seen.push(one);
        }
        Ok(seen)
    }

    async fn create(&self, desired: &R, op: &Op) -> Result<Id> {
        let spec = serde_json::to_value(desired)?;
        let traits = Traits::of::<R>();
        self.call(format!("create {}", R::KIND), |w| w.objects.create(&traits, spec, op)).await
    }

    async fn update(&self, desired: &R, seen: &Seen<R>) -> Result<Id> {
        let spec = serde_json::to_value(desired)?;
        self.call(format!("update {}", R::KIND), |w| w.objects.update(&seen.id, spec)).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<R>) -> Result<()> {
        self.call(format!("delete {}", R::KIND), |world| world.objects.delete(&seen.id)).await
    }
}

/// A stored state and the number of its version. It takes its stored form when it is loaded, once a
/// run, and not with every save.
pub(super) type Stored = Option<(State, u64)>;

fn version(number: u64) -> Version {
    Version(number.to_string())
}

fn replace(stored: &mut Stored, state: &State, over: Option<&Version>) -> Result<Version> {
    if stored.as_ref().map(|(_, number)| version(*number)).as_ref() != over {
        return Err(Error::new(Class::State, "somebody else saved the state"));
    }
    let next = stored.as_ref().map_or(1, |(_, number)| number + 1);
    *stored = Some((state.clone(), next));
    Ok(version(next))
}

impl Store for Memory {
    async fn load(&self) -> Result<Option<(State, Version)>> {
        let stored = self.lock().stored.clone();
        stored
            .map(|(state, number)| Ok((State::from_bytes(&state.to_bytes()?)?, version(number))))
            .transpose()
    }

    async fn save(&self, state: &State, over: Option<&Version>) -> Result<Version> {
        loop {
            let saved = self.call("save".into(), |world| replace(&mut world.stored, state, over));
            match saved.await {
                // A store settles a lost answer by reading back.
                Err(error) if error.is(Class::Lost) => {
                    return Ok(version(self.lock().stored.as_ref().map_or(0, |(_, n)| *n)));
                }
                Err(error) if error.is(Class::Throttled) => {}
                other => return other,
            }
        }
    }
}
