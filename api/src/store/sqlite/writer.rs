//! The one writer of an SQLite file. It commits every write that waits at once, so that many share one fsync; nobody
//! hears of a success before the commit that holds it.

use std::sync::{Arc, OnceLock};

use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::writes;
use crate::{
    payment::{Actor, Change, Payment},
    store::cache::Writes,
    store::{Claim, Created},
};

/// Writes that share a commit at most.
const GROUP: usize = 64;

type Reply<T> = oneshot::Sender<Result<T, sqlx::Error>>;

/// A write and where its outcome goes.
pub(super) enum Job {
    Create {
        payment: Box<Payment>,
        claim: Option<Box<Claim>>,
        actor: Actor,
        reply: Reply<Created>,
    },
    Change {
        id: Uuid,
        change: Change,
        version: Option<i32>,
        actor: Actor,
        reply: Reply<Option<Payment>>,
    },
}

/// The way to the writing task, which starts with the first write.
pub(super) struct Writer {
    options: SqliteConnectOptions,
    webhook: bool,
    writes: Arc<Writes>,
    jobs: OnceLock<mpsc::Sender<Job>>,
}

impl Writer {
    pub(super) fn new(options: SqliteConnectOptions, webhook: bool, writes: Arc<Writes>) -> Self {
        Self { options, webhook, writes, jobs: OnceLock::new() }
    }

    /// Hands a write in and waits for the commit that holds it.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, sqlx::Error> {
        let jobs = self.jobs.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(1024);
            tokio::spawn(write(
                self.options.clone(),
                self.webhook,
                Arc::clone(&self.writes),
                receiver,
            ));
            sender
        });
        let (reply, outcome) = oneshot::channel();
        jobs.send(job(reply)).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        outcome.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

async fn write(
    options: SqliteConnectOptions,
    webhook: bool,
    writes: Arc<Writes>,
    mut jobs: mpsc::Receiver<Job>,
) {
    let mut group = Vec::with_capacity(GROUP);
    let mut kept: Option<SqliteConnection> = None;
    while jobs.recv_many(&mut group, GROUP).await > 0 {
        let connection = match kept.take() {
            Some(connection) => Ok(connection),
            None => options.connect().await,
        };
        match connection {
            Ok(mut connection) => {
                if commit(&mut connection, webhook, &writes, &mut group).await.is_ok() {
                    kept = Some(connection);
                }
            }
            Err(error) => group.drain(..).for_each(|job| job.fail(&error)),
        }
    }
}

/// Does a group of jobs in one transaction, each behind a savepoint, and then tells their outcomes.
async fn commit(
    connection: &mut SqliteConnection,
    webhook: bool,
    writes: &Writes,
    group: &mut Vec<Job>,
) -> Result<(), sqlx::Error> {
    let mut transaction = match connection.begin_with("BEGIN IMMEDIATE").await {
        Ok(transaction) => transaction,
        Err(error) => {
            group.drain(..).for_each(|job| job.fail(&error));
            return Err(error);
        }
    };
    let alone = group.len() == 1;
    let mut done = Vec::with_capacity(group.len());
    for job in group.drain(..) {
        if alone {
            done.push(job.work(&mut transaction, webhook).await);
            continue;
        }
        if let Err(error) = transaction.execute("SAVEPOINT job").await {
            job.fail(&error);
            continue;
        }
        let finished = job.work(&mut transaction, webhook).await;
        let end = if finished.worked() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
        match transaction.execute(end).await {
            Ok(_) => done.push(finished),
            Err(error) => finished.tell(Some(&error)),
        }
    }
    if alone && !done.iter().all(Finished::worked) {
        let outcome = transaction.rollback().await;
        for finished in done {
            finished.tell(None);
        }
        return outcome;
    }
    let outcome = transaction.commit().await;
    // Before anyone is told, and also when nobody waits any more.
    for finished in &done {
        if let Finished::Change(Ok(Some(payment)), _) = finished {
            writes.note(payment.id);
        }
    }
    for finished in done {
        finished.tell(outcome.as_ref().err());
    }
    outcome
}

impl Job {
    async fn work(self, connection: &mut SqliteConnection, webhook: bool) -> Finished {
        match self {
            Self::Create { payment, claim, actor, reply } => Finished::Create(
                writes::create(connection, &payment, claim.as_deref(), &actor, webhook).await,
                reply,
            ),
            Self::Change { id, change, version, actor, reply } => Finished::Change(
                writes::change(connection, id, change, version, &actor, webhook).await,
                reply,
            ),
        }
    }

    fn fail(self, error: &sqlx::Error) {
        match self {
            Self::Create { reply, .. } => drop(reply.send(Err(again(error)))),
            Self::Change { reply, .. } => drop(reply.send(Err(again(error)))),
        }
    }
}

enum Finished {
    Create(Result<Created, sqlx::Error>, Reply<Created>),
    Change(Result<Option<Payment>, sqlx::Error>, Reply<Option<Payment>>),
}

impl Finished {
    fn worked(&self) -> bool {
        match self {
            Self::Create(outcome, _) => outcome.is_ok(),
            Self::Change(outcome, _) => outcome.is_ok(),
        }
    }

    /// Sends the outcome, or the failure of the commit in its place.
    fn tell(self, failed: Option<&sqlx::Error>) {
        match (self, failed) {
            (Self::Create(outcome, reply), None) => drop(reply.send(outcome)),
            (Self::Change(outcome, reply), None) => drop(reply.send(outcome)),
            (Self::Create(_, reply), Some(error)) => drop(reply.send(Err(again(error)))),
            (Self::Change(_, reply), Some(error)) => drop(reply.send(Err(again(error)))),
        }
    }
}

/// The same failure for another of those who share it; what matters to them is that nothing was kept.
fn again(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(error.to_string()))
}
