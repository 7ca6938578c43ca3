//! What tasks share through PostgreSQL besides payments: token buckets, values, and the sweeping of old keys.

use std::time::Duration;

use super::Postgres;
use crate::store::Lease;

/// Refills the bucket by the time passed, then takes what is wanted or what is there. The arithmetic is done twice
/// because `SET` sees only the old row.
const LEASE: &str = "
    INSERT INTO rate_buckets AS b (principal, tokens, granted, refilled_at)
    VALUES ($1, $2 - $4, $4, clock_timestamp())
    ON CONFLICT (principal) DO UPDATE SET
        granted = least($4, floor(least($2, b.tokens + greatest(0, extract(epoch FROM clock_timestamp() - b.refilled_at)) * $3)))::bigint,
        tokens = least($2, b.tokens + greatest(0, extract(epoch FROM clock_timestamp() - b.refilled_at)) * $3)
            - least($4, floor(least($2, b.tokens + greatest(0, extract(epoch FROM clock_timestamp() - b.refilled_at)) * $3))),
        refilled_at = clock_timestamp()
    RETURNING granted, tokens";

impl Postgres {
    pub(in crate::store) async fn lease(
        &self,
        name: &str,
        quota: u64,
        window: Duration,
        wanted: u64,
    ) -> Result<Lease, sqlx::Error> {
        #[expect(clippy::cast_precision_loss, reason = "quotas are far below 2^52")]
        let (quota, wanted) = (quota as f64, wanted as f64);
        let statement = sqlx::query_as(LEASE)
            .bind(name)
            .bind(quota)
            .bind(quota / window.as_secs_f64())
            .bind(wanted);
        self.sessions.open().await?.one(statement).await
    }

    pub(in crate::store) async fn shared_value(
        &self,
        name: &str,
        candidate: &[u8],
    ) -> Result<Vec<u8>, sqlx::Error> {
        // The update of nothing makes the row that was there first come back.
        let statement = sqlx::query_as(
            "INSERT INTO shared_values AS kept (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = kept.value RETURNING value",
        );
        let statement = statement.bind(name).bind(candidate);
        let (value,) = self.sessions.open().await?.one(statement).await?;
        Ok(value)
    }

    pub(in crate::store) async fn sweep(&self) -> Result<u64, sqlx::Error> {
        // In portions, so that no lock is held for long; another task's portion is not waited for.
        let statement = sqlx::query(
            "DELETE FROM idempotency_keys WHERE (scope, key) IN
             (SELECT scope, key FROM idempotency_keys WHERE expires_at <= clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        );
        self.sessions.open().await?.execute(statement).await
    }
}
