//! Inserts that share a statement. While one statement is on its way, others wait; the next takes all of them along, so
//! that many payments cost one round trip and one commit. A payment that comes alone goes alone, at once.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::{
    batch::same_failure,
    session::{Session, Sessions},
};
use crate::{
    payment::{Actor, Payment, money::Money},
    store::{Claim, Created, rows::KeyRow},
};

/// Payments in one statement at most.
const GROUP: usize = 32;

/// A payment that waits for its statement.
struct PendingInsert {
    payment: Payment,
    claim: Option<Claim>,
    actor: Actor,
    reply: oneshot::Sender<Result<Created, sqlx::Error>>,
}

/// The way to the inserting workers, which start with the first payment.
pub(super) struct InsertBatcher {
    sessions: Sessions,
    /// Statements on their way at once.
    workers: u32,
    limit: Duration,
    pending: OnceLock<mpsc::Sender<PendingInsert>>,
}

impl InsertBatcher {
    pub(super) fn new(sessions: Sessions, workers: u32, limit: Duration) -> Self {
        Self { sessions, workers, limit, pending: OnceLock::new() }
    }

    /// Hands a payment in and waits for the commit that holds it.
    pub(super) async fn insert(
        &self,
        payment: &Payment,
        claim: Option<&Claim>,
        actor: &Actor,
    ) -> Result<Created, sqlx::Error> {
        let pending = self.pending.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(1024);
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..self.workers {
                tokio::spawn(worker(self.sessions.clone(), self.limit, Arc::clone(&receiver)));
            }
            sender
        });
        let (reply, outcome) = oneshot::channel();
        let insert = PendingInsert {
            payment: payment.clone(),
            claim: claim.cloned(),
            actor: actor.clone(),
            reply,
        };
        pending.send(insert).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        outcome.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

async fn worker(
    sessions: Sessions,
    limit: Duration,
    pending: Arc<Mutex<mpsc::Receiver<PendingInsert>>>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while pending.lock().await.recv_many(&mut group, GROUP).await > 0 {
        // Nobody waits for an answer any more: not worth a statement.
        group.retain(|insert| !insert.reply.is_closed());
        // Those who wait have the same limit. What is dropped here had no answer, which is what they tell their clients.
        let work = answer(&sessions, group.split_off(0));
        if tokio::time::timeout(limit, work).await.is_err() {
            tracing::warn!("inserts were given up after the time limit");
        }
    }
}

async fn answer(sessions: &Sessions, group: Vec<PendingInsert>) {
    if group.len() > 1 {
        match together(sessions, &group).await {
            Ok(outcomes) => {
                for (insert, outcome) in group.into_iter().zip(outcomes) {
                    let _ = insert.reply.send(outcome);
                }
                return;
            }
            // One value that the database refuses must not fail the others: each goes alone.
            Err(sqlx::Error::Database(_)) => {}
            Err(error) => {
                for insert in group {
                    let _ = insert.reply.send(Err(same_failure(&error)));
                }
                return;
            }
        }
    }
    for insert in group {
        let outcome = alone(sessions, &insert).await;
        let _ = insert.reply.send(outcome);
    }
}

async fn alone(sessions: &Sessions, insert: &PendingInsert) -> Result<Created, sqlx::Error> {
    let session = sessions.open().await?;
    let Some(claim) = &insert.claim else {
        let statement = sqlx::query(CREATE)
            .bind(insert.payment.id)
            .bind(insert.payment.data.text())
            .bind(insert.payment.amount.minor())
            .bind(Money::CURRENCY)
            .bind(insert.payment.created_at)
            .bind(&insert.actor.name)
            .bind(&insert.actor.request_id)
            .bind(&insert.actor.trace_id)
            .bind(sessions.webhook());
        return session.execute(statement).await.map(|_| Created::New);
    };
    let group = std::slice::from_ref(insert);
    if made(session, group, sessions.webhook()).await?.contains(&insert.payment.id) {
        return Ok(Created::New);
    }
    before(sessions.open().await?, claim).await
}

/// Inserts a group in one statement; what each came to. Once the statement is committed, nothing that fails afterwards
/// may send anyone again.
async fn together(
    sessions: &Sessions,
    group: &[PendingInsert],
) -> Result<Vec<Result<Created, sqlx::Error>>, sqlx::Error> {
    let made = made(sessions.open().await?, group, sessions.webhook()).await?;
    let mut outcomes = Vec::with_capacity(group.len());
    for insert in group {
        outcomes.push(match &insert.claim {
            _ if made.contains(&insert.payment.id) => Ok(Created::New),
            None => Err(sqlx::Error::RowNotFound),
            Some(claim) => match sessions.open().await {
                Ok(session) => before(session, claim).await,
                Err(error) => Err(error),
            },
        });
    }
    Ok(outcomes)
}

/// Inserts what may be inserted, and says which payments that was.
async fn made(
    session: Session,
    group: &[PendingInsert],
    webhook: bool,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    fn column<'a, T>(group: &'a [PendingInsert], pick: impl Fn(&'a PendingInsert) -> T) -> Vec<T> {
        group.iter().map(pick).collect()
    }
    fn claimed<'a, T>(group: &'a [PendingInsert], pick: impl Fn(&'a Claim) -> T) -> Vec<Option<T>> {
        group.iter().map(|insert| insert.claim.as_ref().map(&pick)).collect()
    }
    let statement = sqlx::query_as(CREATE_TOGETHER)
        .bind(column(group, |insert| insert.payment.id))
        .bind(column(group, |insert| insert.payment.data.text()))
        .bind(column(group, |insert| insert.payment.amount.minor()))
        .bind(Money::CURRENCY)
        .bind(column(group, |insert| insert.payment.created_at))
        .bind(column(group, |insert| insert.actor.name.as_str()))
        .bind(column(group, |insert| insert.actor.request_id.as_str()))
        .bind(column(group, |insert| insert.actor.trace_id.as_str()))
        .bind(claimed(group, |claim| claim.scope.as_str()))
        .bind(claimed(group, |claim| claim.key.as_str()))
        .bind(claimed(group, |claim| claim.fingerprint.to_vec()))
        .bind(claimed(group, |claim| i16::try_from(claim.answer.status).unwrap_or_default()))
        .bind(claimed(group, |claim| claim.answer.etag.as_str()))
        .bind(claimed(group, |claim| claim.answer.location.as_str()))
        .bind(claimed(group, |claim| claim.answer.body.as_str()))
        .bind(claimed(group, Claim::seconds))
        .bind(claimed(group, lock_number))
        .bind(webhook);
    let rows: Vec<(Uuid, bool)> = session.all(statement).await?;
    Ok(rows.into_iter().filter_map(|(id, made)| made.then_some(id)).collect())
}

/// What an earlier request with the key was answered, or that it is still at work.
async fn before(session: Session, claim: &Claim) -> Result<Created, sqlx::Error> {
    let statement = sqlx::query_as(
        "SELECT fingerprint, status, etag, location, body FROM idempotency_keys
         WHERE scope = $1 AND key = $2 AND expires_at > clock_timestamp()",
    );
    let row: Option<KeyRow> =
        session.optional(statement.bind(&claim.scope).bind(&claim.key)).await?;
    // Without a row another task is at work on the key, or it expired in this very moment: the next try finds out.
    row.map_or(Ok(Created::InFlight), Created::try_from)
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

/// The payment and its first event.
const CREATE: &str = "
    WITH payment AS (
        INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
        VALUES ($1, 'inserted', $2::jsonb, $3, $4, 1, $5, $5))
    , told AS (
        INSERT INTO outbox (id, kind, payment_id, status, version, trace_id, at, due_at)
        SELECT gen_random_uuid(), 'payment.inserted', $1, 'inserted', 1, $8, $5, clock_timestamp() WHERE $9::bool)
    INSERT INTO payment_events (payment_id, version, kind, to_status, actor, request_id, trace_id, at)
    VALUES ($1, 1, 'inserted', 'inserted', $6, $7, $8, $5)";

/// Several, with and without an idempotency key; a payment without one has null in its place. The advisory lock answers at
/// once whether another task is working on a key, and an expired key is taken over. No two have the same key: the process
/// sees to that.
const CREATE_TOGETHER: &str = "
    WITH turn AS MATERIALIZED (
        SELECT *, lock IS NULL OR pg_try_advisory_xact_lock(lock) AS held
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[],
                    $10::text[], $11::bytea[], $12::smallint[], $13::text[], $14::text[], $15::text[], $16::double precision[], $17::bigint[])
            AS pending (id, data, minor, at, actor, request, trace, scope, key, fingerprint, status, etag, location, body, seconds, lock)),
    claim AS (
        INSERT INTO idempotency_keys AS kept (scope, key, fingerprint, status, etag, location, body, expires_at)
        SELECT scope, key, fingerprint, status, etag, location, body, clock_timestamp() + make_interval(secs => seconds)
        FROM turn WHERE held AND key IS NOT NULL
        ON CONFLICT (scope, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, status = excluded.status, etag = excluded.etag,
            location = excluded.location, body = excluded.body, expires_at = excluded.expires_at
        WHERE kept.expires_at <= clock_timestamp()
        RETURNING scope, key),
    payment AS (
        INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
        SELECT id, 'inserted', data::jsonb, minor, $4, 1, at, at FROM turn
        WHERE key IS NULL OR (scope, key) IN (SELECT scope, key FROM claim)
        RETURNING id),
    event AS (
        INSERT INTO payment_events (payment_id, version, kind, to_status, actor, request_id, trace_id, at)
        SELECT id, 1, 'inserted', 'inserted', actor, request, trace, at FROM turn WHERE id IN (SELECT id FROM payment)),
    told AS (
        INSERT INTO outbox (id, kind, payment_id, status, version, trace_id, at, due_at)
        SELECT gen_random_uuid(), 'payment.inserted', id, 'inserted', 1, trace, at, clock_timestamp()
        FROM turn WHERE $18::bool AND id IN (SELECT id FROM payment))
    SELECT id, id IN (SELECT id FROM payment) FROM turn";
