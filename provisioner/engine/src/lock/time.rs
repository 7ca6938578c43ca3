//! Time as the lock needs it, and how the age of a lease is measured.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// One process's clocks.
pub trait Time: Clone + Send + Sync + 'static {
    /// Monotonic time since some moment in the past. May stand still while the machine sleeps.
    fn now(&self) -> Duration;
    /// Time of day. May jump, and may differ from that of other machines.
    fn wall(&self) -> Timestamp;
    /// How long ago a time of day of this process was. Zero for a time in the future.
    fn since(&self, then: Timestamp) -> Duration;
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

impl Time for Clock {
    fn now(&self) -> Duration {
        Self::now(self)
    }

    fn wall(&self) -> Timestamp {
        Self::wall(self)
    }

    fn since(&self, then: Timestamp) -> Duration {
        Self::since(self, then)
    }

    async fn sleep(&self, duration: Duration) {
        Self::sleep(self, duration).await;
    }
}

/// A moment on both clocks of one process.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    monotonic: Duration,
    wall: Timestamp,
}

impl Moment {
    #[must_use]
    pub fn now(time: &impl Time) -> Self {
        Self { monotonic: time.now(), wall: time.wall() }
    }

    /// How long ago that was, at least: monotonic time, which never runs ahead. For challengers, who
    /// must not be too early.
    #[must_use]
    pub fn at_least(&self, time: &impl Time) -> Duration {
        time.now().saturating_sub(self.monotonic)
    }

    /// How long ago that was, at most: the larger of monotonic and wall time. For holders, who must
    /// not be too late.
    #[must_use]
    pub fn at_most(&self, time: &impl Time) -> Duration {
        self.at_least(time).max(time.since(self.wall))
    }
}
