//! Time, as fast as it is wanted: a rehearsal lets hours pass in seconds.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::error::{Class, Error, Result};

/// A clock that may run faster than the wall's. All waiting goes through it.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// Never paused, as tests pause the other.
    real_start: std::time::Instant,
    scale: f64,
}

impl Clock {
    /// Real time.
    #[must_use]
    pub fn real() -> Self {
        Self::scaled(1.0)
    }

    /// One real second counts as `scale` seconds.
    #[must_use]
    pub fn scaled(scale: f64) -> Self {
        let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
        Self { start: Instant::now(), real_start: std::time::Instant::now(), scale }
    }

    /// Time since this clock was made; never goes back.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed().mul_f64(self.scale)
    }

    /// The time of day, never scaled: for records that people read.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        // Where a test has skipped time, the time of day is skipped with it.
        let skipped = self.start.elapsed().saturating_sub(self.real_start.elapsed());
        Timestamp::now().saturating_add(skipped).unwrap_or(Timestamp::MAX)
    }

    /// How long ago a recorded time was, on this clock. Zero for a time in the future.
    #[must_use]
    pub fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.wall().duration_since(then)).unwrap_or_default().mul_f64(self.scale)
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time.div_f64(self.scale)).await;
    }

    /// Waits about this long, up to a quarter more or less: so those who look at the same thing do not look at once.
    pub async fn sleep_about(&self, time: Duration) {
        self.sleep(time.mul_f64(rand::random_range(0.75..1.25))).await;
    }

    /// How much faster than real time it runs.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

/// The time between two looks, in proportion to the time already waited: short for what is quick, at
/// most a fortieth too long for what ends about when it usually does, a twelfth for what takes longer.
pub(crate) fn until_next_look(waited: Duration, expected: Duration) -> Duration {
    let time = match waited {
        early if early < expected / 2 => (waited / 6).min((expected / 2).saturating_sub(waited)),
        usual if usual < expected * 2 => waited / 40,
        _ => waited / 12,
    };
    time.clamp(Duration::from_millis(250), Duration::from_secs(10))
}

/// How long a failing read is repeated.
const READ_BUDGET: Duration = Duration::from_mins(2);

/// Repeats a read, or a change that twice is the same as once, while it fails for reasons that pass.
pub async fn patient<T, F: Future<Output = Result<T>>>(
    clock: &Clock,
    mut read: impl FnMut() -> F,
) -> Result<T> {
    let mut backoff = Backoff::new();
    loop {
        match read().await {
            Err(error) if may_pass(&error) => match backoff.next(READ_BUDGET) {
                Some(delay) => clock.sleep(delay).await,
                None => return Err(error),
            },
            other => return other,
        }
    }
}

fn may_pass(error: &Error) -> bool {
    matches!(error.class, Class::Throttled | Class::Transient | Class::Lost)
}

/// Growing, jittered delays between tries: 0.5 s doubling up to 20 s, each cut by up to a half.
#[derive(Debug)]
pub struct Backoff {
    tries: u32,
    spent: Duration,
}

impl Backoff {
    #[must_use]
    pub fn new() -> Self {
        Self { tries: 0, spent: Duration::ZERO }
    }

    /// The next delay, or `None` when the delays together would exceed the budget.
    pub fn next(&mut self, budget: Duration) -> Option<Duration> {
        let full = Duration::from_millis(500) * 2u32.saturating_pow(self.tries.min(6));
        let delay = full.min(Duration::from_secs(20)).mul_f64(rand::random_range(0.5..1.0));
        self.tries += 1;
        self.spent += delay;
        (self.spent <= budget).then_some(delay)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks there are before something that takes as long is seen to be over, and how much too late.
    fn looks(takes: u64, expected: u64) -> (u32, Duration) {
        let (takes, expected) = (Duration::from_secs(takes), Duration::from_secs(expected));
        let (mut waited, mut looks) = (Duration::ZERO, 0);
        while waited < takes {
            waited += until_next_look(waited, expected);
            looks += 1;
        }
        (looks, waited.saturating_sub(takes))
    }

    #[test]
    fn what_ends_when_it_usually_does_is_seen_soon() {
        for takes in 75..300 {
            let (looks, late) = looks(takes, 150);
            assert!(late <= Duration::from_secs(takes) / 40, "{takes} s: {late:?} late");
            assert!(looks < 90, "{takes} s: {looks} looks");
        }
    }

    #[test]
    fn what_ends_at_another_time_costs_few_looks() {
        for (takes, expected) in [(3, 150), (30, 150), (900, 150), (1800, 0), (40, 0)] {
            let (looks, late) = looks(takes, expected);
            assert!(late <= Duration::from_secs(takes) / 6, "{takes} s: {late:?} late");
            assert!(looks < 230, "{takes} s: {looks} looks");
        }
    }
}
