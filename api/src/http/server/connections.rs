//! The connections of one server: how many there are, whose they are, and which gives way when there is no place.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio_util::sync::CancellationToken;

/// The table of open connections. When it is full, the connection that has been without a request for longest gives
/// way: neither idle connections nor half heads keep a health check out.
pub(super) struct Connections {
    most: usize,
    most_per_peer: usize,
    began: Instant,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<State>>>,
}

struct State {
    peer: IpAddr,
    /// Requests whose answers hyper has not taken yet.
    requests: AtomicU32,
    /// Requests that were ever begun.
    begun: AtomicU32,
    /// When the last request ended, or the connection began: milliseconds since the table was made.
    quiet_since: AtomicU64,
    evicted: CancellationToken,
}

impl Connections {
    pub(super) fn new(most: usize, most_per_peer: usize) -> Self {
        Self {
            most,
            most_per_peer,
            began: Instant::now(),
            next: AtomicU64::new(0),
            open: Mutex::default(),
        }
    }

    /// Gives a connection a place, if need be that of another; `None` when every other is busy with a request.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Slot> {
        let mut open = self.lock();
        let own = open.values().filter(|state| state.peer == peer).count();
        let crowded = own >= self.most_per_peer;
        if crowded || open.len() >= self.most {
            let idle = open
                .iter()
                .filter(|(_, state)| !state.is_busy() && (!crowded || state.peer == peer));
            let longest = idle.min_by_key(|(number, state)| {
                // Numbers decide between connections of the same millisecond.
                (state.quiet_since.load(Ordering::Acquire), **number)
            });
            let Some(number) = longest.map(|(number, _)| *number) else {
                drop(open);
                crate::telemetry::metrics::connection_refused();
                return None;
            };
            if let Some(state) = open.remove(&number) {
                state.evicted.cancel();
                crate::telemetry::metrics::connection_evicted();
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            peer,
            requests: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            quiet_since: AtomicU64::new(self.now()),
            evicted: CancellationToken::new(),
        });
        open.insert(number, Arc::clone(&state));
        Some(Slot { table: Arc::clone(self), number, state })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.requests.load(Ordering::Acquire) > 0
    }
}

/// The place of one connection; free again when dropped.
pub(super) struct Slot {
    table: Arc<Connections>,
    number: u64,
    state: Arc<State>,
}

impl Slot {
    /// Marks the connection as busy until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InRequest {
        self.state.requests.fetch_add(1, Ordering::AcqRel);
        self.state.begun.fetch_add(1, Ordering::AcqRel);
        InRequest(Arc::clone(self))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.state.is_busy()
    }

    /// Requests that were ever begun on this connection.
    pub(super) fn begun(&self) -> u32 {
        self.state.begun.load(Ordering::Acquire)
    }

    /// Waits until another connection got this place.
    pub(super) async fn evicted(&self) {
        self.state.evicted.cancelled().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.table.lock().remove(&self.number);
    }
}

/// A request in progress on a connection.
pub(super) struct InRequest(Arc<Slot>);

impl Drop for InRequest {
    fn drop(&mut self) {
        let state = &self.0.state;
        state.quiet_since.store(self.0.table.now(), Ordering::Release);
        state.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn the_longest_idle_connection_gives_way_and_busy_ones_stay() {
        let table = Arc::new(Connections::new(2, 2));
        let busy = Arc::new(table.admit(peer(1)).unwrap());
        let request = busy.begin();
        let idle = table.admit(peer(2)).unwrap();
        let third = Arc::new(table.admit(peer(3)).unwrap());
        assert!(idle.state.evicted.is_cancelled() && !busy.state.evicted.is_cancelled());
        drop(idle);
        let other = third.begin();
        assert!(table.admit(peer(4)).is_none(), "all are busy");
        drop((request, other));
        assert!(table.admit(peer(4)).is_some());
    }

    #[test]
    fn a_peer_at_its_limit_only_takes_its_own_places() {
        let table = Arc::new(Connections::new(3, 2));
        let other = table.admit(peer(9)).unwrap();
        let first = table.admit(peer(1)).unwrap();
        let _second = table.admit(peer(1)).unwrap();
        let _third = table.admit(peer(1)).unwrap();
        assert!(first.state.evicted.is_cancelled() && !other.state.evicted.is_cancelled());
    }
}
