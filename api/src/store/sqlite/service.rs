//! What SQLite keeps besides payments: API keys, the outbox, shared values.

use std::time::Duration;

use uuid::Uuid;

use super::Sqlite;
use crate::{
    payment::now,
    store::{ApiKey, Delivery, rows::Moment},
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
        .bind(Moment(key.created_at));
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }

    pub(in crate::store) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE digest = $1 AND revoked_at IS NULL",
        );
        let outcome = query.bind(digest.as_slice()).fetch_optional(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn api_keys(&self) -> Result<Vec<ApiKey>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE revoked_at IS NULL ORDER BY id DESC",
        );
        let outcome = query.fetch_all(&mut *connection).await;
        connection.settle(outcome)
    }

    pub(in crate::store) async fn revoke_api_key(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query =
            sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
        let outcome = query.bind(id).bind(Moment(now())).execute(&mut *connection).await;
        connection.settle(outcome).map(|done| done.rows_affected() == 1)
    }

    pub(in crate::store) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let mut connection = self.service.lend().await?;
        let query = sqlx::query_as(
            "UPDATE outbox SET attempts = attempts + 1, due_at = $2
             WHERE id IN (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $3)
             RETURNING id, kind, payment_id, status, version, trace_id, at, attempts",
        );
        let query = query.bind(Moment(now())).bind(Moment(now() + hold)).bind(most);
        let outcome = query.fetch_all(&mut *connection).await;
        connection.settle(outcome)
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
                .bind(Moment(now() + pause)),
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
        let outcome = query.bind(Moment(now())).execute(&mut *connection).await;
        connection.settle(outcome).map(|done| done.rows_affected())
    }
}
