//! API keys in PostgreSQL.

use uuid::Uuid;

use super::Postgres;
use crate::store::ApiKey;

impl Postgres {
    pub(in crate::store) async fn create_api_key(
        &self,
        key: &ApiKey,
        digest: [u8; 32],
    ) -> Result<(), sqlx::Error> {
        let statement = sqlx::query(
            "INSERT INTO api_keys (id, name, digest, can_read, can_write, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.id)
        .bind(&key.name)
        .bind(digest.as_slice())
        .bind(key.can_read)
        .bind(key.can_write)
        .bind(key.created_at);
        self.sessions.open().await?.execute(statement).await.map(|_| ())
    }

    pub(in crate::store) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, sqlx::Error> {
        let statement = sqlx::query_as(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE digest = $1 AND revoked_at IS NULL",
        );
        self.sessions.open().await?.optional(statement.bind(digest.as_slice())).await
    }

    pub(in crate::store) async fn api_keys(&self) -> Result<Vec<ApiKey>, sqlx::Error> {
        let statement = sqlx::query_as(
            "SELECT id, name, can_read, can_write, created_at FROM api_keys WHERE revoked_at IS NULL ORDER BY id DESC",
        );
        self.sessions.open().await?.all(statement).await
    }

    pub(in crate::store) async fn revoke_api_key(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        let statement = sqlx::query(
            "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL",
        );
        Ok(self.sessions.open().await?.execute(statement.bind(id)).await? == 1)
    }
}
