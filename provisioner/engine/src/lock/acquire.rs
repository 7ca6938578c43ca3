//! Taking a lock, waiting for one, and breaking one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::lease::{Heartbeat, Lease, Tenure};
use super::row::{Answer, Claim, LockTable, Row, Write};
use super::{Held, Holder, LEASE, Moment, Refusal, Time};
use crate::error::{Class, Error, Result};

/// How often a challenger looks, as a fraction of the lease.
const LOOKS_PER_LEASE: u32 = 15;

/// How to go about a lock that somebody else has.
#[derive(Clone)]
pub struct Options {
    /// How long to wait for it; `None` gives up at the first look. A dead holder's lock is taken over
    /// only by a challenger who waits for at least a lease.
    pub wait: Option<Duration>,
    /// How long the lock stays ours without a sign of life from us.
    pub lease: Duration,
    /// The fence is to be higher than this: a row that was removed by hand would begin at 1 again, and
    /// the state that was saved under a higher one would look newer than what comes after it.
    pub above: u64,
    /// Told who has the lock, once per holder, while waiting.
    pub waiting: Arc<dyn Fn(&Held) + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self { wait: None, lease: LEASE, above: 0, waiting: Arc::new(|_| {}) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Options");
        shown.field("wait", &self.wait).field("lease", &self.lease).field("above", &self.above);
        shown.finish_non_exhaustive()
    }
}

/// Takes the lock `key` and keeps it alive in a background task of the current Tokio runtime until the
/// lease is released, dropped or lost.
pub async fn acquire<T: LockTable, C: Time>(
    table: &T,
    key: &str,
    holder: Holder,
    options: &Options,
    time: &C,
) -> Result<Lease<T, C>, Refusal> {
    let (lease, heartbeat) = acquire_unattended(table, key, holder, options, time).await?;
    drop(tokio::spawn(heartbeat.run()));
    Ok(lease)
}

/// As [`acquire`], for callers who run the heartbeat themselves.
pub async fn acquire_unattended<T: LockTable, C: Time>(
    table: &T,
    key: &str,
    holder: Holder,
    options: &Options,
    time: &C,
) -> Result<(Lease<T, C>, Heartbeat<T, C>), Refusal> {
    let began = Moment::now(time);
    let mut challenge = Challenge {
        table,
        key,
        options,
        time,
        claim: Claim {
            owner: Uuid::new_v4().simple().to_string(),
            lease: options.lease,
            beat: holder.started,
            holder,
        },
        watched: None,
        overtook: false,
        taking: None,
        told: None,
    };
    loop {
        let step = match challenge.step().await {
            Ok(Step::Mine(tenure)) => {
                let tenure = Arc::new(tenure);
                let lease = Lease::new(table.clone(), time.clone(), Arc::clone(&tenure));
                return Ok((lease, Heartbeat::new(table.clone(), time.clone(), tenure)));
            }
            Ok(Step::Held(held)) => Refusal::Held(Box::new(held)),
            // Nobody else is known to have it: worth another try however short the wait is.
            Ok(Step::Again) if began.at_least(time) < options.lease => continue,
            Ok(Step::Again) => Refusal::Failed(Error::new(
                Class::Transient,
                format!("the lock table answers too slowly to take the lock of {key}"),
            )),
            Err(error) if passes(error.class) => Refusal::Failed(error),
            Err(error) => return Err(Refusal::Failed(error)),
        };
        // A table that does not answer gets a lease of patience even from those who would not wait
        // for a holder.
        let patience = match (&step, options.wait) {
            (Refusal::Held(_), wait) => wait.unwrap_or_default(),
            (Refusal::Failed(_), wait) => wait.unwrap_or_default().max(options.lease),
        };
        let look = options.lease / LOOKS_PER_LEASE;
        if began.at_least(time) + look > patience {
            return Err(step);
        }
        if let Refusal::Held(held) = &step
            && challenge.told.as_ref() != Some(&held.claim.owner)
        {
            (options.waiting)(held);
            challenge.told = Some(held.claim.owner.clone());
        }
        time.sleep(look).await;
    }
}

/// Whether a failure of the table may go away by itself.
pub(super) fn passes(class: Class) -> bool {
    matches!(class, Class::Lost | Class::Transient | Class::Throttled)
}

enum Step {
    Mine(Tenure),
    Held(Held),
    Again,
}

struct Challenge<'a, T, C> {
    table: &'a T,
    key: &'a str,
    options: &'a Options,
    time: &'a C,
    claim: Claim,
    /// The nonce that the row shows, and since when it has been seen to show it.
    watched: Option<(String, Moment)>,
    /// Whether the lock was taken from a holder who fell silent, or after one that was broken.
    overtook: bool,
    /// A take whose answer was lost, and when it was first sent: it may still land.
    taking: Option<(Write, Moment)>,
    /// The holder that the user was last told of.
    told: Option<String>,
}

impl<T: LockTable, C: Time> Challenge<'_, T, C> {
    /// Looks once, and takes the lock if it may be taken.
    async fn step(&mut self) -> Result<Step> {
        let row = self.table.get(self.key).await?;
        if let Some(tenure) = self.landed(row.as_ref()) {
            return Ok(Step::Mine(tenure));
        }
        if let Some(row) = &row
            && let Some(claim) = &row.claim
            && claim.owner != self.claim.owner
        {
            let silent = self.watch(row);
            // An unreadably short lease of the other side must not make us hasty.
            if silent < claim.lease.max(self.options.lease) {
                let now = self.time.wall();
                return Ok(Step::Held(Held::new(self.key, row, claim, silent, now)));
            }
            self.overtook = true;
        }
        self.overtook |= row.as_ref().is_some_and(Row::is_broken);
        let raise = 1 + self.options.above.saturating_sub(row.as_ref().map_or(0, |row| row.fence));
        self.take(row.map(|row| row.rvn), raise).await
    }

    /// How long this nonce has been seen. The clock starts after the answer came: the write that put
    /// the nonce is older than that.
    fn watch(&mut self, row: &Row) -> Duration {
        match &self.watched {
            Some((rvn, since)) if *rvn == row.rvn => since.at_least(self.time),
            _ => {
                self.watched = Some((row.rvn.clone(), Moment::now(self.time)));
                Duration::ZERO
            }
        }
    }

    async fn take(&mut self, seen: Option<String>, raise: u64) -> Result<Step> {
        // A lost take over the same nonce is repeated word for word: whichever of the two lands, the
        // other is refused, and the row shows the nonce that we expect.
        let (write, sent) = match self.taking.take() {
            Some((write @ Write::Take { .. }, sent)) if matches!(&write, Write::Take { seen: before, .. } if *before == seen) => {
                (write, sent)
            }
            _ => {
                self.claim.beat = self.time.wall();
                let rvn = Uuid::new_v4().simple().to_string();
                (
                    Write::Take { seen, rvn, claim: self.claim.clone(), raise },
                    Moment::now(self.time),
                )
            }
        };
        let answer = self.table.write(self.key, &write).await;
        self.taking = Some((write, sent));
        match answer {
            Ok(Answer::Done(row) | Answer::Refused(Some(row))) => {
                Ok(self.landed(Some(&row)).map_or(Step::Again, Step::Mine))
            }
            Ok(Answer::Refused(None)) => Ok(Step::Again),
            Err(error) => Err(error),
        }
    }

    /// Our hold, if the row shows what we last tried to write, and if that was not so long ago that
    /// the hold should rather be taken afresh.
    fn landed(&self, row: Option<&Row>) -> Option<Tenure> {
        let (write, sent) = self.taking.as_ref()?;
        let row = row.filter(|row| row.rvn == write.rvn())?;
        if sent.at_most(self.time) > self.options.lease / 2 {
            return None;
        }
        let (owner, lease) = (&self.claim.owner, self.options.lease);
        Some(Tenure::new(self.key, owner, row, *sent, lease, self.overtook))
    }
}

/// What the table says about a lock.
pub async fn show<T: LockTable>(table: &T, key: &str) -> Result<Option<Row>> {
    table.get(key).await
}

/// Breaks the lock that was shown with this fence number, whoever has it. A newer lock has a higher
/// fence and stays.
///
/// A holder that lives after all learns of it with its next beat. Until then its calls go on, which is
/// why breaking a lock is for the certainly dead.
pub async fn force<T: LockTable>(table: &T, key: &str, fence: u64) -> Result<Row> {
    let write = Write::force(fence);
    let row = match table.write(key, &write).await {
        Ok(Answer::Done(row)) => return Ok(row),
        Ok(Answer::Refused(row)) => row,
        Err(error) if error.is(Class::Lost) => table.get(key).await?,
        Err(error) => return Err(error),
    };
    match row {
        Some(row) if row.rvn == write.rvn() => Ok(row),
        Some(row) => Err(Error::new(
            Class::Blocked,
            format!(
                "the lock of {key} has fence {}, not {fence}: it is another lock by now",
                row.fence
            ),
        )),
        None => Err(Error::new(Class::Absent, format!("{key} has never been locked"))),
    }
}
