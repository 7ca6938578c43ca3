//! A circuit breaker: after several failures in a row the database is left alone for a while, then probed by one request.
//!
//! Reads and writes have one each: a database that is full or read-only still answers reads.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row that open the circuit.
const THRESHOLD: u32 = 5;

/// The breaker around the database.
pub(crate) struct Breaker {
    /// The name of the guarded operations, for the log.
    name: &'static str,
    open_for: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    Closed {
        failures: u32,
        /// When the last operation worked.
        worked: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    /// One probe is on its way since the time given.
    HalfOpen {
        since: Instant,
    },
}

impl Breaker {
    pub(crate) fn new(name: &'static str, open_for: Duration) -> Self {
        Self { name, open_for, state: Mutex::new(State::Closed { failures: 0, worked: None }) }
    }

    /// Asks to pass.
    ///
    /// # Errors
    /// How long to wait when the circuit is open.
    pub(crate) fn enter(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        match *state {
            State::Closed { .. } => {
                Ok(Permit { breaker: self, since: now, probe: false, judged: false })
            }
            State::Open { until } if now < until => Err(until - now),
            // A probe that never came back must not keep the circuit open for ever.
            State::HalfOpen { since }
                if now < since + self.open_for.max(Duration::from_secs(10)) =>
            {
                Err(self.open_for)
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                *state = State::HalfOpen { since: now };
                Ok(Permit { breaker: self, since: now, probe: true, judged: false })
            }
        }
    }

    /// closed, open or half-open.
    pub(crate) fn state(&self) -> &'static str {
        match *self.lock() {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half-open",
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> State {
        tracing::warn!(target: "payments_api", operations = self.name, "circuit breaker opened: the database is left alone");
        State::Open { until: Instant::now() + self.open_for }
    }
}

/// Leave to ask the database once; tells the breaker how it went.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    since: Instant,
    probe: bool,
    judged: bool,
}

impl Permit<'_> {
    pub(crate) fn succeeded(mut self) {
        self.judged = true;
        let mut state = self.breaker.lock();
        let closed = State::Closed { failures: 0, worked: Some(Instant::now()) };
        match *state {
            State::Closed { .. } => *state = closed,
            State::HalfOpen { .. } if self.probe => {
                tracing::info!(target: "payments_api", operations = self.breaker.name, "circuit breaker closed: the database answers again");
                *state = closed;
            }
            // A request from before the circuit opened says nothing about now.
            State::Open { .. } | State::HalfOpen { .. } => {}
        }
    }

    pub(crate) fn failed(mut self) {
        self.judged = true;
        let mut state = self.breaker.lock();
        match *state {
            State::Closed { failures, worked } if failures + 1 < THRESHOLD => {
                *state = State::Closed { failures: failures + 1, worked }
            }
            State::Closed { .. } => *state = self.breaker.open(),
            State::HalfOpen { .. } if self.probe => *state = self.breaker.open(),
            State::Open { .. } | State::HalfOpen { .. } => {}
        }
    }

    /// The operation took too long. That is the database's failure only when nothing else worked meanwhile: one slow
    /// statement or one locked row is not.
    pub(crate) fn timed_out(self) {
        let others_worked = match *self.breaker.lock() {
            State::Closed { worked, .. } => worked.is_some_and(|worked| worked > self.since),
            State::Open { .. } | State::HalfOpen { .. } => false,
        };
        if !others_worked {
            self.failed();
        }
    }
}

/// A caller that went away judges nothing, but its probe must make room for the next.
impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe && !self.judged {
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.enter().expect("closed").failed();
        }
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new("reads", Duration::from_mins(1));
        fail(&breaker, THRESHOLD - 1);
        breaker.enter().expect("closed").succeeded();
        fail(&breaker, THRESHOLD - 1);
        assert_eq!(breaker.state(), "closed");
        fail(&breaker, 1);
        assert!(breaker.enter().is_err());
    }

    #[test]
    fn a_timeout_counts_only_when_nothing_else_works() {
        let breaker = Breaker::new("writes", Duration::from_mins(1));
        for _ in 0..THRESHOLD * 2 {
            let slow = breaker.enter().expect("closed");
            breaker.enter().expect("closed").succeeded();
            slow.timed_out();
        }
        assert_eq!(breaker.state(), "closed");
        for _ in 0..THRESHOLD {
            breaker.enter().expect("closed").timed_out();
        }
        assert_eq!(breaker.state(), "open");
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        let breaker = Breaker::new("reads", Duration::ZERO);
        fail(&breaker, THRESHOLD);
        let probe = breaker.enter().expect("half-open");
        assert!(breaker.enter().is_err(), "a second probe passed");
        drop(probe);
        breaker.enter().expect("half-open again").failed();
        breaker.enter().expect("half-open again").succeeded();
        assert_eq!(breaker.state(), "closed");
    }
}
