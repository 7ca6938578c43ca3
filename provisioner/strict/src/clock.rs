//! Virtual time: real time times a factor, or moved by hand.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seconds since the cloud started. With scale 100 a real second is 100; with scale 0 only `advance` moves it.
#[derive(Debug)]
pub struct Clock(Mutex<State>);

#[derive(Debug)]
struct State {
    base: f64,
    since: Instant,
    scale: f64,
}

impl State {
    fn now(&self) -> f64 {
        self.base + self.since.elapsed().as_secs_f64() * self.scale
    }
}

impl Clock {
    /// A clock at 0 that runs `scale` times as fast as the real one.
    #[must_use]
    pub fn new(scale: f64) -> Self {
        Self(Mutex::new(State { base: 0.0, since: Instant::now(), scale }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual seconds since the start.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.state().now()
    }

    /// Virtual seconds per real second.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.state().scale
    }

    /// Jumps forward by virtual seconds.
    pub fn advance(&self, seconds: f64) {
        self.state().base += seconds.max(0.0);
    }

    /// Changes the speed from now on.
    pub fn set_scale(&self, scale: f64) {
        let mut state = self.state();
        let now = state.now();
        *state = State { base: now, since: Instant::now(), scale };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand_and_faster() {
        let clock = Clock::new(0.0);
        clock.advance(111.0);
        assert!((clock.now() - 111.0).abs() < f64::EPSILON);
        clock.set_scale(1e9);
        let before = clock.now();
        while clock.now() <= before {}
        assert!(clock.now() > 111.0);
    }
}
