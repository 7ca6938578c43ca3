//! What happens during a run, as it happens.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use crate::address::Address;
use crate::plan::Action;

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Work on a resource began; `expected` is how long it usually takes.
    Started {
        address: Address,
        action: Action,
        expected: Duration,
    },
    /// It is on its way.
    Waiting {
        address: Address,
        why: String,
        elapsed: Duration,
    },
    /// A call failed and will be tried again.
    Retrying {
        address: Address,
        error: String,
        after: Duration,
    },
    Finished {
        address: Address,
        action: Action,
        elapsed: Duration,
    },
    Failed {
        address: Address,
        error: String,
    },
    /// Not begun, because something it needs failed or the run was interrupted.
    Skipped {
        address: Address,
        because: String,
    },
    /// The endpoint does not implement it.
    NotEmulated {
        address: Address,
        why: String,
    },
}

/// Where events go.
#[derive(Clone, Debug, Default)]
pub struct Events(Option<UnboundedSender<Event>>);

impl Events {
    #[must_use]
    pub fn to(sender: UnboundedSender<Event>) -> Self {
        Self(Some(sender))
    }

    /// Nobody is interested.
    #[must_use]
    pub fn nowhere() -> Self {
        Self(None)
    }

    /// Sends one; a listener that went away is no error.
    pub fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            let _listener_gone = sender.send(event);
        }
    }
}
