//! What the looks of one connection know of each other.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::types::SecurityGroup;

use crate::gather::Gather;
use crate::traffic::arns::Label;

/// Shared by all clones of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks {
    /// Owner and tags of load balancers, listeners and target groups.
    pub(crate) labels: Gather<Label>,
    /// Security groups with their rules.
    pub(crate) groups: Gather<SecurityGroup>,
    unsettled: Arc<Mutex<BTreeSet<String>>>,
    many_roles: Arc<AtomicBool>,
}

impl Looks {
    /// A service was changed, or was seen on its way: it has not settled before all of its targets are
    /// healthy. `service` is `cluster/name`.
    pub(crate) fn unsettle(&self, service: &str) {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).insert(service.into());
    }

    /// All targets of a service are healthy.
    pub(crate) fn settle(&self, service: &str) {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }

    pub(crate) fn is_settled(&self, service: &str) -> bool {
        !self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).contains(service)
    }

    /// The account has more roles than one page of a listing, and ours are not in it.
    pub(crate) fn note_many_roles(&self) {
        self.many_roles.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_many_roles(&self) -> bool {
        self.many_roles.load(Ordering::Relaxed)
    }
}
