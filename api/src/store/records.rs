//! What the store takes and gives besides payments.

use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::rows::Moment;

/// A create that must happen at most once.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Who and where: principal, method and route.
    pub scope: String,
    pub key: String,
    /// SHA-256 of the canonical request.
    pub fingerprint: [u8; 32],
    pub answer: Answer,
    /// How long the answer is remembered, by the database's clock.
    pub kept_for: Duration,
}

impl Claim {
    /// [`Claim::kept_for`] as an interval's seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.kept_for.as_secs_f64()
    }
}

/// An answer kept for replays.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub etag: String,
    pub location: String,
    pub body: String,
}

/// What became of a create.
#[derive(Debug)]
pub(crate) enum Created {
    New,
    /// The key was used before: the fingerprint and the answer of then.
    Before([u8; 32], Answer),
    /// The key is being used right now.
    InFlight,
}

/// An API key without its secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKey {
    pub id: Uuid,
    /// What it is for, as its maker said.
    pub name: String,
    /// Whom it was made for: the keys of one client share its idempotency keys, so that a new one can replace an old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client: Option<String>,
    pub can_read: bool,
    pub can_write: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The principal that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_by: Option<String>,
    /// To the minute.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked_at: Option<OffsetDateTime>,
}

/// What became of an API key, and who did it.
#[derive(Clone, Debug, FromRow, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKeyEvent {
    /// created or revoked.
    pub kind: String,
    /// The principal that did it.
    pub actor: String,
    pub request_id: String,
    pub trace_id: String,
    #[serde(with = "time::serde::rfc3339")]
    #[sqlx(try_from = "Moment")]
    pub at: OffsetDateTime,
}

/// What a shared token bucket gave.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct Lease {
    #[sqlx(try_from = "i64")]
    pub granted: u64,
    /// Tokens still in the bucket; below one when nothing was granted.
    #[sqlx(rename = "tokens")]
    pub left: f64,
}

/// A status change to be told to the webhook's receiver.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Delivery {
    pub id: Uuid,
    pub kind: String,
    pub payment_id: Uuid,
    pub status: String,
    pub version: i32,
    pub trace_id: String,
    #[sqlx(try_from = "Moment")]
    pub at: OffsetDateTime,
    /// How often it was tried before, this time included.
    pub attempts: i32,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Received,
    /// It is due again after a while.
    Again(Duration),
    /// Nobody tries it any more.
    GivenUp,
}

/// What is in the outbox.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub(crate) struct Backlog {
    pub waiting: i64,
    pub dead: i64,
    /// Seconds since the oldest change that waits.
    pub oldest: f64,
}

/// A row that our own checks would not have let in.
pub(super) fn corrupt(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(why.into())
}
