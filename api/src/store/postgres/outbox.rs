//! The outbox in PostgreSQL: several tasks take from it, and a row goes to one of them.

use std::time::Duration;

use uuid::Uuid;

use super::Postgres;
use crate::store::Delivery;

impl Postgres {
    pub(in crate::store) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let statement = sqlx::query_as(
            "UPDATE outbox SET attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $1)
             WHERE id IN (SELECT id FROM outbox WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING id, kind, payment_id, status, version, trace_id, at, attempts",
        );
        let statement = statement.bind(hold.as_secs_f64()).bind(most);
        self.sessions.open().await?.all(statement).await
    }

    pub(in crate::store) async fn settle_delivery(
        &self,
        id: Uuid,
        again: Option<Duration>,
    ) -> Result<(), sqlx::Error> {
        let statement = match again {
            None => sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id),
            Some(pause) => sqlx::query(
                "UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1",
            )
            .bind(id)
            .bind(pause.as_secs_f64()),
        };
        self.sessions.open().await?.execute(statement).await.map(|_| ())
    }
}
