//! Network interfaces: never made by us, and what holds a subnet, a security group or a gateway while
//! somebody's are still there.

use aws_sdk_ec2::types::{Filter, NetworkInterface};
use engine::{Class, Error, Result};

use crate::Aws;
use crate::error::error;

impl Aws {
    /// The interfaces that a filter selects, and that hold what they are in or on.
    pub(crate) async fn holders(&self, filter: Filter) -> Result<Vec<NetworkInterface>> {
        let mut holders = self.interfaces(filter).await?;
        if !holders.is_empty() {
            let left = self.left_interfaces().await?;
            holders.retain(|one| one.network_interface_id().is_none_or(|id| !left.contains(id)));
        }
        Ok(holders)
    }

    /// The interfaces that a filter selects.
    pub(crate) async fn interfaces(&self, filter: Filter) -> Result<Vec<NetworkInterface>> {
        let pages = self.read().ec2.describe_network_interfaces().filters(filter).into_paginator();
        pages
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("ec2:DescribeNetworkInterfaces", e))
    }
}

/// An interface in words: `eni-0a1 (ELB app/shop/1f2e, amazon-elb)`.
pub(crate) fn describe(interface: &NetworkInterface) -> String {
    let id = interface.network_interface_id().unwrap_or("an interface");
    let what = interface.description().filter(|text| !text.is_empty());
    let who = interface.requester_id().or(interface.owner_id());
    let known: Vec<&str> = what.into_iter().chain(who).collect();
    if known.is_empty() { id.to_owned() } else { format!("{id} ({})", known.join(", ")) }
}

/// Fails with [`Class::Blocked`], naming the interfaces, when there are any.
pub(crate) fn refuse_while(what: &str, holders: &[NetworkInterface]) -> Result<()> {
    if holders.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = holders.iter().map(describe).collect();
    Err(Error::new(Class::Blocked, format!("{what} is still used by {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_is_named_with_its_owner() {
        let lingering = NetworkInterface::builder()
            .network_interface_id("eni-1")
            .description("ELB app/shop/1f2e")
            .requester_id("amazon-elb")
            .build();
        let error = refuse_while("subnet-1", &[lingering]).unwrap_err();
        assert!(error.is(Class::Blocked));
        assert_eq!(
            error.message,
            "subnet-1 is still used by eni-1 (ELB app/shop/1f2e, amazon-elb)"
        );
        assert!(refuse_while("subnet-1", &[]).is_ok());
    }
}
