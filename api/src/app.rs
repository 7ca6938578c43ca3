//! What every request shares: settings, store, credentials and the phase of life.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU8, AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

use crate::{
    auth::Authority, limit::Limiter, settings::Settings, store::Store, telemetry::metrics::Gauges,
};

/// The memory that all large answers together may hold, KiB.
const ANSWER_MEMORY: usize = 64 * 1024;

/// The shared state of one running service.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) authority: Authority,
    pub(crate) limiter: Limiter<Arc<str>>,
    /// Signs cursors; the same for all tasks, known once the service is ready.
    cursor_key: OnceLock<Vec<u8>>,
    pub(crate) in_progress: AtomicUsize,
    /// Memory for large answers that wait for their readers, KiB.
    pub(crate) answers: Arc<Semaphore>,
    phase: AtomicU8,
}

pub(crate) type Shared = Arc<App>;

/// Where in its life the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The schema is not known to be up to date.
    Starting,
    Ready,
    /// SIGTERM came: health checks fail, requests are still answered.
    Draining,
}

impl App {
    pub(crate) fn new(settings: Settings, store: Store) -> Self {
        let authority = Authority::new(&settings);
        let limiter = Limiter::new(settings.rate_limit);
        Self {
            settings,
            store,
            authority,
            limiter,
            cursor_key: OnceLock::new(),
            in_progress: AtomicUsize::new(0),
            answers: Arc::new(Semaphore::new(ANSWER_MEMORY)),
            phase: AtomicU8::new(Phase::Starting as u8),
        }
    }

    /// Keeps the key that signs cursors.
    pub(crate) fn sign_cursors_with(&self, key: Vec<u8>) {
        let _ = self.cursor_key.set(key);
    }

    pub(crate) fn cursor_key(&self) -> &[u8] {
        self.cursor_key.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// The figures that the metrics show of this moment.
    pub(crate) fn measure(&self) -> Gauges {
        let (connections_used, connections_idle) = self.store.usage();
        Gauges {
            connections_used,
            connections_idle,
            active_requests: self.in_progress.load(Ordering::Relaxed),
            reads: self.store.reads.state(),
            writes: self.store.writes.state(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Moves on; a draining service never becomes ready again.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }
}
