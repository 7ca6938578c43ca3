//! Bringing one into being: the intent first, then the call, then its id.

use std::time::Duration;

use super::one::{One, Progress, Sent};
use crate::clock::Backoff;
use crate::error::{Class, Result};
use crate::resource::{Id, Op};
use crate::state::Intent;
use crate::store::Store;

impl<C: Sync, S: Store> One<'_, C, S> {
    /// Writes the intent, makes the call, keeps the id.
    pub(super) async fn create(&self, progress: &mut Progress) -> Result<()> {
        loop {
            let op = self.intend().await?;
            let permit = self.work.may_change().await?;
            let created = self.kind.create(self.work.run.cloud, &self.desired, &op).await;
            drop(permit);
            match created {
                Ok(id) => {
                    self.made(&id, progress);
                    return Ok(());
                }
                Err(error) if error.is(Class::Lost) => {
                    self.retrying(&error, Duration::ZERO);
                    if let Some(found) = self.look_for_lost().await? {
                        self.made(&found.id, progress);
                        return Ok(());
                    }
                }
                Err(error) if error.is(Class::Exists) => {
                    let found = self.take_over(error).await?;
                    self.made(&found, progress);
                    return Ok(());
                }
                Err(error) => {
                    self.withdraw();
                    self.wait_out(&error, progress).await?;
                }
            }
        }
    }

    /// Stores what is about to be created, before it is. A save that somebody else overtook fails
    /// here, so a run that lost its lock creates nothing.
    pub(super) async fn intend(&self) -> Result<Op> {
        let address = self.address.clone();
        let depends = self.work.graph.get(&address).map(|node| node.depends.clone());
        let op = self.work.run.journal.change(|state| {
            let entry = state.resources.entry(address.clone()).or_default();
            entry.id = None;
            entry.desired.clone_from(&self.desired);
            entry.sent = None;
            entry.fresh = true;
            entry.depends.extend(depends.unwrap_or_default());
            // The same operation goes on after a restart: its token and tag still mean it.
            let intent = entry.intent.get_or_insert_with(|| Intent {
                op: uuid::Uuid::new_v4().simple().to_string(),
                at: self.work.run.clock.wall(),
            });
            let op = intent.op.clone();
            state.op(&address, &op)
        });
        self.work.run.journal.commit().await?;
        Ok(op)
    }

    pub(super) fn made(&self, id: &Id, progress: &mut Progress) {
        progress.id = Some(id.clone());
        let at = self.work.run.clock.now();
        progress.created = Some(at);
        progress.sent = Some(Sent { at, answered: true, failed: None });
        progress.waiting_since = None;
        progress.backoff = Backoff::new();
        let now = self.work.run.clock.wall();
        self.change_entry(|entry| {
            entry.id = Some(id.clone());
            entry.intent = None;
            entry.created = Some(now);
        });
        self.work.saves.notify_one();
    }

    /// Refused: nothing was made.
    pub(super) fn withdraw(&self) {
        self.change_entry(|entry| entry.intent = None);
    }
}
