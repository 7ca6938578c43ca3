//! Where payments live: one set of operations over Postgres and SQLite.
//!
//! Every operation passes [`Store::run`], which holds the time limit, the circuit breaker, the metrics and the trace.

pub(crate) mod breaker;
pub(crate) mod cache;
mod credentials;
mod failure;
mod filter;
mod in_flight;
mod page;
mod pool;
mod postgres;
mod records;
mod rows;
mod sqlite;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    payment::filter::{Filter, FoundPage, Page},
    payment::{Actor, Change, Event, Payment},
    settings::Settings,
    store::breaker::Breaker,
    store::cache::Payments,
};
pub(crate) use failure::StoreError;
use failure::{classify, concerns_writes};
use in_flight::InFlight;
use postgres::Postgres;
pub(crate) use postgres::listener::{Listener, Notice};
use records::corrupt;
pub(crate) use records::{
    Answer, ApiKey, ApiKeyEvent, Backlog, Claim, Created, Delivery, Lease, Settled,
};
use sqlite::Sqlite;

/// The database behind the API.
pub(crate) struct Store {
    backend: Backend,
    pub(crate) reads: Breaker,
    pub(crate) writes: Breaker,
    pub(crate) keys_in_flight: InFlight,
    pub(crate) cache: Payments,
    limit: Duration,
    /// The file to read the URL from again.
    url_file: Option<PathBuf>,
    /// Cancelled when the database takes our credentials no longer.
    refused: CancellationToken,
}

enum Backend {
    Postgres(Box<Postgres>),
    Sqlite(Box<Sqlite>),
}

/// Whether other tasks' changes can be listened for.
pub(crate) enum Listening {
    /// There are no other tasks.
    Alone,
    With(Listener),
    /// A pooler is in between, and it does not pass notifications on.
    Impossible,
}

/// What an operation does, which decides what its failures say about the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Read,
    /// A count or a filtered list: how long it takes depends on what is asked.
    Search,
    Write,
}

/// Asks the backend, whichever it is.
macro_rules! ask {
    ($store:ident, $kind:ident $name:literal, $backend:ident => $work:expr) => {
        match &$store.backend {
            Backend::Postgres($backend) => $store.run(Work::$kind, $name, $work).await,
            Backend::Sqlite($backend) => $store.run(Work::$kind, $name, $work).await,
        }
    };
}

impl Store {
    /// Prepares the pools; nothing is connected yet.
    ///
    /// # Errors
    /// When the URL cannot be read. The text never holds the URL.
    pub(crate) fn new(settings: &Settings) -> Result<Self, StoreError> {
        let url = settings.database_url.expose_secret();
        let is_sqlite = url.starts_with("sqlite:");
        // Processes that share an ephemeral file do not hear of each other's writes.
        let shares_file = is_sqlite && settings.database_ephemeral;
        let cache = Payments::new(if shares_file { 0 } else { settings.cache_entries });
        let backend = if is_sqlite {
            Backend::Sqlite(Box::new(
                Sqlite::new(url, settings, cache.writes()).map_err(StoreError::Unexpected)?,
            ))
        } else {
            Backend::Postgres(Box::new(
                Postgres::new(url, settings).map_err(StoreError::Unexpected)?,
            ))
        };
        // A little less than the request has, so that the client hears which of the two was slow.
        let limit = settings.request_timeout.mul_f64(0.9);
        Ok(Self {
            backend,
            reads: Breaker::new("reads", settings.breaker_open),
            writes: Breaker::new("writes", settings.breaker_open),
            keys_in_flight: InFlight::default(),
            cache,
            limit,
            url_file: settings.database_url_file.clone(),
            refused: CancellationToken::new(),
        })
    }

    /// The database's name for health reports and metrics.
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match &self.backend {
            Backend::Postgres(_) => "postgresql",
            Backend::Sqlite(_) => "sqlite",
        }
    }

    /// Connections in use and idle.
    #[must_use]
    pub(crate) fn usage(&self) -> (usize, usize) {
        match &self.backend {
            Backend::Postgres(postgres) => postgres.pool.usage(),
            Backend::Sqlite(sqlite) => sqlite.usage(),
        }
    }

    /// Brings the schema up to date; safe when several tasks do it at once.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Postgres(postgres) => postgres.migrate().await,
            Backend::Sqlite(sqlite) => sqlite.migrate().await,
        }
    }

    /// Why it is useless to wait for a database that could not be prepared: what to say about `DATABASE_URL`. `None`
    /// when the failure may pass.
    #[must_use]
    pub(crate) fn hopeless(&self, error: &StoreError) -> Option<String> {
        match &self.backend {
            Backend::Postgres(_) => postgres::hopeless(error.cause()?),
            Backend::Sqlite(sqlite) => sqlite.hopeless(error),
        }
    }

    /// Whether reads and writes worked lately, as far as is known without asking.
    #[must_use]
    pub(crate) fn answers(&self) -> bool {
        self.reads.state() == "closed" && self.writes.state() == "closed"
    }

    /// Asks for a sign of life.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        ask!(self, Read "ping", db => db.ping())
    }

    /// Keeps a new payment with its audit event and, when there is one, its idempotency key.
    pub(crate) async fn create(
        &self,
        payment: &Payment,
        claim: Option<&Claim>,
        actor: &Actor,
    ) -> Result<Created, StoreError> {
        ask!(self, Write "create", db => db.create(payment, claim, actor))
    }

    /// Reads one payment, deleted ones too, from the cache when it may.
    pub(crate) async fn read(&self, id: Uuid) -> Result<Option<Arc<Payment>>, StoreError> {
        self.cache.read(id, || self.find(id)).await
    }

    /// Reads one payment from the database, deleted ones too.
    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<Payment>, StoreError> {
        ask!(self, Read "find", db => db.find(id))
    }

    /// Reads a page, newest first.
    pub(crate) async fn list(&self, filter: &Filter, page: Page) -> Result<FoundPage, StoreError> {
        if filter.is_plain() {
            ask!(self, Read "list", db => db.list(page))
        } else {
            ask!(self, Search "search", db => db.search(filter, page))
        }
    }

    /// Counts what a filter finds.
    pub(crate) async fn count(&self, filter: &Filter) -> Result<i64, StoreError> {
        ask!(self, Search "count", db => db.count(filter))
    }

    /// Changes one payment in one conditional statement; `None` when its state or version did not allow it.
    pub(crate) async fn change(
        &self,
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: &Actor,
    ) -> Result<Option<Payment>, StoreError> {
        let outcome = ask!(self, Write "change", db => db.change(id, change, version, actor));
        // Whatever was answered, a write may have happened.
        self.cache.writes().note(id);
        outcome
    }

    /// The audit trail of one payment after a version, oldest first.
    pub(crate) async fn events(
        &self,
        id: Uuid,
        after: i32,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        ask!(self, Read "events", db => db.events(id, after, limit))
    }

    /// Whether token buckets are shared with other tasks.
    #[must_use]
    pub(crate) fn shares_buckets(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// Takes up to `wanted` tokens out of a shared bucket that holds `quota` and refills it once per `window`.
    pub(crate) async fn lease(
        &self,
        name: &str,
        quota: u64,
        window: Duration,
        wanted: u64,
    ) -> Result<Lease, StoreError> {
        match &self.backend {
            Backend::Postgres(db) => {
                self.run(Work::Write, "lease", db.lease(name, quota, window, wanted)).await
            }
            Backend::Sqlite(_) => Ok(Lease { granted: wanted, left: 0.0 }),
        }
    }

    /// The value that all tasks share under a name: the candidate, unless another was there first.
    pub(crate) async fn shared_value(
        &self,
        name: &str,
        candidate: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        ask!(self, Write "shared_value", db => db.shared_value(name, candidate))
    }

    /// Keeps a new API key under the digest of its secret.
    pub(crate) async fn create_api_key(
        &self,
        key: &ApiKey,
        digest: [u8; 32],
        actor: &Actor,
    ) -> Result<(), StoreError> {
        ask!(self, Write "create_api_key", db => db.create_api_key(key, digest, actor))
    }

    /// Finds a live API key.
    pub(crate) async fn find_api_key(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ApiKey>, StoreError> {
        ask!(self, Read "find_api_key", db => db.find_api_key(digest))
    }

    /// The newest API keys, newest first; revoked ones too when asked.
    pub(crate) async fn api_keys(&self, revoked_too: bool) -> Result<Vec<ApiKey>, StoreError> {
        ask!(self, Read "api_keys", db => db.api_keys(revoked_too))
    }

    /// The events of an API key, oldest first.
    pub(crate) async fn api_key_events(&self, id: Uuid) -> Result<Vec<ApiKeyEvent>, StoreError> {
        ask!(self, Read "api_key_events", db => db.api_key_events(id))
    }

    /// Notes that an API key was used, at most once a minute.
    pub(crate) async fn note_key_use(&self, id: Uuid) -> Result<(), StoreError> {
        ask!(self, Write "note_key_use", db => db.note_key_use(id))
    }

    /// Ends an API key; false when no live one has the id.
    pub(crate) async fn revoke_api_key(&self, id: Uuid, actor: &Actor) -> Result<bool, StoreError> {
        ask!(self, Write "revoke_api_key", db => db.revoke_api_key(id, actor))
    }

    /// Takes deliveries that are due; nobody else gets them for the time given.
    pub(crate) async fn take_deliveries(
        &self,
        most: i64,
        hold: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        ask!(self, Write "take_deliveries", db => db.take_deliveries(most, hold))
    }

    /// Ends an attempt at a delivery.
    pub(crate) async fn settle_delivery(
        &self,
        id: Uuid,
        settled: Settled,
    ) -> Result<(), StoreError> {
        ask!(self, Write "settle_delivery", db => db.settle_delivery(id, settled))
    }

    /// What is in the outbox.
    pub(crate) async fn backlog(&self) -> Result<Backlog, StoreError> {
        ask!(self, Read "backlog", db => db.backlog())
    }

    /// Forgets expired idempotency keys; returns how many.
    pub(crate) async fn sweep(&self) -> Result<u64, StoreError> {
        ask!(self, Write "sweep", db => db.sweep())
    }

    /// Listens for other tasks' changes.
    pub(crate) async fn listen(&self) -> Result<Listening, StoreError> {
        let Backend::Postgres(db) = &self.backend else { return Ok(Listening::Alone) };
        if db.has_pooler() {
            return Ok(Listening::Impossible);
        }
        let started = Listener::start(db).await;
        if started.as_ref().err().is_some_and(postgres::refuses) {
            self.credentials_refused();
        }
        started.map(Listening::With).map_err(classify)
    }

    async fn run<T>(
        &self,
        kind: Work,
        operation: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let breaker = if kind == Work::Write { &self.writes } else { &self.reads };
        let permit = breaker.enter().map_err(StoreError::Open)?;
        let started = Instant::now();
        let outcome = match tokio::time::timeout(self.limit, work).await {
            Ok(outcome) => outcome.map_err(classify),
            Err(_) => Err(StoreError::Timeout),
        };
        match &outcome {
            Err(StoreError::Unavailable(cause))
                if kind != Work::Write && concerns_writes(cause) => {}
            // The open connections go on working.
            Err(StoreError::Unavailable(cause)) if postgres::refuses(cause) => {}
            Err(StoreError::Unavailable(_)) => permit.failed(),
            // A search that takes long says something about the search.
            Err(StoreError::Timeout) if kind != Work::Search => permit.timed_out(),
            Err(StoreError::Timeout | StoreError::Busy | StoreError::Locked) => {}
            _ => permit.succeeded(),
        }
        let (elapsed, error) = (started.elapsed(), outcome.as_ref().err());
        if error.and_then(StoreError::cause).is_some_and(postgres::refuses) {
            self.credentials_refused();
        }
        crate::telemetry::metrics::database(
            operation,
            self.kind(),
            elapsed,
            error.map_or("ok", StoreError::label),
        );
        crate::telemetry::trace::database(operation, self.kind(), elapsed, error.is_some());
        outcome
    }
}
