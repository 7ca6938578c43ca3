//! Keeps what the reads of one connection tell each other.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_ec2::types::SecurityGroup;
use kinds::partition;

use crate::observe::gather::Gather;
use crate::observe::tags::Label;

/// Shared by all clones of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadCache {
    /// Owner and tags of load balancers, listeners and target groups.
    pub(crate) labels: Gather<Label>,
    /// What the index of tags says of other resources.
    pub(crate) indexed: Gather<Label>,
    /// Security groups with their rules.
    pub(crate) groups: Gather<SecurityGroup>,
    unsettled: Arc<Mutex<BTreeSet<String>>>,
    many_roles: Arc<AtomicBool>,
    caller: Arc<OnceLock<String>>,
}

impl ReadCache {
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

    /// Who asks: the ARN that STS tells.
    pub(crate) fn know_caller(&self, arn: &str) {
        self.caller.get_or_init(|| arn.to_owned());
    }

    /// The ARN of something in the caller's account, once the caller is known.
    pub(crate) fn arn(&self, service: &str, region: &str, resource: &str) -> Option<String> {
        let mut parts = self.caller.get()?.split(':').skip(1);
        let (partition, account) = (parts.next()?, parts.nth(2)?);
        Some(format!("arn:{partition}:{service}:{region}:{account}:{resource}"))
    }

    /// The partition of the caller's ARN, once the caller is known.
    pub(crate) fn partition(&self) -> Option<&str> {
        partition::of_arn(self.caller.get()?)
    }

    /// The account has more roles than one page of a listing, and ours are not in it.
    pub(crate) fn note_many_roles(&self) {
        self.many_roles.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_many_roles(&self) -> bool {
        self.many_roles.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_of_the_callers_partition_and_account() {
        let cache = ReadCache::default();
        assert_eq!(cache.arn("ecr", "cn-north-1", "repository/shop"), None);
        assert_eq!(cache.partition(), None);
        cache.know_caller("arn:aws-cn:sts::123456789012:assumed-role/deploy/session");
        assert_eq!(
            cache.arn("ecr", "cn-north-1", "repository/shop").unwrap(),
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop"
        );
        assert_eq!(cache.partition(), Some("aws-cn"));
    }
}
