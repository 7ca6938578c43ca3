//! Waiting: for a resource to be ready, and for a refused call to be worth another try.

use std::time::Duration;

use super::one::{One, Progress};
use crate::clock::until_next_look;
use crate::error::{Class, Error, Result};
use crate::event::Event;
use crate::store::Store;

/// How long refusals are waited out, by what they mean.
const THROTTLE_BUDGET: Duration = Duration::from_mins(10);
const PROPAGATION_BUDGET: Duration = Duration::from_mins(4);

impl<C: Sync, S: Store> One<'_, C, S> {
    /// Waits until the next look; gives up past the kind's patience.
    pub(super) async fn wait(&self, progress: &mut Progress, why: &str) -> Result<()> {
        let now = self.work.run.clock.now();
        let since = *progress.waiting_since.get_or_insert(now);
        let waited = now.saturating_sub(since);
        let pace = self.kind.traits().pace;
        let patience = pace.patience();
        if waited > patience {
            return Err(Error::new(
                Class::Stuck,
                format!("{why}: still so after {} s", waited.as_secs()),
            ));
        }
        self.work.run.events.send(Event::Waiting {
            address: self.address.clone(),
            why: why.into(),
            elapsed: now.saturating_sub(self.began),
        });
        self.work.pause(until_next_look(waited, pace.create)).await
    }

    /// Waits before a refused call is tried again; gives the error back when trying again cannot help.
    pub(super) async fn wait_out(&self, error: &Error, progress: &mut Progress) -> Result<()> {
        let budget = match error.class {
            Class::Throttled | Class::Transient => THROTTLE_BUDGET,
            Class::Propagating => PROPAGATION_BUDGET,
            Class::Blocked | Class::Absent | Class::Lost => self.kind.traits().pace.patience(),
            _ => return Err(error.clone()),
        };
        let delay = progress.backoff.next(budget).ok_or_else(|| error.clone())?;
        self.retrying(error, delay);
        self.work.pause(delay).await
    }

    pub(super) fn retrying(&self, error: &Error, after: Duration) {
        let error = error.to_string();
        self.work.run.events.send(Event::Retrying { address: self.address.clone(), error, after });
    }
}
