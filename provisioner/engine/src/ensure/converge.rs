//! From what is seen to what is desired: an update in place, or another one in its place.

use std::time::Duration;

use super::BETWEEN_READS;
use super::one::{Next, One, Progress, Sent};
use crate::apply::holds_data;
use crate::clock::Backoff;
use crate::diff::Comparison;
use crate::error::{Class, Error, Result};
use crate::kind::{Observed, OnFailure};
use crate::plan::not_taken_back;
use crate::resource::{Id, Ready, Replace};
use crate::store::Store;

/// How often the same difference may survive an update.
const UPDATES: u32 = 6;
/// How long after an update a look may still show what was before it.
const STALE: Duration = Duration::from_secs(15);

impl<C: Sync, S: Store> One<'_, C, S> {
    /// Sends what differs; to what failed before this run, even when nothing does.
    pub(super) async fn converge(
        &self,
        current: &Observed,
        progress: &mut Progress,
    ) -> Result<Next> {
        let traits = self.kind.traits();
        let found = self.compare(current, progress);
        let Comparison { differences, .. } = &found;
        let has_failed = matches!(current.ready, Ready::Never(_));
        if differences.is_empty() && !has_failed {
            return self.settle(&current.ready, progress).await;
        }
        if differences.iter().any(|difference| traits.immutable.contains(&difference.field())) {
            if progress.created.is_some() {
                // Eventual consistency: what we just made cannot be otherwise than we made it.
                self.wait(progress, "not visible as it was made").await?;
                return Ok(Next::Look);
            }
            self.replace(current, traits.replace, progress).await?;
            return Ok(Next::Create);
        }
        if progress.updates > 0 {
            self.work.pause(BETWEEN_READS * progress.updates).await?;
        }
        if progress.updates == UPDATES {
            let paths: Vec<_> = differences.iter().map(|d| d.path.as_str()).collect();
            return Err(Error::other(format!(
                "{} stay different after {UPDATES} updates",
                paths.join(", ")
            )));
        }
        if !found.refused.is_empty() {
            return Err(not_taken_back(self.address, &found));
        }
        self.update(current, &found, progress).await?;
        Ok(Next::Look)
    }

    fn compare(&self, current: &Observed, progress: &Progress) -> Comparison {
        let entry = self.entry();
        let traits = self.kind.traits();
        let sharing = &self.work.plan.sharing;
        let mut found =
            Comparison::new(&self.desired, entry.as_ref(), &current.spec, traits, sharing);
        if progress.sent.as_ref().is_some_and(|sent| sent.answered) {
            found.forget_resets();
        }
        found
    }

    /// Makes the call. Whatever arrived is seen by the next look; a refusal does not count as a try.
    async fn update(
        &self,
        current: &Observed,
        found: &Comparison,
        progress: &mut Progress,
    ) -> Result<()> {
        self.note_sent().await?;
        let desired = found.complete(&self.desired);
        let permit = self.work.may_change().await?;
        let updated = self.kind.update(self.work.run.cloud, &desired, current).await;
        drop(permit);
        progress.good_reads = 0;
        let sent = |answered| {
            let failed = match &current.ready {
                Ready::Never(why) => Some(why.clone()),
                _ => None,
            };
            Some(Sent { at: self.work.run.clock.now(), answered, failed })
        };
        match updated {
            Ok(id) => {
                progress.id = Some(id);
                progress.updates += 1;
                progress.sent = sent(true);
                progress.backoff = Backoff::new();
                progress.waiting_since = None;
                Ok(())
            }
            Err(error) => {
                if error.is(Class::Lost) {
                    progress.sent = sent(false);
                }
                self.wait_out(&error, progress).await
            }
        }
    }

    /// Stores what an update may bring before it is sent: what it has brought is ours, even if this run
    /// never hears of it.
    async fn note_sent(&self) -> Result<()> {
        let mut is_new = false;
        self.change_entry(|entry| is_new = entry.send(&self.desired));
        if is_new { self.work.run.journal.commit().await.map(drop) } else { Ok(()) }
    }

    /// It has failed. What failed before this run is replaced or updated. What fails after this run
    /// has changed it fails the step: ECS for one has gone back to the old task definition by then, and
    /// the same change would fail again.
    pub(super) async fn recover(
        &self,
        current: &Observed,
        why: &str,
        progress: &mut Progress,
    ) -> Result<Next> {
        if let Some(sent) = &progress.sent {
            let as_before = sent.failed.as_deref() == Some(why);
            let age = self.work.run.clock.now().saturating_sub(sent.at);
            if !as_before || (sent.answered && age >= STALE) {
                return Err(Error::other(why));
            }
            if sent.answered {
                self.wait(progress, why).await?;
                return Ok(Next::Look);
            }
        }
        if self.kind.traits().on_failure == OnFailure::Replace {
            self.replace(current, Replace::DeleteFirst, progress).await?;
            return Ok(Next::Create);
        }
        self.converge(current, progress).await
    }

    /// Lets the current one go, or go later.
    async fn replace(
        &self,
        current: &Observed,
        how: Replace,
        progress: &mut Progress,
    ) -> Result<()> {
        // The plan may have seen it otherwise.
        let is_guarded = self.kind.traits().is_guarded(Some(current));
        if is_guarded && !self.work.run.allow.contains(self.address) {
            return Err(holds_data(self.address));
        }
        match how {
            Replace::DeleteFirst => self.make_room(current, progress).await?,
            Replace::CreateFirst | Replace::KeepOld => self.supersede(&current.id, progress),
        }
        Ok(())
    }

    /// Deletes what stands in the way and waits until it is gone.
    async fn make_room(&self, current: &Observed, progress: &mut Progress) -> Result<()> {
        self.work.remove_seen(self.address, self.kind, Some(current.clone()), &current.id).await?;
        self.forget(progress);
        Ok(())
    }

    /// The current one becomes an older one.
    fn supersede(&self, id: &Id, progress: &mut Progress) {
        progress.id = None;
        self.change_entry(|entry| {
            entry.id = None;
            if !entry.older.contains(id) {
                entry.older.push(id.clone());
            }
        });
    }

    pub(super) fn forget(&self, progress: &mut Progress) {
        progress.id = None;
        progress.created = None;
        progress.sent = None;
        progress.waiting_since = None;
        self.change_entry(|entry| {
            entry.id = None;
            entry.intent = None;
        });
    }
}
