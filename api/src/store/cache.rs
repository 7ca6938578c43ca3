//! Payments read lately, each fetched once however many ask for it, and never older than the last write known here.
//!
//! A read remembers the count of writes to its shard from before it asked the database; an entry from before a write is
//! not used. Other tasks' writes are heard over `LISTEN`; while nothing can be heard, nothing is cached.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use moka::future::Cache;
use uuid::Uuid;

use super::StoreError;
use crate::payment::Payment;

const SHARDS: usize = 1024;

/// How often payments were written, counted in shards.
pub(crate) struct Writes(Box<[AtomicU64]>);

impl Writes {
    /// Notes a write; every entry and every read in progress from before it is void.
    pub(crate) fn note(&self, id: Uuid) {
        self.shard(id).fetch_add(1, Ordering::AcqRel);
    }

    fn shard(&self, id: Uuid) -> &AtomicU64 {
        // The last bits of a version 7 id are random.
        let number = u16::from_be_bytes([id.as_bytes()[14], id.as_bytes()[15]]);
        &self.0[usize::from(number) % SHARDS]
    }
}

/// The read cache of single payments.
pub(crate) struct Payments {
    entries: Cache<Uuid, Entry>,
    writes: Arc<Writes>,
    listening: AtomicBool,
    enabled: bool,
}

#[derive(Clone)]
struct Entry {
    payment: Arc<Payment>,
    writes: u64,
}

impl Payments {
    /// A cache of at most `entries` payments; 0 switches it off.
    pub(crate) fn new(entries: u64) -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(entries)
                .time_to_live(std::time::Duration::from_mins(1))
                .build(),
            writes: Arc::new(Writes((0..SHARDS).map(|_| AtomicU64::new(0)).collect())),
            listening: AtomicBool::new(false),
            enabled: entries > 0,
        }
    }

    /// Whether writes of other tasks are heard, without which nothing may be cached.
    pub(crate) fn set_listening(&self, listening: bool) {
        if listening {
            self.forget_all();
        }
        self.listening.store(listening, Ordering::Release);
    }

    /// Reads a payment, deleted ones too, with the given way to the database.
    pub(super) async fn read<F>(
        &self,
        id: Uuid,
        find: impl Fn() -> F,
    ) -> Result<Option<Arc<Payment>>, StoreError>
    where
        F: Future<Output = Result<Option<Payment>, StoreError>>,
    {
        if !self.enabled || !self.listening.load(Ordering::Acquire) {
            crate::telemetry::metrics::cache("bypass");
            return Ok(find().await?.map(Arc::new));
        }
        let shard = self.writes.shard(id);
        let writes = shard.load(Ordering::Acquire);
        if let Some(entry) = self.entries.get(&id).await {
            if entry.writes == writes {
                crate::telemetry::metrics::cache("hit");
                return Ok(Some(entry.payment));
            }
            self.entries.invalidate(&id).await;
        }
        crate::telemetry::metrics::cache("miss");
        let fetch = async {
            let writes = shard.load(Ordering::Acquire);
            match find().await {
                Ok(Some(payment)) => Ok(Entry { payment: Arc::new(payment), writes }),
                Ok(None) => Err(None),
                Err(error) => Err(Some(error)),
            }
        };
        match Box::pin(self.entries.try_get_with(id, fetch)).await {
            Ok(entry) if entry.writes >= writes => Ok(Some(entry.payment)),
            // It was fetched for someone who asked before the last write.
            Ok(_) => Ok(find().await?.map(Arc::new)),
            Err(failure) => match &*failure {
                None => Ok(None),
                Some(StoreError::Open(wait)) => Err(StoreError::Open(*wait)),
                Some(StoreError::Timeout) => Err(StoreError::Timeout),
                // The failure is shared by all who waited and cannot be taken apart: ask for oneself.
                Some(_) => Ok(find().await?.map(Arc::new)),
            },
        }
    }

    /// The count of writes, for those who write.
    pub(crate) fn writes(&self) -> &Arc<Writes> {
        &self.writes
    }

    /// Notes that anything may have been written.
    fn forget_all(&self) {
        for shard in &self.writes.0 {
            shard.fetch_add(1, Ordering::AcqRel);
        }
        self.entries.invalidate_all();
    }
}
