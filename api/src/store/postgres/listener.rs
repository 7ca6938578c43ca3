//! Hearing what other tasks change, over `LISTEN`, and noticing when nothing can be heard.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use uuid::Uuid;

use super::Postgres;

/// A silent connection is asked for a sign of life this often.
const PULSE: Duration = Duration::from_secs(1);

/// What another task tells.
pub(crate) enum Notice {
    /// A payment was changed.
    Payment(Uuid),
    /// An API key was revoked.
    ApiKeys,
    /// Something that a later release may know.
    Other,
}

impl Notice {
    fn read(text: &str) -> Self {
        match Uuid::try_parse(text) {
            Ok(id) => Self::Payment(id),
            Err(_) if text == "api keys" => Self::ApiKeys,
            Err(_) => Self::Other,
        }
    }
}

/// How long a notification of our own may take.
const ECHO: Duration = Duration::from_secs(2);

/// A connection that hears changes of payments.
pub(crate) struct Listener {
    inner: PgListener,
    pool: PgPool,
}

impl Listener {
    pub(in crate::store) async fn start(postgres: &Postgres) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(Duration::from_secs(2))
            .connect_lazy_with(postgres.how().options.clone());
        let mut inner = PgListener::connect_with(&pool).await?;
        inner.eager_reconnect(false);
        inner.listen("payment_changed").await?;
        let mut listener = Self { inner, pool };
        tokio::time::timeout(ECHO, listener.prove())
            .await
            .map_err(|_| sqlx::Error::Protocol("notifications do not arrive".to_owned()))??;
        Ok(listener)
    }

    /// Sends a notification from another connection and waits for it: a proxy in between may accept `LISTEN` and pass
    /// nothing on, and what is cached then would never be invalidated.
    async fn prove(&mut self) -> Result<(), sqlx::Error> {
        let echo = format!("echo {}", Uuid::now_v7());
        let query = sqlx::query("SELECT pg_notify('payment_changed', $1)");
        query.bind(&echo).execute(&self.pool).await?;
        while self.inner.recv().await?.payload() != echo {}
        Ok(())
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    /// When the connection was lost or is silent: changes may have been missed.
    pub(crate) async fn next(&mut self) -> Result<Notice, sqlx::Error> {
        loop {
            match tokio::time::timeout(PULSE, self.inner.try_recv()).await {
                Ok(Ok(Some(received))) => return Ok(Notice::read(received.payload())),
                Ok(Ok(None)) => return Err(sqlx::Error::PoolClosed),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    let pulse = sqlx::query("SELECT 1").execute(&mut self.inner);
                    tokio::time::timeout(PULSE, pulse)
                        .await
                        .map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { pool.close().await });
        }
    }
}
