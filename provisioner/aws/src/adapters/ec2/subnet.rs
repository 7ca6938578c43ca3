//! Subnets. Deleted only when no network interface is left in them.

use aws_sdk_ec2::types::{Filter, ResourceType, Subnet as Found, SubnetState};
use engine::{Adapter, Id, Op, Ready, Result, Seen, Which};
use kinds::Subnet;
use kinds::network::IdOutputs;

use super::interface::refuse_while;
use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;

impl Adapter<Subnet> for Aws {
    async fn observe(&self, which: Which<'_, Subnet>) -> Result<Vec<Seen<Subnet>>> {
        let mut filters = tags::filters(&which, "subnet-id");
        if let Which::Named(named) = &which {
            for subnet in *named {
                let place = tags::filter("vpc-id", [subnet.vpc.get()?]);
                filters.push(vec![place, tags::filter("cidr-block", [&subnet.cidr])]);
            }
        }
        let found = self.subnets(filters).await?;
        let seen = found.into_iter().filter_map(|subnet| {
            let id = subnet.subnet_id?;
            let (owner, tags) = tags::seen_ec2(subnet.tags.as_deref());
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let ready = match subnet.state {
                Some(SubnetState::Available) => Ready::Yes,
                state => Ready::Wait(state.map_or("pending".into(), |state| state.to_string())),
            };
            let spec = Subnet {
                vpc: subnet.vpc_id.unwrap_or_default().into(),
                zone: subnet.availability_zone.unwrap_or_default(),
                cidr: subnet.cidr_block.unwrap_or_default(),
                tags,
            };
            let outputs = IdOutputs { id: id.clone().into() };
            Some(Seen { id: id.into(), owner, spec, outputs, ready })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &Subnet, op: &Op) -> Result<Id> {
        let made = self
            .write()?
            .ec2
            .create_subnet()
            .vpc_id(desired.vpc.get()?)
            .availability_zone(&desired.zone)
            .cidr_block(&desired.cidr)
            .tag_specifications(tags::specification(ResourceType::Subnet, &desired.tags, op))
            .send()
            .await
            .map_err(|e| error("ec2:CreateSubnet", e))?;
        let id = made.subnet.and_then(|subnet| subnet.subnet_id);
        id.map(Id).ok_or_else(|| unnamed("ec2:CreateSubnet"))
    }

    async fn update(&self, desired: &Subnet, seen: &Seen<Subnet>) -> Result<Id> {
        self.retag_ec2(seen.id.as_str(), &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<Subnet>) -> Result<()> {
        let id = seen.id.as_str();
        refuse_while(id, &self.holders(tags::filter("subnet-id", [id])).await?)?;
        let call = self.write()?.ec2.delete_subnet().subnet_id(id);
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteSubnet", e)))
    }
}

impl Aws {
    pub(crate) async fn subnets(&self, filters: Vec<Vec<Filter>>) -> Result<Vec<Found>> {
        let found = tags::listed(filters, |filters| {
            let call = self.read().ec2.describe_subnets().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(|e| error("ec2:DescribeSubnets", e))
    }
}
