//! The strict cloud between the commands and an account: it keeps calls waiting, so that a test knows
//! where a command is.

use strict::{Config, Running, Strict};
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

    /// Waits until a call is kept waiting.
    pub(crate) fn held(&self) {
        self.runtime.block_on(self.running.held());
    }
}
