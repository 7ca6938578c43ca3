//! What SQLite keeps besides payments: API keys, the outbox, shared values.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::Sqlite;
use crate::{
    payment::{Actor, now},
    store::{
        ApiKey, ApiKeyEvent, Backlog, Delivery, Settled,
        rows::{ApiKeyRow, Moment},
    },
};

/// The columns of an API key.
macro_rules! key_columns {
    () => {
        "id, name, client, can_read, can_write, created_at, created_by, last_used_at, revoked_at"
    };
}

impl Sqlite {
    pub(in crate::store) async fn shared_value(
        &self,
        name: &str,
        candidate: &[u8],
    ) -> Result<Vec<u8>, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query_scalar(
            "INSERT INTO shared_values AS kept (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = kept.value RETURNING value",
        );
        let outcome = query.bind(name).bind(candidate).fetch_one(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn create_api_key(
        &self,
        key: &ApiKey,
        digest: [u8; 32],
        actor: &Actor,
    ) -> Result<(), sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let work = async {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query(
                "INSERT INTO api_keys (id, name, client, digest, can_read, can_write, created_at, created_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(key.id)
            .bind(&key.name)
            .bind(&key.client)
            .bind(digest.as_slice())
            .bind(key.can_read)
            .bind(key.can_write)
            .bind(Moment(key.created_at))
            .bind(&actor.name)
            .execute(&mut *transaction)
            .await?;
            note_key_event(&mut transaction, key.id, "created", actor).await?;
            transaction.commit().await
        };
        let outcome = work.await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(concat!(
            "SELECT ",
            key_columns!(),
            " FROM api_keys WHERE digest = $1 AND revoked_at IS NULL"
        ));
        let outcome = query.bind(digest.as_slice()).fetch_optional(&mut *connection).await;
        let row: Option<ApiKeyRow> = connection.settle(outcome)?;
        Ok(row.map(ApiKey::from))
    }

    pub(in crate::store) async fn api_keys(
        &self,
        revoked_too: bool,
    ) -> Result<Vec<ApiKey>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(concat!(
            "SELECT ",
            key_columns!(),
            " FROM api_keys WHERE $1 OR revoked_at IS NULL ORDER BY id DESC LIMIT 1000"
        ));
        let outcome = query.bind(revoked_too).fetch_all(&mut *connection).await;
        let rows: Vec<ApiKeyRow> = connection.settle(outcome)?;
        Ok(rows.into_iter().map(ApiKey::from).collect())
    }

    pub(in crate::store) async fn api_key_events(
        &self,
        id: Uuid,
    ) -> Result<Vec<ApiKeyEvent>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(
            "SELECT kind, actor, request_id, trace_id, at FROM api_key_events WHERE api_key_id = $1 ORDER BY at, kind",
        );
        let outcome = query.bind(id).fetch_all(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn note_key_use(&self, id: Uuid) -> Result<(), sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let minute = now().replace_second(0).and_then(|at| at.replace_millisecond(0));
        let query = sqlx::query(
            "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        );
        let query = query.bind(id).bind(Moment(minute.unwrap_or_else(|_| now())));
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }

    pub(in crate::store) async fn revoke_api_key(
        &self,
        id: Uuid,
        actor: &Actor,
    ) -> Result<bool, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let work = async {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            let ended = sqlx::query(
                "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            )
            .bind(id)
            .bind(Moment(now()))
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                == 1;
            if ended {
                note_key_event(&mut transaction, id, "revoked", actor).await?;
            }
            transaction.commit().await?;
            Ok(ended)
        };
        let outcome = work.await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query_as(
            "UPDATE outbox SET attempts = attempts + 1, due_at = $2
             WHERE id IN (SELECT id FROM outbox WHERE due_at <= $1 AND dead_at IS NULL ORDER BY due_at LIMIT $3)
             RETURNING id, kind, payment_id, status, version, trace_id, at, attempts",
        );
        let query = query.bind(Moment(now())).bind(Moment(now() + hold)).bind(most);
        let outcome = query.fetch_all(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn settle_delivery(
        &self,
        id: Uuid,
        settled: Settled,
    ) -> Result<(), sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = match settled {
            Settled::Received => sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id),
            Settled::Again(pause) => sqlx::query("UPDATE outbox SET due_at = $2 WHERE id = $1")
                .bind(id)
                .bind(Moment(now() + pause)),
            Settled::GivenUp => sqlx::query("UPDATE outbox SET dead_at = $2 WHERE id = $1")
                .bind(id)
                .bind(Moment(now())),
        };
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }

    pub(in crate::store) async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE dead_at IS NULL) AS waiting, count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,
                coalesce(($1 - min(at) FILTER (WHERE dead_at IS NULL)) / 1000.0, 0.0) AS oldest
             FROM outbox",
        );
        let outcome = query.bind(Moment(now())).fetch_one(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn sweep(&self) -> Result<u64, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query(
            "DELETE FROM idempotency_keys WHERE (scope, key) IN
             (SELECT scope, key FROM idempotency_keys WHERE expires_at <= $1 LIMIT 1000)",
        );
        let outcome = query.bind(Moment(now())).execute(&mut *connection).await;
        connection.settle(outcome).map(|done| done.rows_affected())
    }
}

async fn note_key_event(
    connection: &mut SqliteConnection,
    id: Uuid,
    kind: &str,
    actor: &Actor,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO api_key_events (api_key_id, kind, actor, request_id, trace_id, at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(kind)
    .bind(&actor.name)
    .bind(&actor.request_id)
    .bind(&actor.trace_id)
    .bind(Moment(now()))
    .execute(connection)
    .await
    .map(|_| ())
}
