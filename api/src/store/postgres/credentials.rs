//! Passwords that change: connecting another way, and leaving in turn.

use std::{
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, postgres::PgConnectOptions};

use super::{Postgres, options};
use crate::store::pool::Lent;

/// How long a task waits for the successor of the one that left before it.
const SUCCESSOR_PATIENCE: Duration = Duration::from_mins(5);
/// How long refusals may still be those of the URL before.
const REPLACED_LATELY: Duration = Duration::from_secs(10);
/// The advisory lock of the one task that leaves because its password is refused.
const LEAVING_LOCK: i64 = 0x7061_795f_6c65_6176;

/// How connections are opened now.
pub(super) struct Connecting {
    url: SecretString,
    pub(super) options: PgConnectOptions,
    replaced: Option<Instant>,
}

impl Connecting {
    pub(super) fn new(url: &str, options: PgConnectOptions) -> Self {
        Self { url: url.to_owned().into(), options, replaced: None }
    }
}

impl Postgres {
    pub(super) fn how(&self) -> MutexGuard<'_, Connecting> {
        self.how.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens connections with another URL from now on: another password, most likely. False when it is the same one.
    pub(in crate::store) fn replace_url(&self, url: SecretString) -> Result<bool, sqlx::Error> {
        let mut how = self.how();
        if how.url.expose_secret() == url.expose_secret() {
            return Ok(false);
        }
        let options = options(url.expose_secret())?;
        self.pool.replace_options(options.clone());
        *how = Connecting { url, options, replaced: Some(Instant::now()) };
        Ok(true)
    }

    pub(in crate::store) fn was_replaced_lately(&self) -> bool {
        self.how().replaced.is_some_and(|at| at.elapsed() < REPLACED_LATELY)
    }

    /// Whether any connection is open.
    pub(in crate::store) fn has_connections(&self) -> bool {
        self.pool.usage() != (0, 0)
    }

    /// Takes the turn to leave, which one task at a time may have, on a connection that is still open; `None` when another
    /// has it. The turn ends with the connection, that is with the process.
    pub(in crate::store) async fn take_turn(&self) -> Result<Option<Turn>, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let (taken,): (bool,) = sqlx::query_as("SELECT pg_try_advisory_lock($1)")
            .bind(LEAVING_LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if taken {
            return Ok(Some(Turn(connection)));
        }
        connection.settle(Ok(None))
    }
}

/// The turn of a task that leaves; it is kept until the process ends.
pub(crate) struct Turn(Lent<PgConnection>);

impl Turn {
    /// Whether whoever left last was replaced, by the sessions that the server shows, or left long ago.
    pub(in crate::store) async fn may_leave(&mut self) -> Result<bool, sqlx::Error> {
        let (may_leave,): (bool,) = sqlx::query_as(
            "WITH kept AS MATERIALIZED (SELECT value FROM shared_values WHERE name = 'last leaving'),
             last_leaving AS (SELECT convert_from(value, 'UTF8')::timestamptz AS at FROM kept)
             SELECT NOT EXISTS (
                SELECT FROM last_leaving WHERE at > clock_timestamp() - make_interval(secs => $1)
                AND NOT EXISTS (
                    SELECT FROM pg_stat_activity
                    WHERE application_name = 'payments-api' AND datname = current_database()
                    AND backend_start > last_leaving.at))",
        )
        .bind(SUCCESSOR_PATIENCE.as_secs_f64())
        .fetch_one(&mut *self.0)
        .await?;
        Ok(may_leave)
    }

    /// Tells the tasks that leave next.
    pub(in crate::store) async fn note_leaving(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO shared_values (name, value)
             VALUES ('last leaving', convert_to(clock_timestamp()::text, 'UTF8'))
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .execute(&mut *self.0)
        .await
        .map(|_| ())
    }
}
