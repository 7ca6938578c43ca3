//! Rows by the names of their columns, the same for both databases.

use sqlx::{
    Database, Decode, Encode, FromRow, Postgres, Sqlite, Type, encode::IsNull, error::BoxDynError,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Answer, ApiKey, corrupt, records::Created};
use crate::payment::{Event, Payment, Status, data::Data, money::Money};

/// A moment as a database keeps it: `timestamptz` in Postgres, milliseconds since 1970 in SQLite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) OffsetDateTime);

impl From<Moment> for OffsetDateTime {
    fn from(Moment(at): Moment) -> Self {
        at
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Moment {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        <OffsetDateTime as Decode<'r, Postgres>>::decode(value).map(Self)
    }
}

impl Type<Sqlite> for Moment {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(kind: &<Sqlite as Database>::TypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(kind)
    }
}

impl<'r> Decode<'r, Sqlite> for Moment {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let millis = i128::from(<i64 as Decode<'r, Sqlite>>::decode(value)?);
        Ok(Self(OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000)?))
    }
}

impl<'q> Encode<'q, Sqlite> for Moment {
    fn encode_by_ref(
        &self,
        buffer: &mut <Sqlite as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        let millis = i64::try_from(self.0.unix_timestamp_nanos() / 1_000_000)?;
        <i64 as Encode<'q, Sqlite>>::encode(millis, buffer)
    }
}

#[derive(FromRow)]
pub(super) struct PaymentRow {
    id: Uuid,
    status: String,
    data: String,
    amount_minor: i64,
    version: i32,
    created_at: Moment,
    updated_at: Moment,
    deleted_at: Option<Moment>,
}

impl TryFrom<PaymentRow> for Payment {
    type Error = sqlx::Error;

    fn try_from(row: PaymentRow) -> Result<Self, sqlx::Error> {
        let status = Status::from_name(&row.status)
            .ok_or_else(|| corrupt(format!("unknown status {:?}", row.status)))?;
        Ok(Self {
            id: row.id,
            status,
            data: Data::from_stored(row.data).map_err(corrupt)?,
            amount: Money::from_minor(row.amount_minor).map_err(corrupt)?,
            version: row.version,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            deleted_at: row.deleted_at.map(OffsetDateTime::from),
        })
    }
}

#[derive(FromRow)]
pub(super) struct EventRow {
    version: i32,
    kind: String,
    from_status: Option<String>,
    to_status: String,
    actor: String,
    request_id: String,
    trace_id: String,
    at: Moment,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        let EventRow { version, kind, from_status, to_status, actor, request_id, trace_id, at } =
            row;
        Self { version, kind, from_status, to_status, actor, request_id, trace_id, at: at.0 }
    }
}

#[derive(FromRow)]
pub(super) struct ApiKeyRow {
    id: Uuid,
    name: String,
    client: Option<String>,
    can_read: bool,
    can_write: bool,
    created_at: Moment,
    created_by: Option<String>,
    last_used_at: Option<Moment>,
    revoked_at: Option<Moment>,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            client: row.client,
            can_read: row.can_read,
            can_write: row.can_write,
            created_at: row.created_at.0,
            created_by: row.created_by,
            last_used_at: row.last_used_at.map(OffsetDateTime::from),
            revoked_at: row.revoked_at.map(OffsetDateTime::from),
        }
    }
}

/// What an idempotency key was used for.
#[derive(FromRow)]
pub(super) struct KeyRow {
    fingerprint: Vec<u8>,
    status: i16,
    etag: String,
    location: String,
    body: String,
}

impl TryFrom<KeyRow> for Created {
    type Error = sqlx::Error;

    fn try_from(row: KeyRow) -> Result<Self, sqlx::Error> {
        let fingerprint = row.fingerprint.try_into();
        let fingerprint = fingerprint.map_err(|_| corrupt("a fingerprint is not 32 bytes long"))?;
        let status = u16::try_from(row.status).map_err(corrupt)?;
        let answer = Answer { status, etag: row.etag, location: row.location, body: row.body };
        Ok(Self::Before(fingerprint, answer))
    }
}
