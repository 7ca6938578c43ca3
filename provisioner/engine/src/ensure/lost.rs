//! What may be there already: after a lost answer, after a run that died, under a taken name.

use std::time::Duration;

use super::BETWEEN_READS;
use super::one::{One, Progress};
use crate::clock::patient;
use crate::error::{Error, Result};
use crate::kind::{Look, Observed};
use crate::plan::foreign;
use crate::refresh::{lost, owned_by};
use crate::resource::Id;
use crate::state::Entry;
use crate::store::Store;

/// An empty look-up proves absence only when it was repeated this often …
const EMPTY_LOOKS: u32 = 3;
/// … over this time since the creation was begun (AWS: EC2 and tag indexes lag by seconds).
const ABSENCE: Duration = Duration::from_secs(30);
/// Something created this recently may not be listed yet.
const FRESH: Duration = Duration::from_mins(5);

impl<C: Sync, S: Store> One<'_, C, S> {
    /// After a lost answer: what the operation made, or the certainty that it made nothing.
    pub(super) async fn look_for_lost(&self) -> Result<Option<Observed>> {
        let Some((op, at)) = self.work.run.journal.read(|state| {
            let intent = state.resources.get(self.address)?.intent.as_ref()?;
            Some((state.op(self.address, &intent.op), intent.at))
        }) else {
            return Ok(None);
        };
        let run = self.work.run;
        let mut empty = 0;
        loop {
            let found = lost(run.cloud, self.kind, &self.desired, &op, &run.clock).await?;
            if found.is_some() {
                return Ok(found);
            }
            empty += 1;
            let waited = run.clock.since(at);
            if empty >= EMPTY_LOOKS && waited >= ABSENCE {
                return Ok(None);
            }
            let rest =
                ABSENCE.saturating_sub(waited) / (EMPTY_LOOKS + 1).saturating_sub(empty).max(1);
            self.work.pause(rest.max(BETWEEN_READS)).await?;
        }
    }

    /// Something of that name is there: ours, or a stranger's.
    pub(super) async fn take_over(&self, error: Error) -> Result<Id> {
        let named = [self.desired.clone()];
        let run = self.work.run;
        let found =
            patient(&run.clock, || self.kind.observe(run.cloud, Look::Named(&named))).await?;
        let Some(seen) = found.into_iter().next() else {
            return Err(error.while_doing("it exists, but it cannot be found by name"));
        };
        let owner = run.journal.read(|state| state.op(self.address, "").owner);
        match &seen.owner {
            Some(other) if other.same_resource(&owner) => Ok(seen.id),
            _ => Err(foreign(self.address, &seen)),
        }
    }

    pub(super) fn check_owner(&self, seen: &Observed, progress: &Progress) -> Result<()> {
        let ours = self.work.run.journal.read(|state| state.op(self.address, "").owner);
        // Owner tags that were removed by hand are a difference like any other; another owner's are
        // a stranger, above all when a create call answered with what was there already.
        if owned_by(seen.owner.as_ref(), &ours) {
            return Ok(());
        }
        if progress.created.is_some() {
            self.change_entry(|entry| entry.id = None);
        }
        Err(foreign(self.address, seen))
    }

    pub(super) fn is_fresh(&self, entry: Option<&Entry>) -> bool {
        let created = entry.and_then(|entry| entry.created);
        created.is_some_and(|created| self.work.run.clock.since(created) < FRESH)
    }

    /// It was made moments ago, by a run that died, and is not listed: repeat until that is certain.
    pub(super) async fn look_again(&self, progress: &Progress) -> Result<Option<Observed>> {
        for _ in 0..EMPTY_LOOKS {
            let seen = self.observe(progress).await?;
            if seen.is_some() {
                return Ok(seen);
            }
            self.work.pause(ABSENCE / EMPTY_LOOKS).await?;
        }
        Ok(None)
    }
}
