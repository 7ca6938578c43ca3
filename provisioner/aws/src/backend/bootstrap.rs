//! The backend: the bucket and the table that hold every environment's state and lock.
//!
//! They are made once per account and Region, named by both, shared by all projects, and two first
//! runs may race to make them. Each setting is looked at and only a missing one is put, so that a
//! second run changes nothing.

mod bucket;
mod removal;
mod settings;
mod table;

pub use removal::destroy_backend;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_smithy_types::error::operation::BuildError;
use engine::clock::Backoff;
use engine::{Class, Clock, Error, Result};

use crate::Aws;

/// How long a fresh bucket may be unknown to some of S3 (Terraform's S3 propagation timeout), or busy
/// with a conflicting operation.
const PROPAGATION: Duration = Duration::from_mins(2);

/// How long a table may take to be made, changed or deleted.
const TABLE: Duration = Duration::from_mins(10);

/// Marks the backend's parts, which belong to no environment.
const SHARED: (&str, &str) = ("provisioner:shared", "backend");

/// Where an account's states and locks are in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `provisioner-state-<account>-<region>`: bucket names are global, so account and Region are in it.
    pub bucket: String,
    /// `provisioner-locks`.
    pub table: String,
    /// Twelve digits.
    pub account: String,
    pub region: String,
    /// The ARN of the key that encrypts both; S3's and DynamoDB's own when there is none.
    pub kms: Option<String>,
    /// The account's tags for both.
    pub tags: BTreeMap<String, String>,
}

impl Backend {
    /// The names unless the user says others, whether or not the things exist.
    #[must_use]
    pub fn of(account: &str, region: &str) -> Self {
        Self {
            bucket: format!("provisioner-state-{account}-{region}"),
            table: "provisioner-locks".into(),
            account: account.into(),
            region: region.into(),
            kms: None,
            tags: BTreeMap::new(),
        }
    }

    /// The tags of both: ours, and the account's.
    fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        std::iter::once(SHARED).chain(own)
    }

    /// What a refusal to read the bucket means. S3 gives reasons to the bucket's own account only (user
    /// guide, "Troubleshoot access denied (403 Forbidden) errors"): without one, it may be another's.
    pub(crate) fn refused(&self, failure: Error) -> Error {
        let reasoned = failure.message.contains("is not authorized to perform");
        if !failure.is(Class::Denied) || reasoned {
            return failure;
        }
        let action = failure.operation.as_deref().unwrap_or("s3:ListBucket");
        let message = format!(
            "the bucket {} cannot be used by account {}: either these credentials lack {action} on it, \
             or another account has taken its name; another name is `state: {{ bucket: NAME }}` in the \
             environment file ({})",
            self.bucket, self.account, failure.message
        );
        Error { class: Class::Foreign, message, ..failure }
    }
}

/// Makes what is missing of the backend. Ten reads and no change when all is there.
///
/// A run need not begin with this: reading the state of an account without a bucket gives none, and
/// taking a lock without a table fails with [`Class::Absent`].
///
/// # Errors
/// [`Class::Foreign`] when the bucket's name belongs to another account.
pub async fn ensure(aws: &Aws, backend: &Backend, clock: &Clock) -> Result<()> {
    let make = Making { aws, backend, clock };
    // The table comes last, so that whoever finds it finds the bucket as well, also after a first run
    // that was cut short.
    make.bucket().await?;
    make.table().await
}

/// What the steps share.
#[derive(Clone, Copy)]
struct Making<'a> {
    aws: &'a Aws,
    backend: &'a Backend,
    clock: &'a Clock,
}

impl Making<'_> {
    /// Repeats a call that may safely be made twice, while it fails in a way that passes.
    async fn patiently<T, F>(&self, budget: Duration, mut call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut backoff = Backoff::new();
        loop {
            let failure = match call().await {
                Err(failure) if passes(&failure) => failure,
                outcome => return outcome,
            };
            let Some(delay) = backoff.next(budget) else { return Err(failure) };
            self.clock.sleep(delay).await;
        }
    }
}

/// Whether a failure of a call that may be made twice goes away by itself. A bucket that was just made
/// is unknown in places, and two changes of one bucket or table at a time are refused.
fn passes(failure: &Error) -> bool {
    matches!(failure.class, Class::Throttled | Class::Transient | Class::Lost | Class::Blocked)
        || failure.code.as_deref() == Some("NoSuchBucket")
}

/// A request with a part missing: a mistake in this program.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unbuildable(error: BuildError) -> Error {
    Error::other(error.to_string())
}
