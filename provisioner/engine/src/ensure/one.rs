//! The loop of one resource, and what it knows on its way.

use std::time::Duration;

use serde_json::Value;

use super::BETWEEN_READS;
use crate::address::Address;
use crate::apply::Work;
use crate::clock::Backoff;
use crate::error::Result;
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
    /// The last change that this run sent.
    pub(super) sent: Option<Sent>,
    pub(super) good_reads: u32,
    pub(super) updates: u32,
    pub(super) backoff: Backoff,
    pub(super) waiting_since: Option<Duration>,
}

/// A create or update call.
pub(super) struct Sent {
    pub(super) at: Duration,
    /// `false` when the answer was lost: it may not have arrived.
    pub(super) answered: bool,
    /// How it had failed before.
    pub(super) failed: Option<String>,
}

/// How the loop goes on.
pub(super) enum Next {
    Look,
    Create,
    Done,
}

impl<C: Sync, S: Store> One<'_, C, S> {
    pub(super) async fn bring_about(&self) -> Result<Observed> {
        let entry = self.entry();
        let mut progress = Progress {
            id: entry.as_ref().and_then(|entry| entry.id.clone()),
            created: None,
            sent: None,
            good_reads: 0,
            updates: 0,
            backoff: Backoff::new(),
            waiting_since: None,
        };
        let mut seen = self.first_look(entry.as_ref(), &progress).await?;
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
            let next = match &current.ready {
                Ready::Leaving(why) => {
                    seen = self.see_off(why, &mut progress).await?;
                    continue;
                }
                Ready::Never(why) => self.recover(&current, why, &mut progress).await?,
                Ready::Wait(_) | Ready::Yes => self.converge(&current, &mut progress).await?,
            };
            seen = match next {
                Next::Look => self.observe(&progress).await?,
                Next::Create => None,
                Next::Done => return Ok(current),
            };
        }
    }

    async fn first_look(
        &self,
        entry: Option<&Entry>,
        progress: &Progress,
    ) -> Result<Option<Observed>> {
        match (&self.step.seen, &progress.id) {
            // The plan's observation was made in this run, under the same lock.
            (Some(seen), Some(id)) if seen.id == *id => Ok(Some(seen.clone())),
            (_, Some(_)) if self.is_fresh(entry) => self.look_again(progress).await,
            (_, None) if entry.is_some_and(|entry| entry.intent.is_some()) => {
                self.look_for_lost().await
            }
            _ => Ok(None),
        }
    }

    /// It is on its way out: another one comes when it is gone.
    async fn see_off(&self, why: &str, progress: &mut Progress) -> Result<Option<Observed>> {
        self.wait(progress, why).await?;
        let seen = self.observe(progress).await?;
        if seen.is_none() {
            self.forget(progress);
        }
        Ok(seen)
    }

    /// It is as desired: waits until it is ready and, when it is fresh, until enough reads agree.
    pub(super) async fn settle(&self, ready: &Ready, progress: &mut Progress) -> Result<Next> {
        if let Ready::Wait(why) = ready {
            progress.good_reads = 0;
            self.wait(progress, why).await?;
            return Ok(Next::Look);
        }
        progress.good_reads += 1;
        if progress.created.is_none() || progress.good_reads >= self.kind.traits().reads {
            return Ok(Next::Done);
        }
        self.work.pause(BETWEEN_READS).await?;
        Ok(Next::Look)
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
