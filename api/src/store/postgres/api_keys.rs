//! API keys in PostgreSQL.

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::Postgres;
use crate::store::ApiKey;

impl Postgres {
    pub(in crate::store) async fn create_api_key(
        &self,
        key: &ApiKey,
        digest: [u8; 32],
    ) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let query = sqlx::query(
            "INSERT INTO api_keys (id, name, digest, can_read, can_write, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.id)
        .bind(&key.name)
        .bind(digest.as_slice())
        .bind(key.can_read)
        .bind(key.can_write)
        .bind(key.created_at);
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }

    pub(in crate::store) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let query = sqlx::query(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE digest = $1 AND revoked_at IS NULL",
        );
        let outcome = query.bind(digest.as_slice()).fetch_optional(&mut *connection).await;
        connection.settle(outcome)?.as_ref().map(api_key).transpose()
    }

    pub(in crate::store) async fn api_keys(&self) -> Result<Vec<ApiKey>, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let query = sqlx::query(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE revoked_at IS NULL ORDER BY id DESC",
        );
        let outcome = query.fetch_all(&mut *connection).await;
        connection.settle(outcome)?.iter().map(api_key).collect()
    }

    pub(in crate::store) async fn revoke_api_key(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let query = sqlx::query(
            "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL",
        );
        let outcome = query.bind(id).execute(&mut *connection).await;
        connection.settle(outcome).map(|done| done.rows_affected() == 1)
    }
}

fn api_key(row: &PgRow) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        can_read: row.try_get(2)?,
        can_write: row.try_get(3)?,
        created_at: row.try_get(4)?,
    })
}
