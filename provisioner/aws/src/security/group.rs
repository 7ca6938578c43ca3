//! Security groups. Deleted only when no network interface carries them.

use aws_sdk_ec2::types::ResourceType;
use engine::{Adapter, Id, Op, Ready, Result, Seen, Which};
use kinds::SecurityGroup;
use kinds::network::IdOutputs;

use crate::error::{error, gone, unnamed};
use crate::network::interface::refuse_while;
use crate::{Aws, tags};

impl Adapter<SecurityGroup> for Aws {
    async fn observe(&self, which: Which<'_, SecurityGroup>) -> Result<Vec<Seen<SecurityGroup>>> {
        let mut filters = tags::filters(&which, "group-id");
        if let Which::Named(named) = &which {
            for group in *named {
                let place = tags::filter("vpc-id", [group.vpc.get()?]);
                filters.push(vec![place, tags::filter("group-name", [&group.name])]);
            }
        }
        let found = tags::listed(filters, |filters| {
            let call = self.read().ec2.describe_security_groups().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        let found = found.await.map_err(|e| error("ec2:DescribeSecurityGroups", e))?;
        let seen = found.into_iter().filter_map(|group| {
            let id = group.group_id?;
            let (owner, tags) = tags::seen_ec2(group.tags.as_deref());
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let spec = SecurityGroup {
                vpc: group.vpc_id.unwrap_or_default().into(),
                name: group.group_name.unwrap_or_default(),
                description: group.description.unwrap_or_default(),
                tags,
            };
            let outputs = IdOutputs { id: id.clone().into() };
            Some(Seen { id: id.into(), owner, spec, outputs, ready: Ready::Yes })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &SecurityGroup, op: &Op) -> Result<Id> {
        let made = self
            .write()?
            .ec2
            .create_security_group()
            .vpc_id(desired.vpc.get()?)
            .group_name(&desired.name)
            .description(&desired.description)
            .tag_specifications(tags::specification(ResourceType::SecurityGroup, &desired.tags, op))
            .send()
            .await
            .map_err(|e| error("ec2:CreateSecurityGroup", e))?;
        made.group_id.map(Id).ok_or_else(|| unnamed("ec2:CreateSecurityGroup"))
    }

    async fn update(&self, desired: &SecurityGroup, seen: &Seen<SecurityGroup>) -> Result<Id> {
        self.retag_ec2(seen.id.as_str(), &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<SecurityGroup>) -> Result<()> {
        let id = seen.id.as_str();
        refuse_while(id, &self.holders(tags::filter("group-id", [id])).await?)?;
        let call = self.write()?.ec2.delete_security_group().group_id(id);
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteSecurityGroup", e)))
    }
}
