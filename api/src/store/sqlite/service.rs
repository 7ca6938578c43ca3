//! What SQLite keeps besides payments: API keys, the outbox, shared values.

use std::time::Duration;

use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Sqlite, millis, moment};
use crate::{
    payment::now,
    store::{ApiKey, Delivery},
};

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
    ) -> Result<(), sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query(
            "INSERT INTO api_keys (id, name, digest, can_read, can_write, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.id)
        .bind(&key.name)
        .bind(digest.as_slice())
        .bind(key.can_read)
        .bind(key.can_write)
        .bind(millis(key.created_at));
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }

    pub(in crate::store) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE digest = $1 AND revoked_at IS NULL",
        );
        let outcome = query.bind(digest.as_slice()).fetch_optional(&mut *connection).await;
        connection.settle(outcome)?.as_ref().map(api_key).transpose()
    }

    pub(in crate::store) async fn api_keys(&self) -> Result<Vec<ApiKey>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE revoked_at IS NULL ORDER BY id DESC",
        );
        let outcome = query.fetch_all(&mut *connection).await;
        connection.settle(outcome)?.iter().map(api_key).collect()
    }

    pub(in crate::store) async fn revoke_api_key(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query =
            sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
        let outcome = query.bind(id).bind(millis(now())).execute(&mut *connection).await;
        connection.settle(outcome).map(|done| done.rows_affected() == 1)
    }

    pub(in crate::store) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query(
            "UPDATE outbox SET attempts = attempts + 1, due_at = $2
             WHERE id IN (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $3)
             RETURNING id, kind, payment_id, status, version, trace_id, at, attempts",
        );
        let outcome = query
            .bind(millis(now()))
            .bind(millis(now() + hold))
            .bind(most)
            .fetch_all(&mut *connection)
            .await;
        let rows = connection.settle(outcome)?;
        rows.iter()
            .map(|row| {
                Ok(Delivery {
                    id: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    payment_id: row.try_get(2)?,
                    status: row.try_get(3)?,
                    version: row.try_get(4)?,
                    trace_id: row.try_get(5)?,
                    at: moment(row.try_get(6)?)?,
                    attempts: row.try_get(7)?,
                })
            })
            .collect()
    }

    pub(in crate::store) async fn settle_delivery(
        &self,
        id: Uuid,
        again: Option<Duration>,
    ) -> Result<(), sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = match again {
            None => sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id),
            Some(pause) => sqlx::query("UPDATE outbox SET due_at = $2 WHERE id = $1")
                .bind(id)
                .bind(millis(now() + pause)),
        };
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }

    pub(in crate::store) async fn sweep(&self) -> Result<u64, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query(
            "DELETE FROM idempotency_keys WHERE (scope, key) IN
             (SELECT scope, key FROM idempotency_keys WHERE expires_at <= $1 LIMIT 1000)",
        );
        let outcome = query.bind(millis(now())).execute(&mut *connection).await;
        connection.settle(outcome).map(|done| done.rows_affected())
    }
}

fn api_key(row: &SqliteRow) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        can_read: row.try_get(2)?,
        can_write: row.try_get(3)?,
        created_at: moment(row.try_get(4)?)?,
    })
}
