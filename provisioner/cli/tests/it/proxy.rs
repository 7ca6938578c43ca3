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
        let runtime = Runtime::new().unwrap();
        let config = Config::transparent(&account.endpoint);
        let running = runtime.block_on(Strict::start(config)).unwrap();
        hold_at(project, &running.endpoint);
        Self { running, runtime }
    }

    /// From here on: a fault specification of the strict cloud, or nothing.
    pub(crate) fn set(&self, faults: &str) {
        self.running.set_faults(faults.parse().unwrap());
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
