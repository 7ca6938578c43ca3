//! Where payments live: one set of operations over Postgres and SQLite.
//!
//! Every operation passes [`Store::run`], which holds the time limit, the circuit breaker, the metrics and the trace.

mod pool;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    breaker::Breaker,
    payment::{Actor, Change, Event, Payment},
    query::{Filter, Page},
    settings::Settings,
};
use postgres::Postgres;
use sqlite::Sqlite;

/// Why the store did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The circuit breaker is open: the database was not even asked.
    #[error("the database is not asked for another {0:?}")]
    Open(Duration),
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database did not answer in time")]
    Timeout,
    /// A value that the database cannot hold.
    #[error("the database refused a value")]
    Refused(#[source] sqlx::Error),
    #[error("the database answered unexpectedly")]
    Unexpected(#[source] sqlx::Error),
    #[error("the migrations failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// A create that must happen at most once.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who and where: principal, method and route.
    pub scope: String,
    pub key: String,
    /// SHA-256 of the canonical request.
    pub fingerprint: [u8; 32],
    pub answer: Answer,
    pub expires_at: OffsetDateTime,
}

/// An answer kept for replays.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub etag: String,
    pub location: String,
    pub body: String,
}

/// What became of a create.
#[derive(Debug)]
pub enum Created {
    New,
    /// The key was used before: the fingerprint and the answer of then.
    Before([u8; 32], Answer),
    /// The key is being used right now.
    InFlight,
}

/// The database behind the API.
pub struct Store {
    backend: Backend,
    pub(crate) breaker: Breaker,
    limit: Duration,
}

enum Backend {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

/// Asks the backend, whichever it is.
macro_rules! ask {
    ($store:ident, $name:literal, $backend:ident => $work:expr) => {
        match &$store.backend {
            Backend::Postgres($backend) => $store.run($name, $work).await,
            Backend::Sqlite($backend) => $store.run($name, $work).await,
        }
    };
}

impl Store {
    /// Prepares the pools; nothing is connected yet.
    ///
    /// # Errors
    /// When the URL cannot be read. The text never holds the URL.
    pub fn new(settings: &Settings) -> Result<Self, StoreError> {
        let url = settings.database_url.expose_secret();
        let backend = if url.starts_with("sqlite:") {
            Backend::Sqlite(Sqlite::new(url, settings).map_err(StoreError::Unexpected)?)
        } else {
            Backend::Postgres(Postgres::new(url, settings).map_err(StoreError::Unexpected)?)
        };
        // A little less than the request has, so that the client hears which of the two was slow.
        let limit = settings.request_timeout.mul_f64(0.9);
        Ok(Self { backend, breaker: Breaker::new(settings.breaker_open), limit })
    }

    /// The database's name for health reports and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.backend {
            Backend::Postgres(_) => "postgresql",
            Backend::Sqlite(_) => "sqlite",
        }
    }

    /// Connections in use and idle.
    #[must_use]
    pub fn usage(&self) -> (usize, usize) {
        match &self.backend {
            Backend::Postgres(postgres) => postgres.pool.usage(),
            Backend::Sqlite(sqlite) => sqlite.usage(),
        }
    }

    /// Brings the schema up to date; safe when several tasks do it at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Postgres(postgres) => postgres.migrate().await,
            Backend::Sqlite(sqlite) => sqlite.migrate().await,
        }
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        ask!(self, "ping", db => db.ping())
    }

    /// Keeps a new payment with its audit event and, when there is one, its idempotency key.
    pub async fn create(&self, payment: &Payment, claim: Option<&Claim>, actor: &Actor) -> Result<Created, StoreError> {
        ask!(self, "create", db => db.create(payment, claim, actor))
    }

    /// Reads one payment, deleted ones too.
    pub async fn find(&self, id: Uuid) -> Result<Option<Payment>, StoreError> {
        ask!(self, "find", db => db.find(id))
    }

    /// Reads a page, newest first; returns at most one more than asked, which tells whether another page follows.
    pub async fn list(&self, filter: &Filter, page: Page) -> Result<Vec<Payment>, StoreError> {
        ask!(self, "list", db => db.list(filter, page))
    }

    /// Counts what a filter finds.
    pub async fn count(&self, filter: &Filter) -> Result<i64, StoreError> {
        ask!(self, "count", db => db.count(filter))
    }

    /// Changes one payment in one conditional statement; `None` when its state or version did not allow it.
    pub async fn change(
        &self,
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: &Actor,
    ) -> Result<Option<Payment>, StoreError> {
        ask!(self, "change", db => db.change(id, change, version, actor))
    }

    /// The audit trail of one payment, oldest first.
    pub async fn events(&self, id: Uuid) -> Result<Vec<Event>, StoreError> {
        ask!(self, "events", db => db.events(id))
    }

    async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let permit = self.breaker.enter().map_err(StoreError::Open)?;
        let started = Instant::now();
        let outcome = match tokio::time::timeout(self.limit, work).await {
            Ok(outcome) => outcome.map_err(classify),
            Err(_) => Err(StoreError::Timeout),
        };
        match &outcome {
            Err(StoreError::Unavailable(_) | StoreError::Timeout) => permit.failed(),
            _ => permit.succeeded(),
        }
        crate::metrics::database(operation, started.elapsed(), outcome.as_ref().err());
        outcome
    }
}

/// Sorts database errors by what a client can do about them (PostgreSQL documentation, appendix A, and SQLite result codes).
fn classify(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => {
            StoreError::Unavailable(error)
        }
        E::Database(refusal) => match refusal.code().as_deref() {
            Some("57014") => StoreError::Timeout,
            Some("25006") => StoreError::Unavailable(error),
            Some(code) if code.len() == 5 && ["08", "28", "3D", "40", "53", "57", "58"].contains(&&code[..2]) => {
                StoreError::Unavailable(error)
            }
            Some(code) if code.len() == 5 && code.starts_with("22") => StoreError::Refused(error),
            Some(code) if code.parse::<u32>().is_ok_and(|code| [5, 6, 8, 10, 13, 14].contains(&(code & 0xff))) => {
                StoreError::Unavailable(error)
            }
            _ => StoreError::Unexpected(error),
        },
        _ => StoreError::Unexpected(error),
    }
}

fn status(name: &str) -> Result<crate::payment::Status, sqlx::Error> {
    crate::payment::Status::from_name(name).ok_or_else(|| corrupt(format!("unknown status {name:?}")))
}

fn fingerprint(bytes: Vec<u8>) -> Result<[u8; 32], sqlx::Error> {
    bytes.try_into().map_err(|_| corrupt("a fingerprint is not 32 bytes long"))
}

/// A row that our own checks would not have let in.
fn corrupt(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(why.into())
}
