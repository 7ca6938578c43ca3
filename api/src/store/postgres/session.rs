//! One use of a connection: what is done before a statement and after it.
//!
//! Connected directly, statements are prepared once for each connection and stand alone. Behind a pooler that lends its
//! servers for one transaction at a time (PgBouncer's transaction mode, RDS Proxy), every use is a transaction of its own
//! with unnamed statements: nothing of ours stays on a server that others use next.

use std::{sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, FromRow, PgConnection, Postgres as Pg,
    postgres::{PgArguments, PgRow},
    query::{Query, QueryAs},
};

use super::super::{
    page::collect_page,
    pool::{Lent, Pool},
    rows::PaymentRow,
};
use crate::{
    payment::filter::{FoundPage, Page},
    settings::Pooler,
};

/// Gives out sessions.
#[derive(Clone)]
pub(super) struct Sessions {
    pool: Pool<PgConnection>,
    pooler: Pooler,
    /// What begins a use behind a pooler, and what begins a search.
    begin: Arc<str>,
    begin_search: Arc<str>,
    /// Whether changes are written to the outbox.
    webhook: bool,
}

impl Sessions {
    pub(super) fn new(
        pool: Pool<PgConnection>,
        pooler: Pooler,
        limit: Duration,
        webhook: bool,
    ) -> Self {
        let begin = |limit| format!("BEGIN; {}", limits("SET LOCAL", limit)).into();
        // A search is the first to be let go: its limit is shorter than the request's.
        Self { pool, pooler, begin: begin(limit), begin_search: begin(limit / 2), webhook }
    }

    pub(super) fn webhook(&self) -> bool {
        self.webhook
    }

    /// A connection for one statement.
    pub(super) async fn open(&self) -> Result<Session, sqlx::Error> {
        match self.pooler {
            Pooler::None => self.session(None).await,
            Pooler::Transaction => self.session(Some(&self.begin)).await,
        }
    }

    /// A connection whose statement has the time limit of a search.
    pub(super) async fn open_for_search(&self) -> Result<Session, sqlx::Error> {
        self.session(Some(&self.begin_search)).await
    }

    async fn session(&self, begin: Option<&Arc<str>>) -> Result<Session, sqlx::Error> {
        let lent = self.pool.lend().await?;
        let named = self.pooler == Pooler::None;
        // Made before the transaction begins: whoever is cancelled meanwhile must not give back an open one.
        let mut session = Session { lent, in_transaction: begin.is_some(), named };
        if let Some(begin) = begin {
            run(&mut session.lent, begin).await?;
        }
        Ok(session)
    }
}

/// The limits of a session or transaction. The server gives up with us, so that an abandoned statement cannot hold locks;
/// and it gives up waiting for a lock sooner, so that it can be told from being slow: a row takes two locks, and each may
/// be waited for.
pub(super) fn limits(set: &str, limit: Duration) -> String {
    let (statement, lock) = (limit.as_millis().max(1), (limit / 3).as_millis().max(1));
    format!("{set} statement_timeout = {statement}; {set} lock_timeout = {lock}")
}

/// The same without limits.
pub(super) fn no_limits(set: &str) -> String {
    format!("{set} statement_timeout = 0; {set} lock_timeout = 0")
}

/// Runs statements without parameters.
pub(super) async fn run(connection: &mut PgConnection, text: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(connection).await.map(|_| ())
}

/// A connection in use.
pub(super) struct Session {
    lent: Lent<PgConnection>,
    in_transaction: bool,
    /// Whether prepared statements have names and stay on the server.
    named: bool,
}

type Statement<'q> = Query<'q, Pg, PgArguments>;
type Rows<'q, T> = QueryAs<'q, Pg, T, PgArguments>;

impl Session {
    /// Ends the use with a statement that gives nothing back but the number of rows.
    pub(super) async fn execute(mut self, statement: Statement<'_>) -> Result<u64, sqlx::Error> {
        let outcome = statement.persistent(self.named).execute(&mut *self.lent).await;
        self.end(outcome.map(|done| done.rows_affected())).await
    }

    /// Ends the use with a statement that gives exactly one row.
    pub(super) async fn one<T>(mut self, statement: Rows<'_, T>) -> Result<T, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let outcome = statement.persistent(self.named).fetch_one(&mut *self.lent).await;
        self.end(outcome).await
    }

    /// Ends the use with a statement that may give a row.
    pub(super) async fn optional<T>(self, statement: Rows<'_, T>) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut session = self;
        let outcome = session.next_optional(statement).await;
        session.end(outcome).await
    }

    /// Ends the use with a statement that gives rows.
    pub(super) async fn all<T>(self, statement: Rows<'_, T>) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut session = self;
        let outcome = session.next_all(statement).await;
        session.end(outcome).await
    }

    /// Ends the use with a statement that gives a page. A page that was cut leaves its rows behind, and the connection
    /// is not used again before they are gone.
    pub(super) async fn page(
        mut self,
        statement: Rows<'_, PaymentRow>,
        page: Page,
    ) -> Result<FoundPage, sqlx::Error> {
        let rows = statement.persistent(self.named).fetch(&mut *self.lent);
        match collect_page(rows, page).await {
            Ok((found, false)) => Ok(found),
            Ok((found, true)) => self.end(Ok(found)).await,
            Err(error) => self.end(Err(error)).await,
        }
    }

    /// One of several statements: it may give a row.
    pub(super) async fn next_optional<T>(
        &mut self,
        statement: Rows<'_, T>,
    ) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        statement.persistent(self.named).fetch_optional(&mut *self.lent).await
    }

    /// One of several statements: it gives rows.
    pub(super) async fn next_all<T>(
        &mut self,
        statement: Rows<'_, T>,
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        statement.persistent(self.named).fetch_all(&mut *self.lent).await
    }

    /// Ends the use: what was done is kept when it worked.
    pub(super) async fn end<T>(
        mut self,
        outcome: Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let usable =
            matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_) | sqlx::Error::RowNotFound));
        if self.in_transaction && usable {
            let end = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = run(&mut self.lent, end).await;
            return self.lent.settle(ended).and(outcome);
        }
        if self.in_transaction {
            return outcome;
        }
        self.lent.settle(outcome)
    }
}

/// A transaction that was left open must not be anyone else's.
impl Drop for Session {
    fn drop(&mut self) {
        if self.in_transaction {
            self.lent.discard_unless_settled();
        }
    }
}
