//! The statements of a write on SQLite. It has no data-modifying CTE: a write is several statements in one transaction.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::columns;
use crate::{
    payment::{Actor, Change, Payment, money::Money, now},
    store::{
        Claim, Created,
        rows::{KeyRow, Moment, PaymentRow},
    },
};

/// Keeps a new payment; runs inside the writer's transaction.
pub(super) async fn create(
    connection: &mut SqliteConnection,
    payment: &Payment,
    claim: Option<&Claim>,
    actor: &Actor,
    webhook: bool,
) -> Result<Created, sqlx::Error> {
    if let Some(claim) = claim
        && let Some(before) = take_key(connection, claim).await?
    {
        return Ok(before);
    }
    sqlx::query(
        "INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
         VALUES ($1, 'inserted', $2, $3, $4, 1, $5, $5)",
    )
    .bind(payment.id)
    .bind(payment.data.text())
    .bind(payment.amount.minor())
    .bind(Money::CURRENCY)
    .bind(Moment(payment.created_at))
    .execute(&mut *connection)
    .await?;
    record(connection, payment, None, "inserted", actor).await?;
    if webhook {
        tell(connection, payment, "inserted", actor).await?;
    }
    Ok(Created::New)
}

/// Takes the key for this create, or says what an earlier create answered.
async fn take_key(
    connection: &mut SqliteConnection,
    claim: &Claim,
) -> Result<Option<Created>, sqlx::Error> {
    let at = now();
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys AS kept (scope, key, fingerprint, status, etag, location, body, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (scope, key) DO UPDATE SET
             fingerprint = excluded.fingerprint, status = excluded.status, etag = excluded.etag,
             location = excluded.location, body = excluded.body, expires_at = excluded.expires_at
         WHERE kept.expires_at <= $9",
    )
    .bind(&claim.scope)
    .bind(&claim.key)
    .bind(claim.fingerprint.as_slice())
    .bind(i64::from(claim.answer.status))
    .bind(&claim.answer.etag)
    .bind(&claim.answer.location)
    .bind(&claim.answer.body)
    .bind(Moment(at + claim.kept_for))
    .bind(Moment(at))
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let row: KeyRow = sqlx::query_as(
        "SELECT fingerprint, status, etag, location, body FROM idempotency_keys WHERE scope = $1 AND key = $2",
    )
    .bind(&claim.scope)
    .bind(&claim.key)
    .fetch_one(&mut *connection)
    .await?;
    Created::try_from(row).map(Some)
}

/// Changes a payment where its state and version allow it; runs inside the writer's transaction.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    id: Uuid,
    change: Change,
    version: Option<i32>,
    actor: &Actor,
    webhook: bool,
) -> Result<Option<Payment>, sqlx::Error> {
    let (text, consumed_too) = match change {
        Change::Consume => (CONSUME, false),
        Change::Delete { consumed_too } => (DELETE, consumed_too),
        Change::Restore => (RESTORE, false),
    };
    let row: Option<PaymentRow> = sqlx::query_as(text)
        .bind(id)
        .bind(Moment(now()))
        .bind(version)
        .bind(consumed_too)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(after) = row.map(Payment::try_from).transpose()? else { return Ok(None) };
    let before = if change == Change::Consume { "inserted" } else { after.status.name() };
    record(connection, &after, Some(before), change.event(), actor).await?;
    if webhook {
        tell(connection, &after, change.event(), actor).await?;
    }
    Ok(Some(after))
}

macro_rules! change {
    ($set:literal, $where:literal) => {
        concat!(
            "UPDATE payments SET version = version + 1, updated_at = max(updated_at, $2), ",
            $set,
            " WHERE id = $1 AND ($3 IS NULL OR version = $3) AND ($4 OR true) AND ",
            $where,
            " RETURNING ",
            columns!()
        )
    };
}

const CONSUME: &str = change!("status = 'consumed'", "status = 'inserted' AND deleted_at IS NULL");
const DELETE: &str = change!(
    "deleted_at = max(updated_at, $2)",
    "(status = 'inserted' OR $4) AND deleted_at IS NULL"
);
const RESTORE: &str = change!("deleted_at = NULL", "deleted_at IS NOT NULL");

async fn record(
    connection: &mut SqliteConnection,
    after: &Payment,
    before: Option<&str>,
    kind: &str,
    actor: &Actor,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO payment_events (payment_id, version, kind, from_status, to_status, actor, request_id, trace_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(after.id)
    .bind(after.version)
    .bind(kind)
    .bind(before)
    .bind(after.status.name())
    .bind(&actor.name)
    .bind(&actor.request_id)
    .bind(&actor.trace_id)
    .bind(Moment(after.updated_at))
    .execute(connection)
    .await
    .map(|_| ())
}

async fn tell(
    connection: &mut SqliteConnection,
    after: &Payment,
    kind: &str,
    actor: &Actor,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO outbox (id, kind, payment_id, status, version, trace_id, at, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind(Uuid::now_v7())
    .bind(format!("payment.{kind}"))
    .bind(after.id)
    .bind(after.status.name())
    .bind(after.version)
    .bind(&actor.trace_id)
    .bind(Moment(after.updated_at))
    .execute(connection)
    .await
    .map(|_| ())
}
