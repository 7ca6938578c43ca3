//! Reads that share a statement when many come at once. A read that finds a lane free goes by itself, at once. Others
//! wait for a lane and leave together: payments by id in one statement, and one page once for all who asked for it.
//! Every read is sent after it was asked, so sharing never shows anything older than going alone would.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::{PgConnection, postgres::PgRow};
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::{Pool, collect_page, payment, settle_page};
use crate::{
    payment::Payment,
    query::{FoundPage, Page},
};

/// Reads that leave together at most.
const GROUP: usize = 64;

type Reply<T> = oneshot::Sender<Result<T, sqlx::Error>>;

enum Wish {
    Find(Uuid, Reply<Option<Payment>>),
    /// A page, and for whom.
    List(Page, Reply<FoundPage>),
}

/// The lanes of reads.
pub(super) struct Reads {
    pool: Pool<PgConnection>,
    lanes: Arc<Semaphore>,
    limit: Duration,
    wishes: OnceLock<mpsc::Sender<Wish>>,
}

impl Reads {
    pub(super) fn new(pool: Pool<PgConnection>, lanes: u32, limit: Duration) -> Self {
        Self {
            pool,
            lanes: Arc::new(Semaphore::new(lanes as usize)),
            limit,
            wishes: OnceLock::new(),
        }
    }

    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Payment>, sqlx::Error> {
        if let Ok(_lane) = self.lanes.try_acquire() {
            return Ok(find(&self.pool, vec![id]).await?.pop());
        }
        self.ask(|reply| Wish::Find(id, reply)).await
    }

    pub(super) async fn list(&self, page: Page) -> Result<FoundPage, sqlx::Error> {
        if let Ok(_lane) = self.lanes.try_acquire() {
            return list(&self.pool, page).await;
        }
        self.ask(|reply| Wish::List(page, reply)).await
    }

    async fn ask<T>(&self, wish: impl FnOnce(Reply<T>) -> Wish) -> Result<T, sqlx::Error> {
        let wishes = self.wishes.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(1024);
            tokio::spawn(conduct(self.pool.clone(), Arc::clone(&self.lanes), self.limit, receiver));
            sender
        });
        let (reply, outcome) = oneshot::channel();
        wishes.send(wish(reply)).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        outcome.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

/// Waits for a lane and sends off everything that has come until then.
async fn conduct(
    pool: Pool<PgConnection>,
    lanes: Arc<Semaphore>,
    limit: Duration,
    mut wishes: mpsc::Receiver<Wish>,
) {
    while let Some(first) = wishes.recv().await {
        let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else { return };
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(wish) = wishes.try_recv()
        {
            group.push(wish);
        }
        let pool = pool.clone();
        tokio::spawn(async move {
            // What is dropped by the limit had no answer, which is what those who wait tell their clients.
            let _ = tokio::time::timeout(limit, answer(&pool, group)).await;
            drop(lane);
        });
    }
}

async fn answer(pool: &Pool<PgConnection>, group: Vec<Wish>) {
    let mut finds: HashMap<Uuid, Vec<Reply<Option<Payment>>>> = HashMap::new();
    let mut lists: HashMap<Page, Vec<Reply<FoundPage>>> = HashMap::new();
    for wish in group {
        match wish {
            Wish::Find(id, reply) => finds.entry(id).or_default().push(reply),
            Wish::List(page, reply) => lists.entry(page).or_default().push(reply),
        }
    }
    if !finds.is_empty() {
        let outcome = find(pool, finds.keys().copied().collect()).await;
        let outcome =
            outcome.map(|found| found.into_iter().map(|payment| (payment.id, payment)).collect());
        for (id, replies) in finds {
            let outcome =
                outcome.as_ref().map(|found: &HashMap<Uuid, Payment>| found.get(&id).cloned());
            tell(replies, &outcome);
        }
    }
    for (page, replies) in lists {
        let outcome = list(pool, page).await;
        tell(replies, &outcome.as_ref().map(Clone::clone));
    }
}

fn tell<T: Clone>(replies: Vec<Reply<T>>, outcome: &Result<T, &sqlx::Error>) {
    for reply in replies {
        // One failure for all who share it; what matters to them is that the database could not be asked.
        let again = outcome
            .clone()
            .map_err(|error| sqlx::Error::Io(std::io::Error::other(error.to_string())));
        let _ = reply.send(again);
    }
}

async fn find(pool: &Pool<PgConnection>, ids: Vec<Uuid>) -> Result<Vec<Payment>, sqlx::Error> {
    let mut connection = pool.lend().await?;
    let outcome = match ids.as_slice() {
        [id] => sqlx::query(FIND).bind(id).fetch_all(&mut *connection).await,
        _ => sqlx::query(FIND_TOGETHER).bind(ids).fetch_all(&mut *connection).await,
    };
    payments(&connection.settle(outcome)?)
}

async fn list(pool: &Pool<PgConnection>, page: Page) -> Result<FoundPage, sqlx::Error> {
    let mut connection = pool.lend().await?;
    let query = sqlx::query(LIST).bind(page.after.unwrap_or(Uuid::max())).bind(page.limit + 1);
    let found = collect_page(query.fetch(&mut *connection), page, payment).await;
    settle_page(&mut connection, found)
}

fn payments(rows: &[PgRow]) -> Result<Vec<Payment>, sqlx::Error> {
    rows.iter().map(payment).collect()
}

const FIND: &str =
    "SELECT id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at
    FROM payments WHERE id = $1";

const FIND_TOGETHER: &str =
    "SELECT id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at
    FROM payments WHERE id = ANY($1)";

const LIST: &str =
    "SELECT id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at
    FROM payments WHERE deleted_at IS NULL AND id < $1 ORDER BY id DESC LIMIT $2";
