//! Internet gateways and their attachment. Detached only when no public address is mapped in the VPC.

use aws_sdk_ec2::types::{AttachmentStatus, ResourceType};
use engine::{Adapter, Id, Op, Ready, Result, Seen, Which};
use kinds::InternetGateway;
use kinds::network::IdOutputs;

use super::interface::refuse_while;
use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;

impl Adapter<InternetGateway> for Aws {
    async fn observe(
        &self,
        which: Which<'_, InternetGateway>,
    ) -> Result<Vec<Seen<InternetGateway>>> {
        let found = tags::listed(tags::filters(&which, "internet-gateway-id"), |filters| {
            let call = self.read().ec2.describe_internet_gateways().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        let found = found.await.map_err(|e| error("ec2:DescribeInternetGateways", e))?;
        let seen = found.into_iter().filter_map(|gateway| {
            let id = gateway.internet_gateway_id?;
            let (owner, tags) = tags::seen_ec2(gateway.tags.as_deref());
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let attachment = gateway
                .attachments
                .unwrap_or_default()
                .into_iter()
                .find(|attachment| attachment.state != Some(AttachmentStatus::Detached));
            // Attached, the state is `available` and not one of the documented values.
            let ready = match attachment.as_ref().and_then(|attachment| attachment.state.clone()) {
                Some(state @ (AttachmentStatus::Attaching | AttachmentStatus::Detaching)) => {
                    Ready::Wait(state.to_string())
                }
                _ => Ready::Yes,
            };
            let vpc = attachment.and_then(|attachment| attachment.vpc_id).unwrap_or_default();
            let spec = InternetGateway { vpc: vpc.into(), tags };
            let outputs = IdOutputs { id: id.clone().into() };
            Some(Seen { id: id.into(), owner, spec, outputs, ready })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &InternetGateway, op: &Op) -> Result<Id> {
        let tags = tags::specification(ResourceType::InternetGateway, &desired.tags, op);
        let call = self.write()?.ec2.create_internet_gateway().tag_specifications(tags);
        let made = call.send().await.map_err(|e| error("ec2:CreateInternetGateway", e))?;
        let id = made.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
        id.map(Id).ok_or_else(|| unnamed("ec2:CreateInternetGateway"))
    }

    async fn update(&self, desired: &InternetGateway, seen: &Seen<InternetGateway>) -> Result<Id> {
        let id = seen.id.as_str();
        if desired.vpc != seen.spec.vpc {
            self.detach(seen).await?;
            let call = self.write()?.ec2.attach_internet_gateway().internet_gateway_id(id);
            call.vpc_id(desired.vpc.get()?)
                .send()
                .await
                .map_err(|e| error("ec2:AttachInternetGateway", e))?;
        }
        self.retag_ec2(id, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<InternetGateway>) -> Result<()> {
        self.detach(seen).await?;
        let call =
            self.write()?.ec2.delete_internet_gateway().internet_gateway_id(seen.id.as_str());
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteInternetGateway", e)))
    }
}

impl Aws {
    async fn detach(&self, seen: &Seen<InternetGateway>) -> Result<()> {
        let vpc = seen.spec.vpc.get()?;
        if vpc.is_empty() {
            return Ok(());
        }
        let mut mapped = self.holders(tags::filter("vpc-id", [vpc])).await?;
        mapped.retain(|interface| {
            interface.association().is_some_and(|association| association.public_ip().is_some())
        });
        refuse_while(seen.id.as_str(), &mapped)?;
        let call = self.write()?.ec2.detach_internet_gateway();
        let call = call.internet_gateway_id(seen.id.as_str()).vpc_id(vpc);
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DetachInternetGateway", e)))
    }
}
