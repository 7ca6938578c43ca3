//! Payments in PostgreSQL: every write is one statement, with its audit event inside.

mod api_keys;
mod batch;
pub(super) mod credentials;
mod inserts;
pub(crate) mod listener;
mod outbox;
mod reads;
mod service;
mod session;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Postgres as Pg, QueryBuilder,
    postgres::PgConnectOptions,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::{
    Claim, Created, StoreError, classify,
    pool::{Greeting, Pool},
    rows::{EventRow, PaymentRow},
};
use crate::{
    payment::{
        Actor, Change, Event, Payment,
        filter::{Filter, FoundPage, Page},
    },
    settings::{Pooler, Settings},
};
use credentials::Connecting;
use inserts::InsertBatcher;
use reads::ReadBatcher;
use session::Sessions;

/// The columns of a payment.
macro_rules! columns {
    () => {
        "id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at"
    };
}
use columns;

/// Statements that create, and that read, payments at once; more wait and then share one.
const WORKERS: u32 = 3;
/// Counts and filtered lists at once at most: they may read the whole table, and everybody else needs connections too.
const SEARCHES: u32 = 3;
/// The advisory lock of whoever migrates through a pooler; the number is that of nothing else.
const MIGRATION_LOCK: i64 = 0x7061_796d_656e_7473;

/// The authorities of Amazon RDS and RDS Proxy (Amazon RDS user guide, "Using SSL/TLS to encrypt a connection"): an empty
/// image has no file of them.
const RDS_AUTHORITIES: &[u8] = include_bytes!("../../certificates/rds.pem");

pub(super) struct Postgres {
    pub(super) pool: Pool<PgConnection>,
    sessions: Sessions,
    inserts: InsertBatcher,
    reads: ReadBatcher,
    searches: Semaphore,
    patience: Duration,
    how: Mutex<Connecting>,
    pooler: Pooler,
}

impl Postgres {
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Self, sqlx::Error> {
        let options = options(url)?;
        let limit = settings.request_timeout;
        let patience = settings.database_acquire_timeout;
        let size = settings.database_pool;
        let pooler = settings.database_pooler;
        let greeting = (pooler == Pooler::None).then(|| greeting(limit));
        let pool = Pool::with_greeting(options.clone(), greeting, size, patience);
        let sessions = Sessions::new(pool.clone(), pooler, limit, settings.webhook_url.is_some());
        let workers = (size / 3).clamp(1, WORKERS);
        Ok(Self {
            inserts: InsertBatcher::new(sessions.clone(), workers, limit),
            reads: ReadBatcher::new(sessions.clone(), workers, limit),
            searches: Semaphore::new((size / 4).clamp(1, SEARCHES) as usize),
            pool,
            sessions,
            patience,
            how: Mutex::new(Connecting::new(url, options)),
            pooler,
        })
    }

    /// Whether a pooler stands before the database.
    pub(super) fn has_pooler(&self) -> bool {
        self.pooler != Pooler::None
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.open().await.map_err(classify)?;
        let mut migrator = sqlx::migrate!("migrations/postgres");
        // A rolled-back release meets the schema of its successor, which only added to it.
        migrator.set_ignore_missing(true);
        // An index on a large table may take longer than a request may.
        if self.pooler == Pooler::None {
            let unlimited = session::no_limits("SET");
            session::run(&mut connection, &unlimited).await.map_err(classify)?;
            migrator.run(&mut connection).await?;
            return Ok(());
        }
        // The migrator's own lock belongs to a session, which a pooler does not keep; nor do its statements' names.
        let begin = format!(
            "BEGIN; {}; DEALLOCATE ALL; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})",
            session::no_limits("SET LOCAL")
        );
        let mut transaction =
            connection.begin_with(AssertSqlSafe(begin)).await.map_err(classify)?;
        migrator.set_locking(false).run(&mut *transaction).await?;
        session::run(&mut transaction, "DEALLOCATE ALL").await.map_err(classify)?;
        transaction.commit().await.map_err(classify)
    }

    pub(super) async fn ping(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let outcome = connection.ping().await;
        connection.settle(outcome)
    }

    pub(super) async fn create(
        &self,
        payment: &Payment,
        claim: Option<&Claim>,
        actor: &Actor,
    ) -> Result<Created, sqlx::Error> {
        self.inserts.insert(payment, claim, actor).await
    }

    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Payment>, sqlx::Error> {
        self.reads.find(id).await
    }

    pub(super) async fn list(&self, page: Page) -> Result<FoundPage, sqlx::Error> {
        self.reads.list(page).await
    }

    pub(super) async fn search(
        &self,
        filter: &Filter,
        page: Page,
    ) -> Result<FoundPage, sqlx::Error> {
        let _place = self.search_place().await?;
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM payments"));
        push_filter(&mut query, filter, page.after);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(page.limit + 1);
        self.sessions.open_for_search().await?.page(query.build_query_as(), page).await
    }

    pub(super) async fn count(&self, filter: &Filter) -> Result<i64, sqlx::Error> {
        let _place = self.search_place().await?;
        let mut query = QueryBuilder::new("SELECT count(*) FROM payments");
        push_filter(&mut query, filter, None);
        let (count,) = self.sessions.open_for_search().await?.one(query.build_query_as()).await?;
        Ok(count)
    }

    async fn search_place(&self) -> Result<SemaphorePermit<'_>, sqlx::Error> {
        tokio::time::timeout(self.patience, self.searches.acquire())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)
    }

    pub(super) async fn change(
        &self,
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: &Actor,
    ) -> Result<Option<Payment>, sqlx::Error> {
        let (text, consumed_too) = match change {
            Change::Consume => (CONSUME, false),
            Change::Delete { consumed_too } => (DELETE, consumed_too),
            Change::Restore => (RESTORE, false),
        };
        let query = sqlx::query_as(text)
            .bind(id)
            .bind(version)
            .bind(&actor.name)
            .bind(&actor.request_id)
            .bind(&actor.trace_id)
            .bind(consumed_too)
            .bind(self.sessions.webhook().then(Uuid::now_v7));
        let row: Option<PaymentRow> = self.sessions.open().await?.optional(query).await?;
        row.map(Payment::try_from).transpose()
    }

    pub(super) async fn events(
        &self,
        id: Uuid,
        after: i32,
        limit: i64,
    ) -> Result<Vec<Event>, sqlx::Error> {
        let query = sqlx::query_as(
            "SELECT version, kind, from_status, to_status, actor, request_id, trace_id, at
             FROM payment_events WHERE payment_id = $1 AND version > $2 ORDER BY version LIMIT $3",
        );
        let query = query.bind(id).bind(after).bind(limit);
        let rows: Vec<EventRow> = self.sessions.open().await?.all(query).await?;
        Ok(rows.into_iter().map(Event::from).collect())
    }
}

/// Reads how connections are opened.
fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let mut options: PgConnectOptions = url.parse()?;
    if url.contains("sslmode=verify") && !url.contains("sslrootcert=") {
        options = options.ssl_root_cert_from_pem(RDS_AUTHORITIES.to_vec());
    }
    Ok(options
        .application_name("payments-api")
        // Floats are sent in binary, and poolers refuse this parameter (PgBouncer, ignore_startup_parameters).
        .extra_float_digits(None))
}

/// Every session's limits, by statement and not in the connection's parameters, which RDS Proxy and PgBouncer refuse
/// (Amazon RDS user guide, "Limitations for RDS Proxy with RDS for PostgreSQL"; PgBouncer, `ignore_startup_parameters`).
fn greeting(limit: Duration) -> Greeting<PgConnection> {
    let text: Arc<str> = session::limits("SET", limit).into();
    Arc::new(move |connection| {
        let text = Arc::clone(&text);
        Box::pin(async move { session::run(connection, &text).await })
    })
}

/// Credentials and names do not become right by waiting; everything else about a server may.
pub(super) fn hopeless(cause: &sqlx::Error) -> Option<String> {
    if refuses(cause) {
        return Some("the server refuses this user or password".to_owned());
    }
    let unknown = super::failure::code(cause)? == "3D000";
    unknown.then(|| "the server has no database of this name".to_owned())
}

/// Whether the server will not take our credentials.
pub(super) fn refuses(cause: &sqlx::Error) -> bool {
    matches!(super::failure::code(cause).as_deref(), Some("28P01" | "28000"))
}

/// The database's clock judges, cut to the millisecond that both databases keep: the clocks of tasks differ.
macro_rules! change {
    ($set:literal, $where:literal, $event:literal, $from:literal) => {
        concat!(
            "WITH moment AS MATERIALIZED (SELECT date_trunc('milliseconds', clock_timestamp()) AS at),
            changed AS (UPDATE payments SET version = version + 1, updated_at = greatest(updated_at, moment.at), ",
            $set,
            " FROM moment WHERE id = $1 AND ($2::int IS NULL OR version = $2) AND ",
            $where,
            " RETURNING id, status, data, amount_minor, version, created_at, updated_at, deleted_at, $6::bool),
            event AS (
                INSERT INTO payment_events (payment_id, version, kind, from_status, to_status, actor, request_id, trace_id, at)
                SELECT id, version, '",
            $event,
            "', ",
            $from,
            ", status, $3, $4, $5, updated_at FROM changed),
            told AS (
                INSERT INTO outbox (id, kind, payment_id, status, version, trace_id, at, due_at)
                SELECT $7::uuid, 'payment.",
            $event,
            "', id, status, version, $5, updated_at, clock_timestamp() FROM changed WHERE $7::uuid IS NOT NULL)
            SELECT id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at,
                   pg_notify('payment_changed', id::text) FROM changed"
        )
    };
}

const CONSUME: &str = change!(
    "status = 'consumed'",
    "status = 'inserted' AND deleted_at IS NULL",
    "consumed",
    "'inserted'"
);
const DELETE: &str = change!(
    "deleted_at = greatest(updated_at, moment.at)",
    "(status = 'inserted' OR $6) AND deleted_at IS NULL",
    "deleted",
    "status"
);
const RESTORE: &str = change!("deleted_at = NULL", "deleted_at IS NOT NULL", "restored", "status");

fn push_filter(query: &mut QueryBuilder<Pg>, filter: &Filter, after: Option<Uuid>) {
    crate::store::filter::push_filter(query, filter, after);
    if let Some(contained) = &filter.data {
        query.push(" AND data @> ").push_bind(sqlx::types::Json(contained.0.clone()));
    }
}
