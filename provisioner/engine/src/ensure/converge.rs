//! From what is seen to what is desired: an update in place, or another one in its place.

use super::BETWEEN_READS;
use super::one::{One, Progress};
use crate::clock::Backoff;
use crate::diff;
use crate::error::{Error, Result};
use crate::kind::Observed;
use crate::resource::{Id, Replace};
use crate::store::Store;

/// How often the same difference may survive an update.
const UPDATES: u32 = 6;

/// How the loop goes on.
pub(super) enum Next {
    AsDesired,
    Look,
    Create,
}
impl<C: Sync, S: Store> One<'_, C, S> {
    /// Sends what differs.
    pub(super) async fn converge(
        &self,
        current: &Observed,
        progress: &mut Progress,
    ) -> Result<Next> {
        let traits = self.kind.traits();
        let differences =
            diff::diff(&self.desired, &current.spec, traits.create_only, traits.exact);
        if differences.is_empty() {
            return Ok(Next::AsDesired);
        }
        if differences.iter().any(|difference| traits.immutable.contains(&difference.field())) {
            if progress.created.is_some() {
                // Eventual consistency: what we just made cannot be otherwise than we made it.
                self.wait(progress, "not visible as it was made").await?;
                return Ok(Next::Look);
            }
            match traits.replace {
                Replace::DeleteFirst => self.make_room(current, progress).await?,
                Replace::CreateFirst | Replace::KeepOld => self.supersede(&current.id, progress),
            }
            return Ok(Next::Create);
        }
        if progress.updates > 0 {
            self.work.pause(BETWEEN_READS * progress.updates).await?;
        }
        progress.updates += 1;
        if progress.updates > UPDATES {
            let paths: Vec<_> = differences.iter().map(|d| d.path.as_str()).collect();
            return Err(Error::other(format!(
                "{} stay different after {UPDATES} updates",
                paths.join(", ")
            )));
        }
        let permit = self.work.may_change().await?;
        let updated = self.kind.update(self.work.run.cloud, &self.desired, current).await;
        drop(permit);
        progress.good_reads = 0;
        match updated {
            Ok(id) => {
                progress.id = Some(id);
                progress.backoff = Backoff::new();
            }
            Err(error) => {
                // Whatever arrived is seen by the next look; a refusal does not count as a try.
                progress.updates -= 1;
                self.wait_out(&error, progress).await?;
            }
        }
        Ok(Next::Look)
    }

    /// Deletes what stands in the way and waits until it is gone.
    pub(super) async fn make_room(
        &self,
        current: &Observed,
        progress: &mut Progress,
    ) -> Result<()> {
        self.work.remove_seen(self.address, self.kind, Some(current.clone()), &current.id).await?;
        self.forget(progress);
        Ok(())
    }

    /// The current one becomes an older one.
    pub(super) fn supersede(&self, id: &Id, progress: &mut Progress) {
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
        progress.waiting_since = None;
        self.change_entry(|entry| {
            entry.id = None;
            entry.intent = None;
        });
    }
}
