//! Reads that share a statement when many come at once. A read that finds a worker free goes by itself, at once. Others
//! wait for one and leave together: payments by id in one statement, and one page once for all who asked for it.
//! Every read is sent after it was asked, so sharing never shows anything older than going alone would.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::{batch::same_failure, columns, session::Sessions};
use crate::{
    payment::{
        Payment,
        filter::{FoundPage, Page},
    },
    store::rows::PaymentRow,
};

/// Reads that leave together at most.
const GROUP: usize = 64;

type Reply<T> = oneshot::Sender<Result<T, sqlx::Error>>;

/// A read that waits for its statement.
enum PendingRead {
    Find(Uuid, Reply<Option<Payment>>),
    /// A page, and for whom.
    List(Page, Reply<FoundPage>),
}

/// The workers that read.
pub(super) struct ReadBatcher {
    sessions: Sessions,
    workers: Arc<Semaphore>,
    limit: Duration,
    pending: OnceLock<mpsc::Sender<PendingRead>>,
}

impl ReadBatcher {
    pub(super) fn new(sessions: Sessions, workers: u32, limit: Duration) -> Self {
        Self {
            sessions,
            workers: Arc::new(Semaphore::new(workers as usize)),
            limit,
            pending: OnceLock::new(),
        }
    }

    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Payment>, sqlx::Error> {
        if let Ok(_worker) = self.workers.try_acquire() {
            return Ok(find(&self.sessions, vec![id]).await?.pop());
        }
        self.ask(|reply| PendingRead::Find(id, reply)).await
    }

    pub(super) async fn list(&self, page: Page) -> Result<FoundPage, sqlx::Error> {
        if let Ok(_worker) = self.workers.try_acquire() {
            return list(&self.sessions, page).await;
        }
        self.ask(|reply| PendingRead::List(page, reply)).await
    }

    async fn ask<T>(&self, read: impl FnOnce(Reply<T>) -> PendingRead) -> Result<T, sqlx::Error> {
        let pending = self.pending.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(1024);
            tokio::spawn(dispatch(
                self.sessions.clone(),
                Arc::clone(&self.workers),
                self.limit,
                receiver,
            ));
            sender
        });
        let (reply, outcome) = oneshot::channel();
        pending.send(read(reply)).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        outcome.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

/// Waits for a worker and sends off everything that has come until then.
async fn dispatch(
    sessions: Sessions,
    workers: Arc<Semaphore>,
    limit: Duration,
    mut pending: mpsc::Receiver<PendingRead>,
) {
    while let Some(first) = pending.recv().await {
        let Ok(worker) = Arc::clone(&workers).acquire_owned().await else { return };
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(read) = pending.try_recv()
        {
            group.push(read);
        }
        let sessions = sessions.clone();
        tokio::spawn(async move {
            // What is dropped by the limit had no answer, which is what those who wait tell their clients.
            let _ = tokio::time::timeout(limit, answer(&sessions, group)).await;
            drop(worker);
        });
    }
}

async fn answer(sessions: &Sessions, group: Vec<PendingRead>) {
    let mut finds: HashMap<Uuid, Vec<Reply<Option<Payment>>>> = HashMap::new();
    let mut lists: HashMap<Page, Vec<Reply<FoundPage>>> = HashMap::new();
    for read in group {
        match read {
            PendingRead::Find(id, reply) => finds.entry(id).or_default().push(reply),
            PendingRead::List(page, reply) => lists.entry(page).or_default().push(reply),
        }
    }
    if !finds.is_empty() {
        let outcome = find(sessions, finds.keys().copied().collect()).await;
        let outcome =
            outcome.map(|found| found.into_iter().map(|payment| (payment.id, payment)).collect());
        for (id, replies) in finds {
            let outcome =
                outcome.as_ref().map(|found: &HashMap<Uuid, Payment>| found.get(&id).cloned());
            tell(replies, &outcome);
        }
    }
    for (page, replies) in lists {
        let outcome = list(sessions, page).await;
        tell(replies, &outcome.as_ref().map(Clone::clone));
    }
}

fn tell<T: Clone>(replies: Vec<Reply<T>>, outcome: &Result<T, &sqlx::Error>) {
    for reply in replies {
        let _ = reply.send(outcome.clone().map_err(same_failure));
    }
}

async fn find(sessions: &Sessions, ids: Vec<Uuid>) -> Result<Vec<Payment>, sqlx::Error> {
    let session = sessions.open().await?;
    let rows: Vec<PaymentRow> = match ids.as_slice() {
        [id] => session.all(sqlx::query_as(FIND).bind(*id)).await?,
        _ => session.all(sqlx::query_as(FIND_TOGETHER).bind(ids)).await?,
    };
    rows.into_iter().map(Payment::try_from).collect()
}

async fn list(sessions: &Sessions, page: Page) -> Result<FoundPage, sqlx::Error> {
    let after = page.after.unwrap_or(Uuid::max());
    let statement = sqlx::query_as(LIST).bind(after).bind(page.limit + 1);
    sessions.open().await?.page(statement, page).await
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM payments WHERE id = $1");

const FIND_TOGETHER: &str = concat!("SELECT ", columns!(), " FROM payments WHERE id = ANY($1)");

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM payments WHERE deleted_at IS NULL AND id < $1 ORDER BY id DESC LIMIT $2"
);
