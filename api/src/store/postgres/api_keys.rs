//! API keys in PostgreSQL. Making and revoking one leaves an event in the same statement.

use uuid::Uuid;

use super::Postgres;
use crate::{
    payment::Actor,
    store::{ApiKey, ApiKeyEvent, rows::ApiKeyRow},
};

/// The columns of an API key.
macro_rules! columns {
    () => {
        "id, name, client, can_read, can_write, created_at, created_by, last_used_at, revoked_at"
    };
}

impl Postgres {
    pub(in crate::store) async fn create_api_key(
        &self,
        key: &ApiKey,
        digest: [u8; 32],
        actor: &Actor,
    ) -> Result<(), sqlx::Error> {
        let statement = sqlx::query(
            "WITH made AS (
                INSERT INTO api_keys (id, name, client, digest, can_read, can_write, created_at, created_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id, created_at)
             INSERT INTO api_key_events (api_key_id, kind, actor, request_id, trace_id, at)
             SELECT id, 'created', $8, $9, $10, created_at FROM made",
        )
        .bind(key.id)
        .bind(&key.name)
        .bind(&key.client)
        .bind(digest.as_slice())
        .bind(key.can_read)
        .bind(key.can_write)
        .bind(key.created_at)
        .bind(&actor.name)
        .bind(&actor.request_id)
        .bind(&actor.trace_id);
        self.sessions.open().await?.execute(statement).await.map(|_| ())
    }

    pub(in crate::store) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, sqlx::Error> {
        let statement = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys WHERE digest = $1 AND revoked_at IS NULL"
        ));
        let row: Option<ApiKeyRow> =
            self.sessions.open().await?.optional(statement.bind(digest.as_slice())).await?;
        Ok(row.map(ApiKey::from))
    }

    pub(in crate::store) async fn api_keys(
        &self,
        revoked_too: bool,
    ) -> Result<Vec<ApiKey>, sqlx::Error> {
        let statement = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys WHERE $1 OR revoked_at IS NULL ORDER BY id DESC LIMIT 1000"
        ));
        let rows: Vec<ApiKeyRow> =
            self.sessions.open().await?.all(statement.bind(revoked_too)).await?;
        Ok(rows.into_iter().map(ApiKey::from).collect())
    }

    pub(in crate::store) async fn api_key_events(
        &self,
        id: Uuid,
    ) -> Result<Vec<ApiKeyEvent>, sqlx::Error> {
        let statement = sqlx::query_as(
            "SELECT kind, actor, request_id, trace_id, at FROM api_key_events WHERE api_key_id = $1 ORDER BY at, kind",
        );
        self.sessions.open().await?.all(statement.bind(id)).await
    }

    pub(in crate::store) async fn note_key_use(&self, id: Uuid) -> Result<(), sqlx::Error> {
        let statement = sqlx::query(
            "UPDATE api_keys SET last_used_at = date_trunc('minute', clock_timestamp())
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < date_trunc('minute', clock_timestamp()))",
        );
        self.sessions.open().await?.execute(statement.bind(id)).await.map(|_| ())
    }

    pub(in crate::store) async fn revoke_api_key(
        &self,
        id: Uuid,
        actor: &Actor,
    ) -> Result<bool, sqlx::Error> {
        let statement = sqlx::query_as(
            "WITH ended AS (
                UPDATE api_keys SET revoked_at = date_trunc('milliseconds', clock_timestamp())
                WHERE id = $1 AND revoked_at IS NULL RETURNING id, revoked_at),
             event AS (
                INSERT INTO api_key_events (api_key_id, kind, actor, request_id, trace_id, at)
                SELECT id, 'revoked', $2, $3, $4, revoked_at FROM ended)
             SELECT true, pg_notify('payment_changed', 'api keys')::text FROM ended",
        )
        .bind(id)
        .bind(&actor.name)
        .bind(&actor.request_id)
        .bind(&actor.trace_id);
        let ended: Option<(bool, Option<String>)> =
            self.sessions.open().await?.optional(statement).await?;
        Ok(ended.is_some())
    }
}
