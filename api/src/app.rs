//! What every request shares: settings, store, credentials and the phase of life.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicUsize, Ordering},
};

use crate::{auth::Authority, idempotency::InFlight, settings::Settings, store::Store};

/// The shared state of one running service.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) authority: Authority,
    pub(crate) in_flight_keys: InFlight,
    pub(crate) in_progress: AtomicUsize,
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
        Self {
            settings,
            store,
            authority,
            in_flight_keys: InFlight::default(),
            in_progress: AtomicUsize::new(0),
            phase: AtomicU8::new(Phase::Starting as u8),
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
