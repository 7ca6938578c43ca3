//! How long the commands take beside what AWS's own durations demand at least, on the compressed clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strict::{Call, durations};

use crate::stage::Site;
use crate::trial::Verb;
use crate::{Error, Result};

/// Virtual seconds per real second: slow enough for an emulator's answers to weigh what AWS's weigh.
pub const SCALE: f64 = 2.0;

/// One command's time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Makespan {
    pub verb: Verb,
    /// From the start to the end of the process, in virtual seconds.
    pub seconds: f64,
    /// The longest chain of AWS's own durations, in seconds.
    pub critical: f64,
    /// Why it is that long.
    pub chain: String,
    /// Shares of the whole: nothing but waiting; at least one call under way; the processor at work.
    pub waiting: f64,
    pub calling: f64,
    pub computing: f64,
}

impl Makespan {
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.seconds / self.critical
    }
}

/// Times all commands, on a site that runs at [`SCALE`], in an account that has its state bucket and lock table.
/// `told` hears of every changing call: virtual seconds since the command began, and which.
pub async fn measure(site: &Site, told: &dyn Fn(f64, &Call)) -> Result<Vec<Makespan>> {
    let stage = site.stage(0).await?;
    stage.cloud.clock().set_scale(1e6);
    for verb in [Verb::Up, Verb::Destroy] {
        let ended = stage.run(verb).await?;
        if !ended.done() {
            return Err(Error::Tool(format!("{verb}: {}", ended.last_words())));
        }
    }
    stage.cloud.clock().set_scale(site.scale);
    let mut all = Vec::new();
    for verb in Verb::ALL {
        let from = stage.cloud.calls().last().map_or(0, |call| call.seq);
        let begun = stage.cloud.clock().now();
        let mut started = stage.begin(verb).await?;
        let mut computed = Duration::ZERO;
        loop {
            tokio::select! {
                () = started.exit() => break,
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    computed = started.computed().unwrap_or(computed).max(computed);
                }
            }
        }
        let seconds = stage.cloud.clock().now() - begun;
        let ended = started.end().await?;
        if !ended.done() {
            return Err(Error::Tool(format!("{verb}: {}", ended.last_words())));
        }
        let mut calls = stage.cloud.calls();
        let (critical, chain) = critical(verb, deregistration(&calls));
        calls.retain(|call| call.seq > from);
        for call in calls.iter().filter(|call| call.mutating) {
            told(call.clock - begun, call);
        }
        let calling = under_way(&calls) / seconds;
        let computing = computed.as_secs_f64() * site.scale / seconds;
        let waiting = (1.0 - calling).max(0.0);
        all.push(Makespan { verb, seconds, critical, chain, waiting, calling, computing });
    }
    Ok(all)
}

/// The chain of durations that nothing can shorten, and its length.
fn critical(verb: Verb, deregistration: f64) -> (f64, String) {
    use durations::{LOAD_BALANCER_CREATE, LOAD_BALANCER_LINGER, NAT_CREATE, NAT_DELETE};
    use durations::{TASK_LINGER, TASK_STOP, TASKS_START};
    let drained = deregistration + TASK_STOP;
    let chains = match verb {
        Verb::Up => vec![
            (LOAD_BALANCER_CREATE + TASKS_START, "load balancer active, then tasks steady"),
            (NAT_CREATE + TASKS_START, "NAT gateway available, then tasks steady"),
        ],
        Verb::Change | Verb::Deploy => {
            vec![(TASKS_START + drained, "new tasks steady, then old ones drained")]
        }
        Verb::Destroy => vec![
            // Requests in flight come through the load balancer: it stays until the tasks are drained.
            (
                drained + LOAD_BALANCER_LINGER,
                "tasks drained, then the load balancer's interfaces gone",
            ),
            (drained + TASK_LINGER, "tasks drained, then their interfaces gone"),
            (NAT_DELETE, "NAT gateway deleted"),
        ],
    };
    let longest = chains.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    longest.map_or((0.0, String::new()), |(seconds, chain)| (seconds, chain.to_owned()))
}

/// The delay that the target groups were told.
fn deregistration(calls: &[Call]) -> f64 {
    let told = calls.iter().filter(|call| call.operation == "ModifyTargetGroupAttributes");
    let mut said = told.filter_map(|call| {
        let attributes = call.parameters["Attributes"].as_array()?;
        let delay = "deregistration_delay.timeout_seconds";
        let attribute = attributes.iter().find(|attribute| attribute["Key"] == delay)?;
        attribute["Value"].as_str()?.parse().ok()
    });
    said.next_back().unwrap_or(durations::DEREGISTRATION_DEFAULT)
}

/// For how long at least one call was under way.
fn under_way(calls: &[Call]) -> f64 {
    let mut times: Vec<(f64, f64)> = calls.iter().map(|call| (call.clock, call.answered)).collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut until) = (0.0, 0.0_f64);
    for (from, to) in times {
        sum += (to - from.max(until)).max(0.0);
        until = until.max(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_counts_once() {
        let call = |clock, answered| Call { clock, answered, ..Call::default() };
        let sum = under_way(&[call(0.0, 2.0), call(1.0, 3.0), call(5.0, 6.0), call(5.2, 5.5)]);
        assert!((sum - 4.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn the_longest_chain_counts() {
        assert!((critical(Verb::Up, 30.0).0 - 210.0).abs() < 1e-9);
        assert!((critical(Verb::Destroy, 300.0).0 - 420.0).abs() < 1e-9);
    }
}
