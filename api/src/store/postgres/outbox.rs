//! The outbox in PostgreSQL: several tasks take from it, and a row goes to one of them.

use std::time::Duration;

use uuid::Uuid;

use super::Postgres;
use crate::store::{Backlog, Delivery, Settled};

impl Postgres {
    pub(in crate::store) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let statement = sqlx::query_as(
            "UPDATE outbox SET attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $1)
             WHERE id IN (SELECT id FROM outbox WHERE due_at <= clock_timestamp() AND dead_at IS NULL ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING id, kind, payment_id, status, version, trace_id, at, attempts",
        );
        let statement = statement.bind(hold.as_secs_f64()).bind(most);
        self.sessions.open().await?.all(statement).await
    }

    pub(in crate::store) async fn settle_delivery(
        &self,
        id: Uuid,
        settled: Settled,
    ) -> Result<(), sqlx::Error> {
        let statement = match settled {
            Settled::Received => sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id),
            Settled::Again(pause) => sqlx::query(
                "UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1",
            )
            .bind(id)
            .bind(pause.as_secs_f64()),
            Settled::GivenUp => {
                sqlx::query("UPDATE outbox SET dead_at = clock_timestamp() WHERE id = $1").bind(id)
            }
        };
        self.sessions.open().await?.execute(statement).await.map(|_| ())
    }

    pub(in crate::store) async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let statement = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE dead_at IS NULL) AS waiting, count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,
                coalesce(extract(epoch FROM clock_timestamp() - min(at) FILTER (WHERE dead_at IS NULL)), 0)::float8 AS oldest
             FROM outbox",
        );
        self.sessions.open().await?.one(statement).await
    }
}
