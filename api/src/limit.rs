//! Quotas: each principal has a token bucket that all tasks share, and every task works from a block leased from it.
//!
//! A lease is one write to Postgres for many requests, so a read does not become a write. A block that is not used
//! within [`LEASE`] is lost, so a block is only as large as the use of the last one suggests. SQLite has one process, so its bucket is in memory.

use std::{
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use moka::sync::Cache;

use crate::store::Store;

/// The window of the policy that clients see.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);
/// How long a leased block may be used.
const LEASE: Duration = Duration::from_secs(5);
/// Buckets that are remembered; beyond it, those that are used least make room.
const REMEMBERED: u64 = 10_000;

/// What a bucket says about one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    Allowed { remaining: u64 },
    Denied { retry_after: Duration },
}

/// Token buckets by name. A name is something small that was verified, never a text as a client sent it.
pub(crate) struct Limiter<K> {
    /// Tokens per [`WINDOW`], which is also the most that a bucket holds; 0 is without limit.
    quota: u64,
    buckets: Cache<K, Arc<Bucket>>,
}

struct Bucket {
    block: Mutex<Block>,
    /// Held by the one request that fetches the next block.
    leasing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy)]
struct Block {
    tokens: u64,
    /// Tokens when it was leased.
    size: u64,
    /// What the shared bucket still had when the block was leased.
    shared: u64,
    until: Instant,
    denied_until: Option<Instant>,
    /// The bucket of this process alone, for SQLite and for when the shared one cannot be reached.
    own: Own,
}

#[derive(Clone, Copy)]
struct Own {
    tokens: f64,
    refilled: Instant,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Limiter<K> {
    pub(crate) fn new(quota: u64) -> Self {
        // A bucket that nobody used for a whole window is full again, which is what a new one is.
        let buckets = Cache::builder().max_capacity(REMEMBERED).time_to_idle(WINDOW).build();
        Self { quota, buckets }
    }

    /// Tokens per window, when there is a limit.
    pub(crate) fn quota(&self) -> Option<u64> {
        (self.quota > 0).then_some(self.quota)
    }

    /// Takes one token of a bucket that only this process knows.
    pub(crate) fn take_local(&self, name: &K) -> Verdict {
        self.take_own(&self.bucket(name))
    }

    /// Whether [`Limiter::take_local`] would find a token, without taking it.
    pub(crate) fn has_local(&self, name: &K) -> bool {
        self.quota == 0 || {
            let bucket = self.bucket(name);
            let block = bucket.lock();
            self.refilled(block.own, Instant::now()) >= 1.0
        }
    }

    fn take_own(&self, bucket: &Bucket) -> Verdict {
        let mut block = bucket.lock();
        let now = Instant::now();
        let tokens = self.refilled(block.own, now);
        if tokens < 1.0 {
            block.own = Own { tokens, refilled: now };
            return Verdict::Denied {
                retry_after: WINDOW.div_f64(float(self.quota)).mul_f64(1.0 - tokens),
            };
        }
        block.own = Own { tokens: tokens - 1.0, refilled: now };
        Verdict::Allowed { remaining: whole(tokens - 1.0) }
    }

    fn refilled(&self, own: Own, now: Instant) -> f64 {
        let rate = float(self.quota) / WINDOW.as_secs_f64();
        (own.tokens + now.duration_since(own.refilled).as_secs_f64() * rate).min(float(self.quota))
    }

    fn bucket(&self, name: &K) -> Arc<Bucket> {
        self.buckets.get_with_by_ref(name, || {
            let now = Instant::now();
            let own = Own { tokens: float(self.quota), refilled: now };
            let block =
                Block { tokens: 0, size: 0, shared: 0, until: now, denied_until: None, own };
            Arc::new(Bucket { block: Mutex::new(block), leasing: tokio::sync::Mutex::default() })
        })
    }
}

impl Limiter<Arc<str>> {
    /// Takes one token of a principal, leasing a block when the last one is used up.
    pub(crate) async fn take(&self, name: &Arc<str>, store: &Store) -> Verdict {
        if self.quota == 0 {
            return Verdict::Allowed { remaining: u64::MAX };
        }
        let bucket = self.bucket(name);
        if !store.shares_buckets() {
            return self.take_own(&bucket);
        }
        if let Some(verdict) = bucket.take_leased() {
            return verdict;
        }
        let _leasing = bucket.leasing.lock().await;
        if let Some(verdict) = bucket.take_leased() {
            return verdict;
        }
        let most = (self.quota / WINDOW.as_secs()).clamp(1, 1000);
        let wanted = bucket.wanted().clamp(1, most);
        match store.lease(name, self.quota, WINDOW, wanted).await {
            Ok(lease) => {
                let mut block = bucket.lock();
                let now = Instant::now();
                if lease.granted == 0 {
                    let wait =
                        WINDOW.div_f64(float(self.quota)).mul_f64((1.0 - lease.left).max(0.0));
                    block.denied_until = Some(now + wait);
                    return Verdict::Denied { retry_after: wait };
                }
                let shared = whole(lease.left);
                (block.tokens, block.size) = (lease.granted - 1, lease.granted);
                (block.shared, block.until) = (shared, now + LEASE);
                Verdict::Allowed { remaining: block.tokens + shared }
            }
            // The database is away: this task's own bucket limits until it is back.
            Err(_) => self.take_own(&bucket),
        }
    }
}

impl Bucket {
    fn lock(&self) -> std::sync::MutexGuard<'_, Block> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tokens to lease next: twice as many as a block that was used up in time, else as many as were used.
    fn wanted(&self) -> u64 {
        let block = self.lock();
        let used = block.size - block.tokens;
        if block.tokens == 0 && Instant::now() < block.until { used * 2 } else { used }
    }

    /// Decides from the block at hand, if it can.
    fn take_leased(&self) -> Option<Verdict> {
        let mut block = self.lock();
        let now = Instant::now();
        if let Some(until) = block.denied_until {
            if now < until {
                return Some(Verdict::Denied { retry_after: until - now });
            }
            block.denied_until = None;
        }
        if block.tokens == 0 || now >= block.until {
            return None;
        }
        block.tokens -= 1;
        Some(Verdict::Allowed { remaining: block.tokens + block.shared })
    }
}

#[expect(clippy::cast_precision_loss, reason = "quotas are far below 2^52")]
fn float(tokens: u64) -> f64 {
    tokens as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tokens are between 0 and the quota"
)]
fn whole(tokens: f64) -> u64 {
    tokens.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_quota_and_then_says_when() {
        let limiter = Limiter::new(6);
        let name: Arc<str> = Arc::from("admin");
        let mut remaining = 6;
        while let Verdict::Allowed { remaining: left } = limiter.take_local(&name) {
            assert!(left < remaining, "{left} after {remaining}");
            remaining = left;
        }
        assert_eq!(remaining, 0);
        assert!(!limiter.has_local(&name));
        let Verdict::Denied { retry_after } = limiter.take_local(&name) else { panic!("allowed") };
        assert!(
            retry_after > Duration::ZERO && retry_after <= Duration::from_secs(10),
            "{retry_after:?}"
        );
        assert!(matches!(limiter.take_local(&Arc::from("other")), Verdict::Allowed { .. }));
    }
}
