//! A lock that is ours for as long as its heartbeat gets through.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use uuid::Uuid;

use super::acquire::passes;
use super::row::{Answer, LockTable, Row, Write};
use super::{BEATS_PER_LEASE, MARGINS_PER_LEASE, Moment, Time};
use crate::error::{Class, Error, Result};

/// How often a beat that did not get through is repeated, as a fraction of the lease.
const RETRIES_PER_LEASE: u32 = 30;

/// How often a release is tried before the lock is left to run out.
const RELEASES: u32 = 5;

/// What lease and heartbeat share.
#[derive(Debug)]
pub(super) struct Tenure {
    key: String,
    owner: String,
    fence: u64,
    lease: Duration,
    overtook: bool,
    standing: Mutex<Standing>,
    /// Tells the heartbeat to stop.
    over: Notify,
}

#[derive(Debug)]
struct Standing {
    /// The nonce that we put last.
    rvn: String,
    /// The moment before the last good beat was sent.
    beaten: Moment,
    /// Set once, never taken back.
    end: Option<End>,
}

#[derive(Clone, Debug)]
enum End {
    Released,
    Lost(String),
}

impl Tenure {
    pub(super) fn new(
        key: &str,
        owner: &str,
        row: &Row,
        sent: Moment,
        lease: Duration,
        overtook: bool,
    ) -> Self {
        Self {
            key: key.into(),
            owner: owner.into(),
            fence: row.fence,
            lease,
            overtook,
            standing: Mutex::new(Standing { rvn: row.rvn.clone(), beaten: sent, end: None }),
            over: Notify::new(),
        }
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        self.standing().end.get_or_insert(end);
        self.over.notify_one();
    }

    fn owns(&self, row: Option<&Row>) -> bool {
        row.is_some_and(|row| {
            row.fence == self.fence
                && row.claim.as_ref().is_some_and(|claim| claim.owner == self.owner)
        })
    }

    fn check(&self, time: &impl Time) -> Result<()> {
        let mut standing = self.standing();
        let late = standing.beaten.at_most(time);
        if standing.end.is_none()
            && late > self.lease.saturating_sub(self.lease / MARGINS_PER_LEASE)
        {
            let why = format!("its heartbeat has not got through for {} s", late.as_secs());
            standing.end = Some(End::Lost(why));
            self.over.notify_one();
        }
        match &standing.end {
            None => Ok(()),
            Some(End::Released) => Err(self.fenced("it was released")),
            Some(End::Lost(why)) => Err(self.fenced(why)),
        }
    }

    fn fenced(&self, why: &str) -> Error {
        Error::new(
            Class::Fenced,
            format!("the lock of {} (fence {}) is no longer ours: {why}", self.key, self.fence),
        )
    }

    fn lose(&self, row: Option<&Row>) {
        let why = match row {
            Some(Row { claim: Some(claim), fence, .. }) => {
                format!("{}@{} took it over (fence {fence})", claim.holder.who, claim.holder.host)
            }
            Some(Row { fence, .. }) => format!("it was broken by force (fence {fence})"),
            None => "its row is gone".into(),
        };
        self.end(End::Lost(why));
    }
}

/// The lock, ours. Dropping it stops the heartbeat and leaves the lock to run out: release it.
#[derive(Debug)]
pub struct Lease<T: LockTable, C: Time> {
    table: T,
    time: C,
    tenure: Arc<Tenure>,
}

impl<T: LockTable, C: Time> Lease<T, C> {
    pub(super) fn new(table: T, time: C, tenure: Arc<Tenure>) -> Self {
        Self { table, time, tenure }
    }

    /// This hold's number: higher than that of every hold before it.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.tenure.fence
    }

    /// Whether it was taken from a holder who may still be alive: one that fell silent, or whose lock was
    /// broken by force. One call of that holder's may be on its way: it was past its check.
    #[must_use]
    pub fn overtook(&self) -> bool {
        self.tenure.overtook
    }

    /// Whether the lock is still ours, as far as this process can know: free, to be asked before
    /// every call that changes something. Once it fails (class `Fenced`) it always fails.
    pub fn check(&self) -> Result<()> {
        self.tenure.check(&self.time)
    }

    /// [`Lease::check`], to be kept by those who make the calls.
    #[must_use]
    pub fn guard(&self) -> Arc<dyn Fn() -> Result<()> + Send + Sync> {
        let (tenure, time) = (Arc::clone(&self.tenure), self.time.clone());
        Arc::new(move || tenure.check(&time))
    }

    /// Whether the lock is still ours, as the table knows: one read, to be asked before destructive
    /// calls. Fails with class `Fenced`, or with the table's own failure.
    pub async fn verify(&self) -> Result<()> {
        self.check()?;
        let row = self.table.get(&self.tenure.key).await?;
        if !self.tenure.owns(row.as_ref()) {
            self.tenure.lose(row.as_ref());
        }
        self.check()
    }

    /// Frees the lock and keeps its fence. Success also when it was no longer ours; an error means
    /// that the others have to wait until it runs out.
    pub async fn release(self) -> Result<()> {
        self.tenure.end(End::Released);
        let write = Write::Release {
            rvn: nonce(),
            owner: self.tenure.owner.clone(),
            fence: self.tenure.fence,
        };
        let mut tries = 1;
        loop {
            // A beat that is still on its way finds no owner when it lands after this, so there is no
            // need to wait for it; and a release that lands twice finds none either.
            match self.table.write(&self.tenure.key, &write).await {
                Err(error) if passes(error.class) && tries < RELEASES => tries += 1,
                Err(error) => return Err(error.while_doing("release the lock")),
                Ok(_) => return Ok(()),
            }
            self.time.sleep(self.tenure.lease / RETRIES_PER_LEASE).await;
        }
    }
}

impl<T: LockTable, C: Time> Drop for Lease<T, C> {
    fn drop(&mut self) {
        self.tenure.end(End::Released);
    }
}

/// Keeps a lease alive for as long as it runs.
#[derive(Debug)]
pub struct Heartbeat<T, C> {
    table: T,
    time: C,
    tenure: Arc<Tenure>,
}

/// A beat, repeated word for word until it is known to have landed or to be refused.
struct Beat {
    write: Write,
    sent: Moment,
}

impl<T: LockTable, C: Time> Heartbeat<T, C> {
    pub(super) fn new(table: T, time: C, tenure: Arc<Tenure>) -> Self {
        Self { table, time, tenure }
    }

    /// Beats until the lease is released, dropped or lost.
    pub async fn run(self) {
        let mut pending = None;
        loop {
            let retry = self.tenure.lease / RETRIES_PER_LEASE;
            let pause = match &pending {
                None => self.until_due().max(retry),
                Some(_) => retry,
            };
            tokio::select! {
                biased;
                () = self.tenure.over.notified() => return,
                () = self.time.sleep(pause) => {}
            }
            if self.tenure.standing().end.is_some() {
                return;
            }
            pending = self.beat(pending).await;
        }
    }

    fn until_due(&self) -> Duration {
        let beaten = self.tenure.standing().beaten;
        (self.tenure.lease / BEATS_PER_LEASE).saturating_sub(beaten.at_most(&self.time))
    }

    /// One try; gives back the beat if it has to be tried again.
    async fn beat(&self, pending: Option<Beat>) -> Option<Beat> {
        let beat = pending.unwrap_or_else(|| Beat {
            write: Write::Beat {
                seen: self.tenure.standing().rvn.clone(),
                rvn: nonce(),
                owner: self.tenure.owner.clone(),
                fence: self.tenure.fence,
                at: self.time.wall(),
            },
            sent: Moment::now(&self.time),
        });
        match self.table.write(&self.tenure.key, &beat.write).await {
            Ok(Answer::Done(row) | Answer::Refused(Some(row))) if row.rvn == beat.write.rvn() => {
                let mut standing = self.tenure.standing();
                standing.rvn = row.rvn;
                standing.beaten = beat.sent;
                None
            }
            Ok(Answer::Done(row)) => {
                self.tenure.lose(Some(&row));
                None
            }
            Ok(Answer::Refused(row)) => {
                self.tenure.lose(row.as_ref());
                None
            }
            // It may have landed, or may land yet: the lease counts from the first time it was sent.
            Err(_) => Some(beat),
        }
    }
}

fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}
