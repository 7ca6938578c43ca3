//! What a payment is and how it may change. Nothing here knows HTTP or SQL.

pub(crate) mod data;
pub(crate) mod filter;
pub(crate) mod money;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{payment::data::Data, payment::money::Money};

/// The two states of the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Inserted,
    Consumed,
}

impl Status {
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Consumed => "consumed",
        }
    }

    #[must_use]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "inserted" => Some(Self::Inserted),
            "consumed" => Some(Self::Consumed),
            _ => None,
        }
    }
}

/// One payment, live or deleted (a tombstone keeps everything).
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub id: Uuid,
    pub status: Status,
    pub data: Data,
    pub amount: Money,
    /// Grows by one with every change; the ETag is made of it.
    pub version: i32,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub deleted_at: Option<OffsetDateTime>,
}

impl Payment {
    /// A new payment; its id and its creation time agree to the millisecond.
    #[must_use]
    pub(crate) fn new(amount: Money, data: Data) -> Self {
        let id = Uuid::now_v7();
        let at = created_at(id);
        Self {
            id,
            status: Status::Inserted,
            data,
            amount,
            version: 1,
            created_at: at,
            updated_at: at,
            deleted_at: None,
        }
    }

    /// The strong entity tag.
    #[must_use]
    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}

/// The time inside a UUID version 7 (RFC 9562 section 5.7), or 1970 for another version.
#[must_use]
pub(crate) fn created_at(id: Uuid) -> OffsetDateTime {
    let millis = id.get_timestamp().map_or(0, |stamp| {
        let (seconds, nanos) = stamp.to_unix();
        i128::from(seconds) * 1000 + i128::from(nanos / 1_000_000)
    });
    OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The smallest id that a payment created at this time or later can have.
#[must_use]
pub(crate) fn first_id(at: OffsetDateTime) -> Uuid {
    let millis = (at.unix_timestamp_nanos().max(0) + 999_999) / 1_000_000;
    Uuid::from_u128(u128::try_from(millis).unwrap_or_default() << 80)
}

/// The present time, cut to the millisecond that both databases keep.
#[must_use]
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

/// A change that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// inserted -> consumed
    Consume,
    /// inserted (and consumed, when the setting allows it) -> tombstone
    Delete { consumed_too: bool },
    /// tombstone -> as before
    Restore,
}

impl Change {
    /// The kind of event that records it.
    #[must_use]
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Consume => "consumed",
            Self::Delete { .. } => "deleted",
            Self::Restore => "restored",
        }
    }
}

/// Who asks, for the audit trail.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub name: String,
    /// Whose idempotency keys are meant.
    pub account: String,
    pub request_id: String,
    pub trace_id: String,
}

/// One line of a payment's audit trail.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Event {
    /// The version that the change made.
    pub version: i32,
    /// inserted, consumed, deleted or restored.
    pub kind: String,
    pub from_status: Option<String>,
    pub to_status: String,
    /// The principal that asked for it.
    pub actor: String,
    pub request_id: String,
    pub trace_id: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn ids_are_bounded_by_the_time_inside_them() {
        let id = Uuid::now_v7();
        let at = created_at(id);
        assert!(first_id(at) <= id && id < first_id(at + Duration::MILLISECOND));
        // Between two milliseconds nothing is created.
        assert_eq!(first_id(at + Duration::NANOSECOND), first_id(at + Duration::MILLISECOND));
        assert_eq!(first_id(OffsetDateTime::UNIX_EPOCH - Duration::DAY), Uuid::nil());
    }
}
