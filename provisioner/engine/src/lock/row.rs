//! The row that stands for one environment's lock, and the conditional writes that it takes.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::Holder;
use crate::error::Result;

/// One environment's lock as the table holds it. Once written it is never deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Grows whenever the lock is taken or broken, and never falls, also across releases.
    pub fence: u64,
    /// Version nonce: every write puts a fresh one.
    pub rvn: String,
    /// Who has it; `None` when it is free.
    pub claim: Option<Claim>,
}

/// How the nonce of a lock begins that was broken by force.
const BROKEN: &str = "broken-";

impl Row {
    /// Whether it was broken by force and nobody has had it since: who had it may still be alive.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.claim.is_none() && self.rvn.starts_with(BROKEN)
    }
}

/// A hold on the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Unique to one acquisition.
    pub owner: String,
    /// How long the holder may stay silent.
    pub lease: Duration,
    pub holder: Holder,
    /// The last sign of life by the holder's own wall clock: to be shown, never to be computed with.
    pub beat: Timestamp,
}

/// A conditional write. Each carries the fresh nonce `rvn` that the row shows once it has landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Takes the lock and raises the fence by `raise`, if the nonce is still the one `seen` (`None`: if
    /// there is no row).
    Take { seen: Option<String>, rvn: String, claim: Claim, raise: u64 },
    /// A sign of life, if owner, fence and nonce are still these.
    Beat { seen: String, rvn: String, owner: String, fence: u64, at: Timestamp },
    /// Frees the lock and keeps the fence, if owner and fence are still these.
    Release { rvn: String, owner: String, fence: u64 },
    /// Frees the lock whoever has it and raises the fence by one, if the fence is still this.
    Force { rvn: String, fence: u64 },
}

impl Write {
    /// Frees the lock that has this fence, whoever has it.
    pub(super) fn force(fence: u64) -> Self {
        Self::Force { rvn: format!("{BROKEN}{}", Uuid::new_v4().simple()), fence }
    }

    /// The nonce that the row shows once this has landed.
    #[must_use]
    pub fn rvn(&self) -> &str {
        match self {
            Self::Take { rvn, .. }
            | Self::Beat { rvn, .. }
            | Self::Release { rvn, .. }
            | Self::Force { rvn, .. } => rvn,
        }
    }

    /// Whether a row meets the condition of this write: the whole contract of a table.
    #[must_use]
    pub fn fits(&self, row: Option<&Row>) -> bool {
        let owned = |by: &str, at: u64| {
            row.is_some_and(|row| {
                row.fence == at && row.claim.as_ref().is_some_and(|claim| claim.owner == by)
            })
        };
        match self {
            Self::Take { seen, .. } => row.map(|row| &row.rvn) == seen.as_ref(),
            Self::Beat { seen, owner, fence, .. } => {
                owned(owner, *fence) && row.is_some_and(|row| row.rvn == *seen)
            }
            Self::Release { owner, fence, .. } => owned(owner, *fence),
            Self::Force { fence, .. } => row.is_some_and(|row| row.fence == *fence),
        }
    }
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has landed; this is the row now.
    Done(Row),
    /// Its condition did not hold; this is the row that stood in its way.
    Refused(Option<Row>),
}

/// A table with one row per environment, on which conditional writes are atomic.
pub trait LockTable: Clone + Send + Sync + 'static {
    /// The row, read consistently: never older than the last write that was answered.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Row>>> + Send;

    /// Writes if the condition holds ([`Write::fits`]). Called once it must not repeat the request by
    /// itself; an error of class `Lost` says that the effect is unknown.
    fn write(&self, key: &str, write: &Write) -> impl Future<Output = Result<Answer>> + Send;
}
