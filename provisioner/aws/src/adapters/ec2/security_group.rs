//! Security groups. Deleted only when no network interface carries them.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, ResourceType, SecurityGroup as Found};
use engine::{Adapter, Class, Error, Id, Op, Ready, Result, Seen, Which};
use kinds::SecurityGroup;
use kinds::network::IdOutputs;

use crate::Aws;
use crate::adapters::ec2::interface::refuse_while;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;
use crate::observe::tags::FILTER_VALUES;

impl Adapter<SecurityGroup> for Aws {
    async fn observe(&self, which: Which<'_, SecurityGroup>) -> Result<Vec<Seen<SecurityGroup>>> {
        let mut filters = tags::filters(&which, "group-id");
        if let Which::Named(named) = &which {
            for group in *named {
                let place = tags::filter("vpc-id", [group.vpc.get()?]);
                filters.push(vec![place, tags::filter("group-name", [&group.name])]);
            }
        }
        let found = match &which {
            Which::Ids(ids) => self.groups_with_rules(ids).await?,
            _ => self.security_groups(filters).await?,
        };
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
        match gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteSecurityGroup", e))) {
            Err(e) if e.is(Class::Blocked) => Err(self.name_referrers(id, e).await),
            answer => answer,
        }
    }
}

impl Aws {
    /// The same refusal, saying whose rules name the group.
    async fn name_referrers(&self, group: &str, mut refusal: Error) -> Error {
        let by = ["ip-permission.group-id", "egress.ip-permission.group-id"];
        let by = by.map(|name| vec![tags::filter(name, [group])]);
        let found = self.security_groups(by.into()).await.unwrap_or_default();
        let others =
            found.iter().filter_map(|other| Some((other.group_id()?, other.group_name()?)));
        let names: BTreeSet<String> = others
            .filter(|(id, _)| *id != group)
            .map(|(id, name)| format!("{id} ({name})"))
            .collect();
        if !names.is_empty() {
            let names: Vec<String> = names.into_iter().collect();
            refusal.message = format!("{group} is still named by rules of {}", names.join(", "));
        }
        refusal
    }

    /// These groups, in one call for those who want to know of the groups and of their rules.
    pub(super) async fn groups_with_rules(&self, ids: &[Id]) -> Result<Vec<Found>> {
        let aws = self.clone();
        let found =
            self.read_cache.groups.ask(ids.iter().map(|id| id.0.clone()), move |ids| async move {
                let filters =
                    ids.chunks(FILTER_VALUES).map(|ids| vec![tags::filter("group-id", ids)]);
                let found = aws.security_groups(filters.collect()).await?;
                Ok(found.into_iter().filter_map(|one| Some((one.group_id.clone()?, one))).collect())
            });
        let found = found.await?;
        Ok(ids.iter().filter_map(|id| found.get(id.as_str()).cloned()).collect())
    }

    pub(crate) async fn security_groups(&self, filters: Vec<Vec<Filter>>) -> Result<Vec<Found>> {
        let found = tags::listed(filters, |filters| {
            let call = self.read().ec2.describe_security_groups().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(|e| error("ec2:DescribeSecurityGroups", e))
    }
}
