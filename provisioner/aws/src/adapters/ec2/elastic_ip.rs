//! Elastic IP addresses. Released only when nothing holds them: a NAT gateway that is still on its way
//! out does.

use aws_sdk_ec2::types::{Address, DomainType, Filter, ResourceType};
use engine::{Adapter, Class, Error, Id, Op, Ready, Result, Seen, Which};
use kinds::ElasticIp;
use kinds::network::ElasticIpOutputs;

use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;

impl Adapter<ElasticIp> for Aws {
    async fn observe(&self, which: Which<'_, ElasticIp>) -> Result<Vec<Seen<ElasticIp>>> {
        let found = tags::listed(tags::filters(&which, "allocation-id"), |f| self.addresses(f));
        let seen = found.await?.into_iter().filter_map(|address| {
            let id = address.allocation_id?;
            let (owner, tags) = tags::seen_ec2(address.tags.as_deref());
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let outputs = ElasticIpOutputs {
                id: id.clone().into(),
                address: address.public_ip.unwrap_or_default().into(),
            };
            let spec = ElasticIp { tags };
            Some(Seen { id: id.into(), owner, spec, outputs, ready: Ready::Yes })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &ElasticIp, op: &Op) -> Result<Id> {
        let tags = tags::specification(ResourceType::ElasticIp, &desired.tags, op);
        let call = self.write()?.ec2.allocate_address().domain(DomainType::Vpc);
        let made = call
            .tag_specifications(tags)
            .send()
            .await
            .map_err(|e| error("ec2:AllocateAddress", e))?;
        made.allocation_id.map(Id).ok_or_else(|| unnamed("ec2:AllocateAddress"))
    }

    async fn update(&self, desired: &ElasticIp, seen: &Seen<ElasticIp>) -> Result<Id> {
        self.retag_ec2(seen.id.as_str(), &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<ElasticIp>) -> Result<()> {
        let id = seen.id.as_str();
        let found = self.addresses(vec![tags::filter("allocation-id", [id])]).await?;
        if let Some(held) = found.iter().find(|address| address.association_id.is_some()) {
            let by = held.network_interface_id().or(held.instance_id()).unwrap_or("something");
            if !self.left_interfaces().await?.contains(by) {
                return Err(Error::new(Class::Blocked, format!("{id} is still mapped to {by}")));
            }
        }
        let call = self.write()?.ec2.release_address().allocation_id(id);
        gone(call.send().await.map(drop).map_err(|e| error("ec2:ReleaseAddress", e)))
    }
}

impl Aws {
    /// The account's addresses in the region that the filters select; all of them without any.
    pub(crate) async fn addresses(&self, filters: Vec<Filter>) -> Result<Vec<Address>> {
        let call = self.read().ec2.describe_addresses().set_filters(Some(filters));
        let found = call.send().await.map_err(|e| error("ec2:DescribeAddresses", e))?;
        Ok(found.addresses.unwrap_or_default())
    }
}
