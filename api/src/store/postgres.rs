//! Payments in PostgreSQL: every write is one statement, with its audit event inside.

mod api_keys;
mod creates;
pub(crate) mod listener;
mod outbox;
mod reads;
mod upkeep;

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Postgres as Pg, QueryBuilder, Row, Transaction,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::{
    Claim, Created, StoreError,
    page::{Collected, collect_page, settle_page},
    pool::{Greeting, Pool},
};
use crate::{
    data::Data,
    money::Money,
    payment::{Actor, Change, Event, Payment},
    query::{Filter, FoundPage, Page},
    settings::Settings,
};
use creates::Creates;
use reads::Reads;

/// Statements that create, and that read, payments at once; more wait and then share one.
const LANES: u32 = 3;

/// Counts and filtered lists at once at most: they may read the whole table, and everybody else needs connections too.
const SEARCHES: u32 = 3;

/// The authorities of Amazon RDS and RDS Proxy (Amazon RDS user guide, "Using SSL/TLS to encrypt a connection"): an empty
/// image has no file of them.
const RDS_AUTHORITIES: &[u8] = include_bytes!("../../certificates/rds.pem");

const COLUMNS: &str =
    "id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at";

pub(super) struct Postgres {
    pub(super) pool: Pool<PgConnection>,
    creates: Creates,
    reads: Reads,
    searches: Semaphore,
    patience: Duration,
    /// Opens a transaction whose statements end early enough for a search.
    begin_search: String,
    options: PgConnectOptions,
    /// Whether changes are written to the outbox.
    webhook: bool,
}

impl Postgres {
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Self, sqlx::Error> {
        let mut options: PgConnectOptions = url.parse()?;
        if url.contains("sslmode=verify") && !url.contains("sslrootcert=") {
            options = options.ssl_root_cert_from_pem(RDS_AUTHORITIES.to_vec());
        }
        let options = options
            .application_name("payments-api")
            // Floats are sent in binary, and poolers refuse this parameter (PgBouncer, ignore_startup_parameters).
            .extra_float_digits(None);
        let limit = settings.request_timeout;
        let patience = settings.database_acquire_timeout;
        let size = settings.database_pool;
        let pool = Pool::with_greeting(options.clone(), Some(greeting(limit)), size, patience);
        let lanes = (size / 3).clamp(1, LANES);
        let creates = Creates::new(pool.clone(), lanes, limit);
        let reads = Reads::new(pool.clone(), lanes, limit);
        let searches = Semaphore::new((size / 4).clamp(1, SEARCHES) as usize);
        let begin_search =
            format!("BEGIN; SET LOCAL statement_timeout = {}", (limit / 2).as_millis().max(1));
        Ok(Self {
            pool,
            creates,
            reads,
            searches,
            patience,
            begin_search,
            options,
            webhook: settings.webhook_url.is_some(),
        })
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.open().await.map_err(super::classify)?;
        // An index on a large table may take longer than a request may.
        sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
            .execute(&mut connection)
            .await
            .map_err(super::classify)?;
        let mut migrator = sqlx::migrate!("migrations/postgres");
        // A rolled-back release meets the schema of its successor, which only added to it.
        migrator.set_ignore_missing(true).run(&mut connection).await?;
        Ok(())
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
        self.creates.ask(payment, claim, actor).await
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
        let mut connection = self.pool.lend().await?;
        let mut query = QueryBuilder::new("SELECT ");
        query.push(COLUMNS).push(" FROM payments");
        push_filter(&mut query, filter, page.after);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(page.limit + 1);
        let mut transaction = self.begin_search(&mut connection).await?;
        let found = collect_page(query.build().fetch(&mut *transaction), page, payment).await;
        let found = finish_page(transaction, found).await;
        settle_page(&mut connection, found)
    }

    pub(super) async fn count(&self, filter: &Filter) -> Result<i64, sqlx::Error> {
        let _place = self.search_place().await?;
        let mut connection = self.pool.lend().await?;
        let mut query = QueryBuilder::new("SELECT count(*) FROM payments");
        push_filter(&mut query, filter, None);
        let mut transaction = self.begin_search(&mut connection).await?;
        let outcome = query.build_query_scalar().fetch_one(&mut *transaction).await;
        let ended = transaction.commit().await;
        connection.settle(outcome.and_then(|count| ended.map(|()| count)))
    }

    async fn search_place(&self) -> Result<SemaphorePermit<'_>, sqlx::Error> {
        tokio::time::timeout(self.patience, self.searches.acquire())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)
    }

    /// Begins a transaction that gives up sooner than the request: a search is the first to be let go.
    async fn begin_search<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<Transaction<'c, Pg>, sqlx::Error> {
        connection.begin_with(AssertSqlSafe(self.begin_search.clone())).await
    }

    pub(super) async fn change(
        &self,
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: &Actor,
    ) -> Result<Option<Payment>, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let (text, consumed_too) = match change {
            Change::Consume => (CONSUME, false),
            Change::Delete { consumed_too } => (DELETE, consumed_too),
            Change::Restore => (RESTORE, false),
        };
        let query = sqlx::query(text)
            .bind(id)
            .bind(version)
            .bind(&actor.name)
            .bind(&actor.request_id)
            .bind(&actor.trace_id)
            .bind(consumed_too)
            .bind(self.webhook.then(Uuid::now_v7));
        let outcome = query.fetch_optional(&mut *connection).await;
        connection.settle(outcome)?.as_ref().map(payment).transpose()
    }

    pub(super) async fn events(&self, id: Uuid) -> Result<Vec<Event>, sqlx::Error> {
        let mut connection = self.pool.lend().await?;
        let query = sqlx::query(
            "SELECT version, kind, from_status, to_status, actor, request_id, trace_id, at
             FROM payment_events WHERE payment_id = $1 ORDER BY version",
        );
        let outcome = query.bind(id).fetch_all(&mut *connection).await;
        connection.settle(outcome)?.iter().map(event).collect()
    }
}

/// Every session's limits, by statement and not in the connection's parameters, which RDS Proxy and PgBouncer refuse.
/// The server gives up with us, so that an abandoned statement cannot hold locks; and it gives up waiting for a lock
/// sooner, so that it can be told from being slow: a row takes two locks, and each may be waited for.
fn greeting(limit: Duration) -> Greeting<PgConnection> {
    let text: Arc<str> = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}",
        limit.as_millis(),
        (limit / 3).as_millis().max(1)
    )
    .into();
    Arc::new(move |connection| {
        let text = AssertSqlSafe(text.to_string());
        Box::pin(async move { sqlx::raw_sql(text).execute(connection).await.map(|_| ()) })
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

/// Ends the transaction of a page that is complete; one that was cut is rolled back with the rest of its rows.
async fn finish_page(transaction: Transaction<'_, Pg>, found: Collected) -> Collected {
    match found {
        Ok((found, true)) => transaction.commit().await.map(|()| (found, true)),
        other => other,
    }
}

type Query<'q> = sqlx::query::Query<'q, Pg, sqlx::postgres::PgArguments>;

fn bind_create<'q>(query: Query<'q>, payment: &'q Payment, actor: &'q Actor) -> Query<'q> {
    query
        .bind(payment.id)
        .bind(payment.data.text())
        .bind(payment.amount.minor())
        .bind(Money::CURRENCY)
        .bind(payment.created_at)
        .bind(&actor.name)
        .bind(&actor.request_id)
        .bind(&actor.trace_id)
}

fn bind_claim<'q>(query: Query<'q>, claim: &'q Claim) -> Query<'q> {
    query
        .bind(&claim.scope)
        .bind(&claim.key)
        .bind(claim.fingerprint.as_slice())
        .bind(i16::try_from(claim.answer.status).unwrap_or_default())
        .bind(&claim.answer.etag)
        .bind(&claim.answer.location)
        .bind(&claim.answer.body)
        .bind(claim.seconds())
        .bind(lock_number(claim))
}

fn push_filter(query: &mut QueryBuilder<Pg>, filter: &Filter, after: Option<Uuid>) {
    crate::store::filter::push_filter(query, filter, after);
    if let Some(contained) = &filter.data {
        query.push(" AND data @> ").push_bind(sqlx::types::Json(contained.0.clone()));
    }
}

/// The advisory lock of a key: 64 bits of its hash.
fn lock_number(claim: &Claim) -> i64 {
    let digest = Sha256::new()
        .chain_update(&claim.scope)
        .chain_update([0])
        .chain_update(&claim.key)
        .finalize();
    i64::from_be_bytes(std::array::from_fn(|place| digest[place]))
}

fn payment(row: &PgRow) -> Result<Payment, sqlx::Error> {
    Ok(Payment {
        id: row.try_get(0)?,
        status: super::status(row.try_get(1)?)?,
        data: Data::from_stored(row.try_get(2)?).map_err(super::corrupt)?,
        amount: Money::from_minor(row.try_get(3)?).map_err(super::corrupt)?,
        version: row.try_get(4)?,
        created_at: row.try_get(5)?,
        updated_at: row.try_get(6)?,
        deleted_at: row.try_get(7)?,
    })
}

fn event(row: &PgRow) -> Result<Event, sqlx::Error> {
    Ok(Event {
        version: row.try_get(0)?,
        kind: row.try_get(1)?,
        from_status: row.try_get(2)?,
        to_status: row.try_get(3)?,
        actor: row.try_get(4)?,
        request_id: row.try_get(5)?,
        trace_id: row.try_get(6)?,
        at: row.try_get(7)?,
    })
}
