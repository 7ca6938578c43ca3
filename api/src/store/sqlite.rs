//! Payments in an SQLite file: one writer, several readers, and an fsync before anything is acknowledged.

use std::{str::FromStr, time::Duration};

use serde_json::Value;
use sqlx::{
    Connection, QueryBuilder, Row, Sqlite as Lite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Answer, Claim, Created, StoreError, pool::Pool};
use crate::{
    data::Data,
    money::Money,
    payment::{Actor, Change, Event, Payment, now},
    query::{Filter, Page},
    settings::Settings,
};

const READERS: u32 = 4;

pub(super) struct Sqlite {
    writer: Pool<SqliteConnection>,
    readers: Pool<SqliteConnection>,
}

impl Sqlite {
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: what was acknowledged survives a power cut, not only a crash of this process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(2))
            .pragma("temp_store", "memory");
        // Writers queue for their one connection as long as a request may last.
        let writer = Pool::new(options.clone(), 1, settings.request_timeout);
        let readers = Pool::new(options, READERS, settings.request_timeout);
        Ok(Self { writer, readers })
    }

    pub(super) fn usage(&self) -> (usize, usize) {
        let (writer, readers) = (self.writer.usage(), self.readers.usage());
        (writer.0 + readers.0, writer.1 + readers.1)
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.writer.open().await.map_err(super::classify)?;
        let mut migrator = sqlx::migrate!("migrations/sqlite");
        migrator.set_ignore_missing(true).run(&mut connection).await?;
        Ok(())
    }

    pub(super) async fn ping(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let outcome = sqlx::query("SELECT 1").execute(&mut *connection).await;
        connection.settle(outcome.map(|_| ()))
    }

    pub(super) async fn create(
        &self,
        payment: &Payment,
        claim: Option<&Claim>,
        actor: &Actor,
    ) -> Result<Created, sqlx::Error> {
        let mut connection = self.writer.lend().await?;
        let outcome = create(&mut connection, payment, claim, actor).await;
        connection.settle(outcome)
    }

    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Payment>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let outcome = sqlx::query(FIND).bind(id).fetch_optional(&mut *connection).await;
        connection.settle(outcome)?.as_ref().map(payment).transpose()
    }

    pub(super) async fn list(&self, filter: &Filter, page: Page) -> Result<Vec<Payment>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let mut query = QueryBuilder::new("SELECT ");
        query.push(COLUMNS).push(" FROM payments");
        push_filter(&mut query, filter, page.after);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(page.limit + 1);
        let outcome = query.build().fetch_all(&mut *connection).await;
        connection.settle(outcome)?.iter().map(payment).collect()
    }

    pub(super) async fn count(&self, filter: &Filter) -> Result<i64, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let mut query = QueryBuilder::new("SELECT count(*) FROM payments");
        push_filter(&mut query, filter, None);
        let outcome = query.build_query_scalar().fetch_one(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(super) async fn change(
        &self,
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: &Actor,
    ) -> Result<Option<Payment>, sqlx::Error> {
        let mut connection = self.writer.lend().await?;
        let outcome = apply(&mut connection, id, change, version, actor).await;
        connection.settle(outcome)
    }

    pub(super) async fn events(&self, id: Uuid) -> Result<Vec<Event>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query(
            "SELECT version, kind, from_status, to_status, actor, request_id, trace_id, at
             FROM payment_events WHERE payment_id = $1 ORDER BY version",
        );
        let outcome = query.bind(id).fetch_all(&mut *connection).await;
        connection.settle(outcome)?.iter().map(event).collect()
    }
}

const COLUMNS: &str = "id, status, data, amount_minor, version, created_at, updated_at, deleted_at";

const FIND: &str =
    "SELECT id, status, data, amount_minor, version, created_at, updated_at, deleted_at FROM payments WHERE id = $1";

async fn create(
    connection: &mut SqliteConnection,
    payment: &Payment,
    claim: Option<&Claim>,
    actor: &Actor,
) -> Result<Created, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if let Some(claim) = claim
        && let Some(before) = take_key(&mut transaction, claim, payment.created_at).await?
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
    .bind(millis(payment.created_at))
    .execute(&mut *transaction)
    .await?;
    record(&mut transaction, payment, None, "inserted", actor).await?;
    transaction.commit().await?;
    Ok(Created::New)
}

/// Takes the key for this create, or says what an earlier create answered.
async fn take_key(
    connection: &mut SqliteConnection,
    claim: &Claim,
    at: OffsetDateTime,
) -> Result<Option<Created>, sqlx::Error> {
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
    .bind(millis(claim.expires_at))
    .bind(millis(at))
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT fingerprint, status, etag, location, body FROM idempotency_keys WHERE scope = $1 AND key = $2",
    )
    .bind(&claim.scope)
    .bind(&claim.key)
    .fetch_one(&mut *connection)
    .await?;
    let answer =
        Answer { status: row.try_get(1)?, etag: row.try_get(2)?, location: row.try_get(3)?, body: row.try_get(4)? };
    Ok(Some(Created::Before(super::fingerprint(row.try_get(0)?)?, answer)))
}

async fn apply(
    connection: &mut SqliteConnection,
    id: Uuid,
    change: Change,
    version: Option<i32>,
    actor: &Actor,
) -> Result<Option<Payment>, sqlx::Error> {
    let (text, consumed_too) = match change {
        Change::Consume => (CONSUME, false),
        Change::Delete { consumed_too } => (DELETE, consumed_too),
        Change::Restore => (RESTORE, false),
    };
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let row = sqlx::query(text)
        .bind(id)
        .bind(millis(now()))
        .bind(version)
        .bind(consumed_too)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(after) = row.as_ref().map(payment).transpose()? else { return Ok(None) };
    let before = if change == Change::Consume { "inserted" } else { after.status.name() };
    record(&mut transaction, &after, Some(before), change.event(), actor).await?;
    transaction.commit().await?;
    Ok(Some(after))
}

macro_rules! change {
    ($set:literal, $where:literal) => {
        concat!(
            "UPDATE payments SET version = version + 1, updated_at = $2, ",
            $set,
            " WHERE id = $1 AND ($3 IS NULL OR version = $3) AND ($4 OR true) AND ",
            $where,
            " RETURNING id, status, data, amount_minor, version, created_at, updated_at, deleted_at"
        )
    };
}

const CONSUME: &str = change!("status = 'consumed'", "status = 'inserted' AND deleted_at IS NULL");
const DELETE: &str = change!("deleted_at = $2", "(status = 'inserted' OR $4) AND deleted_at IS NULL");
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
    .bind(millis(after.updated_at))
    .execute(connection)
    .await
    .map(|_| ())
}

fn push_filter(query: &mut QueryBuilder<Lite>, filter: &Filter, after: Option<Uuid>) {
    query.push(if filter.show_deleted { " WHERE true" } else { " WHERE deleted_at IS NULL" });
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after);
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.name());
    }
    if let Some(from) = filter.created_gte {
        query.push(" AND created_at >= ").push_bind(millis(from));
    }
    if let Some(until) = filter.created_lt {
        query.push(" AND created_at < ").push_bind(millis(until));
    }
    if let Some(least) = filter.amount_gte {
        query.push(" AND amount_minor >= ").push_bind(least);
    }
    if let Some(most) = filter.amount_lte {
        query.push(" AND amount_minor <= ").push_bind(most);
    }
    if let Some(contained) = &filter.data {
        push_contained(query, "$", &contained.0);
    }
}

/// What `@>` is on Postgres, member by member: the member exists there, is of the same kind and equal.
fn push_contained(query: &mut QueryBuilder<Lite>, path: &str, members: &serde_json::Map<String, Value>) {
    for (key, value) in members {
        let path = format!("{path}.{}", Value::String(key.clone()));
        let kind = match value {
            Value::Object(inner) => {
                query.push(" AND json_type(data, ").push_bind(path.clone()).push(") = 'object'");
                push_contained(query, &path, inner);
                continue;
            }
            Value::Null => "('null')",
            Value::Bool(true) => "('true')",
            Value::Bool(false) => "('false')",
            Value::Number(_) => "('integer', 'real')",
            Value::String(_) | Value::Array(_) => "('text')",
        };
        query.push(" AND json_type(data, ").push_bind(path.clone()).push(") IN ").push(kind);
        match value {
            Value::Number(number) => {
                query.push(" AND json_extract(data, ").push_bind(path).push(") = json_extract(");
                query.push_bind(number.to_string()).push(", '$')");
            }
            Value::String(text) => {
                query.push(" AND json_extract(data, ").push_bind(path).push(") = ").push_bind(text.clone());
            }
            _ => {}
        }
    }
}

fn payment(row: &SqliteRow) -> Result<Payment, sqlx::Error> {
    Ok(Payment {
        id: row.try_get(0)?,
        status: super::status(row.try_get(1)?)?,
        data: Data::from_stored(row.try_get(2)?).map_err(super::corrupt)?,
        amount: Money::from_minor(row.try_get(3)?).map_err(super::corrupt)?,
        version: row.try_get(4)?,
        created_at: moment(row.try_get(5)?)?,
        updated_at: moment(row.try_get(6)?)?,
        deleted_at: row.try_get::<Option<i64>, _>(7)?.map(moment).transpose()?,
    })
}

fn event(row: &SqliteRow) -> Result<Event, sqlx::Error> {
    Ok(Event {
        version: row.try_get(0)?,
        kind: row.try_get(1)?,
        from_status: row.try_get(2)?,
        to_status: row.try_get(3)?,
        actor: row.try_get(4)?,
        request_id: row.try_get(5)?,
        trace_id: row.try_get(6)?,
        at: moment(row.try_get(7)?)?,
    })
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

fn moment(millis: i64) -> Result<OffsetDateTime, sqlx::Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(super::corrupt)
}
