//! Creates that share a statement. While one statement is on its way, others wait; the next takes all of them along, so
//! that many payments cost one round trip and one commit. A payment that comes alone goes alone, at once.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::{PgConnection, Row};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::{Pool, bind_claim, bind_create, lock_number};
use crate::{
    payment::{Actor, Payment},
    store::{Answer, Claim, Created, fingerprint},
};

/// Payments in one statement at most.
const GROUP: usize = 32;

struct Wish {
    payment: Payment,
    claim: Option<Claim>,
    actor: Actor,
    reply: oneshot::Sender<Result<Created, sqlx::Error>>,
}

/// The way to the creating tasks, which start with the first create.
pub(super) struct Creates {
    pool: Pool<PgConnection>,
    /// Statements on their way at once.
    lanes: u32,
    limit: Duration,
    wishes: OnceLock<mpsc::Sender<Wish>>,
}

impl Creates {
    pub(super) fn new(pool: Pool<PgConnection>, lanes: u32, limit: Duration) -> Self {
        Self { pool, lanes, limit, wishes: OnceLock::new() }
    }

    /// Hands a create in and waits for the commit that holds it.
    pub(super) async fn ask(
        &self,
        payment: &Payment,
        claim: Option<&Claim>,
        actor: &Actor,
    ) -> Result<Created, sqlx::Error> {
        let wishes = self.wishes.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(1024);
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..self.lanes {
                tokio::spawn(lane(self.pool.clone(), self.limit, Arc::clone(&receiver)));
            }
            sender
        });
        let (reply, outcome) = oneshot::channel();
        let wish =
            Wish { payment: payment.clone(), claim: claim.cloned(), actor: actor.clone(), reply };
        wishes.send(wish).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        outcome.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

async fn lane(pool: Pool<PgConnection>, limit: Duration, wishes: Arc<Mutex<mpsc::Receiver<Wish>>>) {
    let mut group = Vec::with_capacity(GROUP);
    while wishes.lock().await.recv_many(&mut group, GROUP).await > 0 {
        // Nobody waits for an answer any more: not worth a statement.
        group.retain(|wish| !wish.reply.is_closed());
        // Those who wait have the same limit. What is dropped here had no answer, which is what they tell their clients.
        let work = answer(&pool, group.split_off(0));
        if tokio::time::timeout(limit, work).await.is_err() {
            tracing::warn!("creates were given up after the time limit");
        }
    }
}

async fn answer(pool: &Pool<PgConnection>, group: Vec<Wish>) {
    if group.len() > 1 {
        match together(pool, &group).await {
            Ok(outcomes) => {
                for (wish, outcome) in group.into_iter().zip(outcomes) {
                    let _ = wish.reply.send(Ok(outcome));
                }
                return;
            }
            // One value that the database refuses must not fail the others: each goes alone.
            Err(sqlx::Error::Database(_)) => {}
            Err(error) => {
                for wish in group {
                    let again = sqlx::Error::Io(std::io::Error::other(error.to_string()));
                    let _ = wish.reply.send(Err(again));
                }
                return;
            }
        }
    }
    for wish in group {
        let outcome = alone(pool, &wish).await;
        let _ = wish.reply.send(outcome);
    }
}

async fn alone(pool: &Pool<PgConnection>, wish: &Wish) -> Result<Created, sqlx::Error> {
    let mut connection = pool.lend().await?;
    let Some(claim) = &wish.claim else {
        let outcome = bind_create(sqlx::query(CREATE), &wish.payment, &wish.actor)
            .execute(&mut *connection)
            .await;
        return connection.settle(outcome.map(|_| Created::New));
    };
    let query =
        bind_claim(bind_create(sqlx::query(CREATE_ONCE), &wish.payment, &wish.actor), claim);
    let outcome = query.fetch_one(&mut *connection).await;
    let row = connection.settle(outcome)?;
    if row.try_get(0)? {
        return Ok(Created::New);
    }
    let outcome = before(&mut connection, claim).await;
    connection.settle(outcome)
}

async fn together(pool: &Pool<PgConnection>, group: &[Wish]) -> Result<Vec<Created>, sqlx::Error> {
    fn column<'a, T>(group: &'a [Wish], pick: impl Fn(&'a Wish) -> T) -> Vec<T> {
        group.iter().map(pick).collect()
    }
    fn claimed<'a, T>(group: &'a [Wish], pick: impl Fn(&'a Claim) -> T) -> Vec<Option<T>> {
        group.iter().map(|wish| wish.claim.as_ref().map(&pick)).collect()
    }
    let mut connection = pool.lend().await?;
    let query = sqlx::query(CREATE_TOGETHER)
        .bind(column(group, |wish| wish.payment.id))
        .bind(column(group, |wish| wish.payment.data.text()))
        .bind(column(group, |wish| wish.payment.amount.minor()))
        .bind(crate::money::Money::CURRENCY)
        .bind(column(group, |wish| wish.payment.created_at))
        .bind(column(group, |wish| wish.actor.name.as_str()))
        .bind(column(group, |wish| wish.actor.request_id.as_str()))
        .bind(column(group, |wish| wish.actor.trace_id.as_str()))
        .bind(claimed(group, |claim| claim.scope.as_str()))
        .bind(claimed(group, |claim| claim.key.as_str()))
        .bind(claimed(group, |claim| claim.fingerprint.to_vec()))
        .bind(claimed(group, |claim| i16::try_from(claim.answer.status).unwrap_or_default()))
        .bind(claimed(group, |claim| claim.answer.etag.as_str()))
        .bind(claimed(group, |claim| claim.answer.location.as_str()))
        .bind(claimed(group, |claim| claim.answer.body.as_str()))
        .bind(claimed(group, Claim::seconds))
        .bind(claimed(group, lock_number));
    let outcome = query.fetch_all(&mut *connection).await;
    let rows = connection.settle(outcome)?;
    let mut made: HashMap<Uuid, bool> = HashMap::with_capacity(rows.len());
    for row in &rows {
        made.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let mut outcomes = Vec::with_capacity(group.len());
    for wish in group {
        let made = made.get(&wish.payment.id).copied().ok_or(sqlx::Error::RowNotFound)?;
        outcomes.push(match &wish.claim {
            Some(claim) if !made => {
                let outcome = before(&mut connection, claim).await;
                connection.settle(outcome)?
            }
            _ => Created::New,
        });
    }
    Ok(outcomes)
}

/// What an earlier request with the key was answered, or that it is still at work.
async fn before(connection: &mut PgConnection, claim: &Claim) -> Result<Created, sqlx::Error> {
    let query = sqlx::query(
        "SELECT fingerprint, status, etag, location, body FROM idempotency_keys WHERE scope = $1 AND key = $2 AND expires_at > clock_timestamp()",
    );
    let Some(row) = query.bind(&claim.scope).bind(&claim.key).fetch_optional(connection).await?
    else {
        // Another task is at work on the key, or it expired in this very moment: the next try finds out.
        return Ok(Created::InFlight);
    };
    let status: i16 = row.try_get(1)?;
    let answer = Answer {
        status: u16::try_from(status).unwrap_or_default(),
        etag: row.try_get(2)?,
        location: row.try_get(3)?,
        body: row.try_get(4)?,
    };
    Ok(Created::Before(fingerprint(row.try_get(0)?)?, answer))
}

/// The payment and its first event.
const CREATE: &str = "
    WITH payment AS (
        INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
        VALUES ($1, 'inserted', $2::jsonb, $3, $4, 1, $5, $5))
    INSERT INTO payment_events (payment_id, version, kind, to_status, actor, request_id, trace_id, at)
    VALUES ($1, 1, 'inserted', 'inserted', $6, $7, $8, $5)";

/// The same behind an idempotency key. The advisory lock answers at once whether another task is working on the key;
/// an expired key is taken over.
const CREATE_ONCE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($17) AS held),
    claim AS (
        INSERT INTO idempotency_keys AS kept (scope, key, fingerprint, status, etag, location, body, expires_at)
        SELECT $9, $10, $11, $12, $13, $14, $15, clock_timestamp() + make_interval(secs => $16) FROM turn WHERE held
        ON CONFLICT (scope, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, status = excluded.status, etag = excluded.etag,
            location = excluded.location, body = excluded.body, expires_at = excluded.expires_at
        WHERE kept.expires_at <= clock_timestamp()
        RETURNING 1),
    payment AS (
        INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
        SELECT $1, 'inserted', $2::jsonb, $3, $4, 1, $5, $5 FROM claim
        RETURNING id),
    event AS (
        INSERT INTO payment_events (payment_id, version, kind, to_status, actor, request_id, trace_id, at)
        SELECT id, 1, 'inserted', 'inserted', $6, $7, $8, $5 FROM payment)
    SELECT EXISTS (SELECT FROM payment)";

/// Several of both kinds; a payment without a key has null in its place. No two have the same key: the process sees to that.
const CREATE_TOGETHER: &str = "
    WITH turn AS MATERIALIZED (
        SELECT *, lock IS NULL OR pg_try_advisory_xact_lock(lock) AS held
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[],
                    $10::text[], $11::bytea[], $12::smallint[], $13::text[], $14::text[], $15::text[], $16::double precision[], $17::bigint[])
            AS wish (id, data, minor, at, actor, request, trace, scope, key, fingerprint, status, etag, location, body, seconds, lock)),
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
        SELECT id, 1, 'inserted', 'inserted', actor, request, trace, at FROM turn WHERE id IN (SELECT id FROM payment))
    SELECT id, id IN (SELECT id FROM payment) FROM turn";
