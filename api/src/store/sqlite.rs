//! Payments in an SQLite file: one writer, several readers, and an fsync before anything is acknowledged.

mod filter;
mod service;
mod writer;
mod writes;

use std::{
    fs::{File, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use sqlx::{
    QueryBuilder, Sqlite as Lite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use super::{
    Claim, Created, StoreError,
    cache::Writes,
    classify,
    failure::primary,
    page::collect_page,
    pool::{Lent, Pool},
    rows::{EventRow, PaymentRow},
};
use crate::{
    payment::{
        Actor, Change, Event, Payment,
        filter::{Filter, FoundPage, Page},
    },
    settings::Settings,
};
use filter::push_filter;
use writer::{Job, Writer};

/// The columns of a payment.
macro_rules! columns {
    () => {
        "id, status, data, amount_minor, version, created_at, updated_at, deleted_at"
    };
}
use columns;

const READERS: u32 = 4;
/// Counts and filtered lists at once at most.
const SEARCHES: u32 = 2;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 20_000;

/// How long another process may have the file before it counts as one that serves.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Primary result codes (https://sqlite.org/rescode.html).
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

pub(super) struct Sqlite {
    file: PathBuf,
    /// Payments are written by one task that commits many at once.
    writer: Writer,
    /// The few other writes.
    service: Pool<SqliteConnection>,
    readers: Pool<SqliteConnection>,
    searches: Pool<SqliteConnection>,
    search_limit: Duration,
    /// The lock that keeps a second process out, for as long as this one lives.
    lock: OnceLock<File>,
    /// Other processes may use the file too, because nothing is cached.
    is_shared: bool,
}

impl Sqlite {
    pub(super) fn new(
        url: &str,
        settings: &Settings,
        writes: &Arc<Writes>,
    ) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: what was acknowledged survives a power cut, not only a crash of this process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(2))
            .pragma("temp_store", "memory");
        let file = options.get_filename().to_owned();
        let payments =
            Writer::new(options.clone(), settings.webhook_url.is_some(), Arc::clone(writes));
        let service = Pool::new(options.clone(), 1, settings.request_timeout);
        let readers = Pool::new(options.clone(), READERS, settings.request_timeout);
        let searches = Pool::new(options, SEARCHES, settings.database_acquire_timeout);
        Ok(Self {
            file,
            writer: payments,
            service,
            readers,
            searches,
            search_limit: settings.request_timeout / 2,
            lock: OnceLock::new(),
            is_shared: settings.database_ephemeral,
        })
    }

    pub(super) fn usage(&self) -> (usize, usize) {
        let pools = [&self.service, &self.readers, &self.searches].map(Pool::usage);
        pools.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        self.take_file().await?;
        let mut connection = self.service.open().await.map_err(classify)?;
        let mut migrator = sqlx::migrate!("migrations/sqlite");
        migrator.set_ignore_missing(true).run(&mut connection).await?;
        Ok(())
    }

    /// Makes the file for this user alone, and keeps every other process out until this one ends: what it caches would
    /// not be true any more. The lock has a file of its own, because one on the database would take SQLite's away.
    async fn take_file(&self) -> Result<(), StoreError> {
        if self.is_shared || self.lock.get().is_some() || self.file.is_dir() {
            return Ok(());
        }
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let mut name = self.file.clone().into_os_string();
        name.push("-lock");
        // Where no file can be made, SQLite says better than we could why not.
        let Ok(lock) = options.open(name) else { return Ok(()) };
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Whoever only migrates is done soon.
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(TryLockError::WouldBlock) => return Err(StoreError::InUse),
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(%error, "the file system has no locks: a second process is not noticed");
                    break;
                }
            }
        }
        let _ = self.lock.set(lock);
        // SQLite gives its other files the same mode.
        let _ = options.open(&self.file);
        Ok(())
    }

    /// Nothing about a file gets better by waiting, except that another process lets go of it for a moment.
    pub(super) fn hopeless(&self, error: &StoreError) -> Option<String> {
        let file = self.file.display();
        if matches!(error, StoreError::InUse) {
            return Some(format!(
                "{file} is used by another process, and only one may: stop it first"
            ));
        }
        let cause = error.cause()?;
        Some(match primary(cause)? {
            BUSY | LOCKED => return None,
            PERM | READONLY | CANTOPEN => self.unwritable(),
            NOTADB => format!("{file} is not an SQLite file"),
            _ => format!("{file} cannot be used: {cause}"),
        })
    }

    fn unwritable(&self) -> String {
        let file = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        if file.is_dir() {
            return format!("{} is a folder, not a file", file.display());
        }
        let folder = file.parent().unwrap_or(&file).display();
        if !file.parent().is_some_and(Path::is_dir) {
            return format!("the folder {folder} does not exist");
        }
        let user = std::fs::metadata("/proc/self")
            .map_or_else(|_| String::new(), |process| format!(" {}", process.uid()));
        format!("user{user} may not write the folder {folder}, or the file in it")
    }

    pub(super) async fn ping(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let outcome = sqlx::query("SELECT 1").execute(&mut *connection).await;
        connection.settle(outcome.map(|_| ()))
    }

    pub(super) async fn create(
        &self,
        payment: &Payment,
        claim: Option<&Claim>,
        actor: &Actor,
    ) -> Result<Created, sqlx::Error> {
        let (payment, claim, actor) =
            (Box::new(payment.clone()), claim.cloned().map(Box::new), actor.clone());
        self.writer.ask(|reply| Job::Create { payment, claim, actor, reply }).await
    }

    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Payment>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let outcome = sqlx::query_as(FIND).bind(id).fetch_optional(&mut *connection).await;
        let row: Option<PaymentRow> = connection.settle(outcome)?;
        row.map(Payment::try_from).transpose()
    }

    pub(super) async fn list(&self, page: Page) -> Result<FoundPage, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let mut query = list_query(&Filter::default(), page);
        let found = collect_page(query.build_query_as().fetch(&mut *connection), page).await;
        end_page(&mut connection, found)
    }

    pub(super) async fn search(
        &self,
        filter: &Filter,
        page: Page,
    ) -> Result<FoundPage, sqlx::Error> {
        let mut connection = self.lend_for_search().await?;
        let mut query = list_query(filter, page);
        let found = collect_page(query.build_query_as().fetch(&mut *connection), page).await;
        end_page(&mut connection, found)
    }

    pub(super) async fn count(&self, filter: &Filter) -> Result<i64, sqlx::Error> {
        let mut connection = self.lend_for_search().await?;
        let mut query = QueryBuilder::new("SELECT count(*) FROM payments");
        push_filter(&mut query, filter, None);
        let outcome = query.build_query_scalar().fetch_one(&mut *connection).await;
        connection.settle(outcome)
    }

    /// A connection whose next statement is interrupted when it takes too long, also when nobody waits for it any more.
    async fn lend_for_search(&self) -> Result<Lent<SqliteConnection>, sqlx::Error> {
        let mut connection = self.searches.lend().await?;
        let until = Instant::now() + self.search_limit;
        connection.lock_handle().await?.set_progress_handler(STEPS, move || Instant::now() < until);
        Ok(connection)
    }

    pub(super) async fn change(
        &self,
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: &Actor,
    ) -> Result<Option<Payment>, sqlx::Error> {
        let actor = actor.clone();
        self.writer.ask(|reply| Job::Change { id, change, version, actor, reply }).await
    }

    pub(super) async fn events(
        &self,
        id: Uuid,
        after: i32,
        limit: i64,
    ) -> Result<Vec<Event>, sqlx::Error> {
        let mut connection = self.readers.lend().await?;
        let query = sqlx::query_as(
            "SELECT version, kind, from_status, to_status, actor, request_id, trace_id, at
             FROM payment_events WHERE payment_id = $1 AND version > $2 ORDER BY version LIMIT $3",
        );
        let query = query.bind(id).bind(after).bind(limit);
        let outcome = query.fetch_all(&mut *connection).await;
        let rows: Vec<EventRow> = connection.settle(outcome)?;
        Ok(rows.into_iter().map(Event::from).collect())
    }
}

fn list_query(filter: &Filter, page: Page) -> QueryBuilder<Lite> {
    let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM payments"));
    push_filter(&mut query, filter, page.after);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(page.limit + 1);
    query
}

/// Gives the page, and the connection back when nothing is left on it; else it has to prove itself first.
fn end_page(
    connection: &mut Lent<SqliteConnection>,
    collected: Result<(FoundPage, bool), sqlx::Error>,
) -> Result<FoundPage, sqlx::Error> {
    match collected {
        Ok((found, false)) => Ok(found),
        Ok((found, true)) => connection.settle(Ok(found)),
        Err(error) => connection.settle(Err(error)),
    }
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM payments WHERE id = $1");
