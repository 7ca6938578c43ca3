//! One resource less: delete, wait out whatever still holds it, look until it is gone.

use std::time::Duration;

use crate::address::Address;
use crate::apply::Work;
use crate::clock::{self, Backoff};
use crate::error::{Class, Error, Result};
use crate::event::Event;
use crate::kind::{Kind, Observed};
use crate::plan::Action;
use crate::refresh::{lost, owned_by};
use crate::resource::{Id, Ready};
use crate::store::Store;

/// How long others may hold what is to be deleted (network interfaces linger for minutes).
const BLOCKED_BUDGET: Duration = Duration::from_mins(20);
const RETRY_BUDGET: Duration = Duration::from_mins(10);

impl<C: Sync, S: Store> Work<'_, C, S> {
    /// Deletes one and takes it out of the state. Without an id, a creation was begun and never
    /// answered: it is looked for first.
    pub(crate) async fn remove(&self, address: &Address, id: Option<&Id>) -> Result<Action> {
        let kind = self.run.kinds.of(address)?;
        let expected = kind.traits().pace.delete;
        let started = Event::Started { address: address.clone(), action: Action::Delete, expected };
        self.run.events.send(started);
        let began = self.run.clock.now();
        let planned = self.plan.steps.get(address).and_then(|step| step.seen.clone());
        let seen = match id {
            Some(id) => planned.filter(|seen| seen.id == *id),
            None => self.find_lost(address, kind).await?,
        };
        let id = id.or(seen.as_ref().map(|seen| &seen.id)).cloned();
        if let Some(id) = &id {
            self.remove_seen(address, kind, seen, id).await?;
        }
        self.run.journal.change(|state| {
            let Some(entry) = state.resources.get_mut(address) else { return };
            let listed = entry.older.len();
            entry.older.retain(|older| Some(older) != id.as_ref());
            let current = entry.older.len() == listed;
            if current && (entry.id == id || entry.id.is_none()) {
                entry.id = None;
                entry.intent = None;
            }
            if entry.id.is_none() && entry.older.is_empty() && entry.intent.is_none() {
                state.resources.remove(address);
            }
        });
        self.saves.notify_one();
        let elapsed = self.run.clock.now().saturating_sub(began);
        let action = Action::Delete;
        self.run.events.send(Event::Finished { address: address.clone(), action, elapsed });
        Ok(action)
    }

    /// Deletes a superseded one with a single call and takes it out of the state.
    pub(crate) async fn delete_superseded(&self, address: &Address, id: &Id) -> Result<()> {
        let kind = self.run.kinds.of(address)?;
        if let Some(current) = self.looker.look(address, id).await? {
            self.is_ours(address, &current)?;
            let permit = self.may_change().await?;
            let deleted = kind.delete(self.run.cloud, &current).await;
            drop(permit);
            deleted.or_else(|error| if error.is(Class::Absent) { Ok(()) } else { Err(error) })?;
        }
        self.run.journal.change(|state| {
            if let Some(entry) = state.resources.get_mut(address) {
                entry.older.retain(|older| older != id);
            }
        });
        Ok(())
    }

    /// Refuses what carries another owner's tags.
    fn is_ours(&self, address: &Address, seen: &Observed) -> Result<()> {
        let ours = self.run.journal.read(|state| state.op(address, "").owner);
        if owned_by(seen.owner.as_ref(), &ours) {
            return Ok(());
        }
        Err(crate::plan::foreign(address, seen))
    }

    async fn find_lost(&self, address: &Address, kind: &dyn Kind<C>) -> Result<Option<Observed>> {
        let Some((op, desired)) = self.run.journal.read(|state| {
            let entry = state.resources.get(address)?;
            Some((state.op(address, &entry.intent.as_ref()?.op), entry.desired.clone()))
        }) else {
            return Ok(None);
        };
        // The refresh looked once; look twice more before believing that nothing was made.
        for _ in 0..2 {
            let found = lost(self.run.cloud, kind, &desired, &op, &self.run.clock).await?;
            if found.is_some() {
                return Ok(found);
            }
            self.pause(Duration::from_secs(15)).await?;
        }
        Ok(None)
    }

    /// Deletes what was seen (or is looked at now) and returns when it is gone.
    pub(crate) async fn remove_seen(
        &self,
        address: &Address,
        kind: &dyn Kind<C>,
        seen: Option<Observed>,
        id: &Id,
    ) -> Result<()> {
        let began = self.run.clock.now();
        let mut backoff = Backoff::new();
        let mut asked = false;
        let mut seen = match seen {
            Some(seen) => Some(seen),
            None => self.looker.look(address, id).await?,
        };
        while let Some(current) = seen {
            self.is_ours(address, &current)?;
            if !asked && !matches!(current.ready, Ready::Leaving(_)) {
                let permit = self.may_change().await?;
                let deleted = kind.delete(self.run.cloud, &current).await;
                drop(permit);
                match deleted {
                    Ok(()) => asked = true,
                    Err(error) if error.is(Class::Absent) => asked = true,
                    Err(error) => self.outwait(address, &error, &mut backoff, began).await?,
                }
            } else {
                let why = match &current.ready {
                    Ready::Leaving(why) => why.clone(),
                    _ => "deleted, and still listed".into(),
                };
                self.wait_until_gone(address, kind, began, why).await?;
            }
            seen = self.looker.look(address, id).await?;
        }
        Ok(())
    }

    async fn outwait(
        &self,
        address: &Address,
        error: &Error,
        backoff: &mut Backoff,
        began: Duration,
    ) -> Result<()> {
        let budget = match error.class {
            Class::Blocked => BLOCKED_BUDGET,
            Class::Throttled | Class::Transient | Class::Lost | Class::Propagating => RETRY_BUDGET,
            _ => return Err(error.clone()),
        };
        let after = backoff.next(budget).ok_or_else(|| error.clone())?;
        self.run.events.send(if error.is(Class::Blocked) {
            let elapsed = self.run.clock.now().saturating_sub(began);
            Event::Waiting { address: address.clone(), why: error.message.clone(), elapsed }
        } else {
            Event::Retrying { address: address.clone(), error: error.to_string(), after }
        });
        self.pause(after).await
    }

    async fn wait_until_gone(
        &self,
        address: &Address,
        kind: &dyn Kind<C>,
        began: Duration,
        why: String,
    ) -> Result<()> {
        let elapsed = self.run.clock.now().saturating_sub(began);
        let pace = kind.traits().pace;
        if elapsed > pace.patience().max(pace.delete * 3).max(Duration::from_mins(5)) {
            let message = format!("{why}: still there after {} s", elapsed.as_secs());
            return Err(Error::new(Class::Stuck, message));
        }
        self.run.events.send(Event::Waiting { address: address.clone(), why, elapsed });
        self.pause(clock::until_next_look(elapsed, pace.delete)).await
    }
}
