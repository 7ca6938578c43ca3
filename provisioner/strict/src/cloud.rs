//! The running cloud: what connections, the control endpoint and tests share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::call::{Call, Counts, Log};
use crate::clock::Clock;
use crate::fault::{Faults, Kind, Tally};
use crate::pages::Pages;
use crate::permission::Permissions;
use crate::redact::Secrets;
use crate::registry::Registry;
use crate::seed::Seed;
use crate::throttle::Buckets;
use crate::wire::Request;
use crate::world::{Chance, Inventory, Worlds};

/// Locks that stay usable after a panic elsewhere: a test that failed must still be able to read its log.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Turn = Arc<tokio::sync::Mutex<()>>;

pub(crate) struct Cloud {
    pub(crate) upstream: http::uri::Authority,
    pub(crate) delay: Duration,
    pub(crate) strict: bool,
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    pub(crate) log: Mutex<Log>,
    pub(crate) secrets: Mutex<Secrets>,
    pub(crate) worlds: Mutex<Worlds>,
    pub(crate) permissions: Mutex<Permissions>,
    pub(crate) pages: Mutex<Pages>,
    pub(crate) buckets: Mutex<Buckets>,
    pub(crate) registry: Mutex<Registry>,
    faults: Mutex<(Faults, Tally)>,
    /// One mutating call at a time per account and service: what is judged is what is forwarded.
    turns: Mutex<HashMap<(String, String), Turn>>,
    request_ids: AtomicU64,
    mutations: AtomicU64,
    /// The `seq` of the call that is held, or 0.
    pub(crate) held: watch::Sender<u64>,
    /// Raised by one for each release.
    pub(crate) released: watch::Sender<u64>,
}

impl Cloud {
    pub(crate) fn new(upstream: http::uri::Authority, config: &crate::Config, log: Log) -> Self {
        Self {
            upstream,
            delay: config.delay,
            strict: config.strict,
            seed: Seed(config.seed),
            clock: Clock::new(config.clock_scale),
            log: Mutex::new(log),
            secrets: Mutex::default(),
            worlds: Mutex::default(),
            permissions: Mutex::default(),
            pages: Mutex::default(),
            buckets: Mutex::default(),
            registry: Mutex::default(),
            faults: Mutex::new((config.faults.clone(), Tally::default())),
            turns: Mutex::default(),
            request_ids: AtomicU64::new(1),
            mutations: AtomicU64::new(0),
            held: watch::Sender::new(0),
            released: watch::Sender::new(0),
        }
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = (faults, Tally::default());
    }

    pub(crate) fn faults(&self) -> Faults {
        lock(&self.faults).0.clone()
    }

    /// Whether the call must wait for a token of AWS's request rates.
    pub(crate) fn throttled(&self, request: &Request) -> bool {
        let enforced = lock(&self.faults).0.buckets;
        enforced && !lock(&self.buckets).take(request, self.clock.now())
    }

    /// The longest page of an answer to this request.
    pub(crate) fn page(&self, request: &Request) -> Option<usize> {
        let injected = lock(&self.faults).0.page;
        if injected.is_none() && !self.strict {
            None
        } else {
            crate::pages::size(request, injected)
        }
    }

    pub(crate) fn chance(&self) -> Chance {
        let guard = lock(&self.faults);
        Chance { seed: self.seed, stale: guard.0.stale, fresh: guard.0.fresh }
    }

    pub(crate) fn strike(&self, request: &Request) -> Option<Kind> {
        let mut guard = lock(&self.faults);
        let (faults, tally) = &mut *guard;
        faults.strike(tally, self.seed, request)
    }

    /// Waits for a call's turn; the turn ends when the guard is dropped. Reads and transparent clouds need none.
    pub(crate) async fn turn(&self, request: &Request) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        if !self.strict || !request.mutating() {
            return None;
        }
        let key = (request.account.clone(), request.service.clone());
        let turn = Arc::clone(lock(&self.turns).entry(key).or_default());
        Some(turn.lock_owned().await)
    }

    pub(crate) fn next_mutation(&self) -> u64 {
        self.mutations.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn request_id(&self) -> String {
        let n = self.request_ids.fetch_add(1, Ordering::Relaxed);
        format!("57121c7f-0000-4000-8000-{n:012x}")
    }

    /// Forgets the log and the counts, and starts the fault plan anew.
    pub(crate) fn reset_log(&self) {
        lock(&self.log).clear();
        self.mutations.store(0, Ordering::Relaxed);
        lock(&self.faults).1 = Tally::default();
    }

    /// Forgets what it knows of the emulator, which was reset.
    pub(crate) fn forget(&self) {
        *lock(&self.worlds) = Worlds::default();
        lock(&self.permissions).forget();
        *lock(&self.pages) = Pages::default();
        *lock(&self.buckets) = Buckets::default();
        *lock(&self.registry) = Registry::default();
    }

    pub(crate) fn counts(&self) -> Counts {
        lock(&self.log).counts()
    }

    pub(crate) fn inventory(&self, account: Option<&str>) -> Inventory {
        lock(&self.worlds).inventory(account, self.clock.now())
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.log).calls()
    }
}
