//! The strict cloud between the commands and an account: it keeps calls waiting, so that a test knows
//! where a command is.

use std::time::Duration;

use strict::{Call, Config, Running, Strict};
use tokio::runtime::Runtime;

use crate::account::{Account, hold_at};
use crate::support::Project;

pub(crate) struct Proxy {
    running: Running,
    runtime: Runtime,
}

impl Proxy {
    /// Stands in front of an account, for a project's commands.
    pub(crate) fn between(project: &mut Project, account: &Account) -> Self {
        Self::of(project, Config::transparent(&account.endpoint))
    }

    /// The same with AWS's rules and durations, which pass a thousand times as fast until the clock is stopped.
    pub(crate) fn strict(project: &mut Project, account: &Account) -> Self {
        Self::of(project, Config::strict(&account.endpoint, 1000.0))
    }

    fn of(project: &mut Project, config: Config) -> Self {
        let runtime = Runtime::new().unwrap();
        let running = runtime.block_on(Strict::start(config)).unwrap();
        hold_at(project, &running.endpoint);
        Self { running, runtime }
    }

    /// From here on: a fault specification of the strict cloud, or nothing.
    pub(crate) fn set(&self, faults: &str) {
        self.running.set_faults(faults.parse().unwrap());
    }

    /// From here on AWS's time only passes as [`Self::pass`] says.
    pub(crate) fn stop_time(&self) {
        self.running.clock().set_scale(0.0);
    }

    /// Lets seconds of AWS's time pass.
    pub(crate) fn pass(&self, seconds: f64) {
        self.running.clock().advance(seconds);
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.running.calls()
    }

    /// Cuts the connections of calls that are kept waiting.
    pub(crate) fn release(&self) {
        self.running.release();
    }

    /// Waits until a call is kept waiting.
    pub(crate) fn held(&self) {
        self.runtime.block_on(self.running.held());
    }

    /// The same, unless what would make the call is over before it did. Returns whether a call waits.
    pub(crate) fn held_or(&self, mut over: impl FnMut() -> bool) -> bool {
        loop {
            let look = Duration::from_millis(50);
            let held = async { tokio::time::timeout(look, self.running.held()).await.is_ok() };
            if self.runtime.block_on(held) {
                return true;
            }
            if over() {
                return false;
            }
        }
    }
}
