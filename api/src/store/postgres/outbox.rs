//! The outbox in PostgreSQL: several tasks take from it, and a row goes to one of them.

use std::time::Duration;

use sqlx::Row;
use uuid::Uuid;

use super::Postgres;
use crate::store::Delivery;

impl Postgres {
    pub(in crate::store) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let query = sqlx::query(
            "UPDATE outbox SET attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $1)
             WHERE id IN (SELECT id FROM outbox WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING id, kind, payment_id, status, version, trace_id, at, attempts",
        );
        let outcome = query.bind(hold.as_secs_f64()).bind(most).fetch_all(&mut *connection).await;
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
                    at: row.try_get(6)?,
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
        let mut connection = self.pool.lend().await?;
        let query = match again {
            None => sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id),
            Some(pause) => sqlx::query(
                "UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1",
            )
            .bind(id)
            .bind(pause.as_secs_f64()),
        };
        let outcome = query.execute(&mut *connection).await;
        connection.settle(outcome).map(|_| ())
    }
}
