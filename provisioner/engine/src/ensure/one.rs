//! The loop of one resource, and what it knows on its way.

use std::time::Duration;

use serde_json::Value;

use super::BETWEEN_READS;
use super::converge::Next;
use crate::apply::Work;
use crate::clock::Backoff;
use crate::error::{Error, Result};
use crate::input::Address;
use crate::kind::{Kind, Observed};
use crate::plan::Step;
use crate::resource::{Id, Ready};
use crate::state::Entry;
use crate::store::Store;

/// One resource on its way.
pub(super) struct One<'a, C, S> {
    pub(super) work: &'a Work<'a, C, S>,
    pub(super) address: &'a Address,
    pub(super) step: &'a Step,
    pub(super) kind: &'a dyn Kind<C>,
    pub(super) desired: Value,
    pub(super) began: Duration,
}

/// What the loop knows.
pub(super) struct Progress {
    pub(super) id: Option<Id>,
    /// When it was created in this run.
    pub(super) created: Option<Duration>,
    pub(super) good_reads: u32,
    pub(super) updates: u32,
    pub(super) backoff: Backoff,
    pub(super) waiting_since: Option<Duration>,
}

impl<C: Sync, S: Store> One<'_, C, S> {
    pub(super) async fn bring_about(&self) -> Result<Observed> {
        let entry = self.entry();
        let mut progress = Progress {
            id: entry.as_ref().and_then(|entry| entry.id.clone()),
            created: None,
            good_reads: 0,
            updates: 0,
            backoff: Backoff::new(),
            waiting_since: None,
        };
        // The plan's observation was made in this run, under the same lock.
        let mut seen = match (&self.step.seen, &progress.id) {
            (Some(seen), Some(id)) if seen.id == *id => Some(seen.clone()),
            (_, Some(_)) if self.is_fresh(entry.as_ref()) => self.look_again(&mut progress).await?,
            (_, None) if entry.as_ref().is_some_and(|entry| entry.intent.is_some()) => {
                self.look_for_lost().await?
            }
            _ => None,
        };
        loop {
            let Some(current) = seen else {
                if progress.created.is_none() {
                    self.create(&mut progress).await?;
                } else {
                    self.wait(&mut progress, "not visible yet").await?;
                }
                seen = self.observe(&progress).await?;
                continue;
            };
            self.check_owner(&current, &progress)?;
            progress.id = Some(current.id.clone());
            seen = match &current.ready {
                Ready::Leaving(why) => {
                    self.wait(&mut progress, why).await?;
                    let next = self.observe(&progress).await?;
                    if next.is_none() {
                        self.forget(&mut progress);
                    }
                    next
                }
                Ready::Never(why) if self.kind.traits().fails_for_good => {
                    if progress.created.is_some() {
                        return Err(Error::other(why.clone()));
                    }
                    self.make_room(&current, &mut progress).await?;
                    None
                }
                ready => match self.converge(&current, &mut progress).await? {
                    Next::Look => self.observe(&progress).await?,
                    Next::Create => None,
                    Next::AsDesired => match ready {
                        Ready::Wait(why) => {
                            progress.good_reads = 0;
                            self.wait(&mut progress, why).await?;
                            self.observe(&progress).await?
                        }
                        Ready::Never(why) => return Err(Error::other(why.clone())),
                        _ => {
                            progress.good_reads += 1;
                            if progress.created.is_none()
                                || progress.good_reads >= self.kind.traits().reads
                            {
                                return Ok(current);
                            }
                            self.work.pause(BETWEEN_READS).await?;
                            self.observe(&progress).await?
                        }
                    },
                },
            };
        }
    }

    pub(super) async fn observe(&self, progress: &Progress) -> Result<Option<Observed>> {
        match &progress.id {
            Some(id) => self.work.looker.look(self.address, id).await,
            None => Ok(None),
        }
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        self.work.run.journal.read(|state| state.resources.get(self.address).cloned())
    }

    pub(super) fn change_entry(&self, change: impl FnOnce(&mut Entry)) {
        self.work.run.journal.change(|state| {
            change(state.resources.entry(self.address.clone()).or_default());
        });
    }
}
