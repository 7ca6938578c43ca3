//! VPCs and their two DNS attributes.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, ResourceType, Vpc as Found, VpcAttributeName, VpcState,
};
use engine::{Adapter, Class, Error, Id, Op, Ready, Result, Seen, Which};
use futures::future::{try_join, try_join_all};
use kinds::Vpc;
use kinds::network::IdOutputs;

use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::details::{detailed, known};
use crate::observe::tags;

impl Adapter<Vpc> for Aws {
    async fn observe(&self, which: Which<'_, Vpc>) -> Result<Vec<Seen<Vpc>>> {
        let listing = async {
            let pages = tags::filters(&which, "vpc-id").into_iter().map(|filters| {
                self.read()
                    .ec2
                    .describe_vpcs()
                    .set_filters(Some(filters))
                    .into_paginator()
                    .items()
                    .send()
                    .collect::<Result<Vec<_>, _>>()
            });
            let found = try_join_all(pages).await.map_err(|e| error("ec2:DescribeVpcs", e))?;
            let asked = |vpc: &Found| {
                let (owner, _) = tags::seen_ec2(vpc.tags.as_deref());
                tags::asked(&which, vpc.vpc_id().unwrap_or_default(), owner.as_ref())
            };
            Ok(found.into_iter().flatten().filter(asked).collect())
        };
        let id = |vpc: &Found| vpc.vpc_id().unwrap_or_default().to_owned();
        let attributes = |id| self.dns_attributes(id);
        let found = detailed(known(&which), listing, id, attributes).await?;
        let seen = found.into_iter().map(|(vpc, (dns_support, dns_hostnames))| {
            let id = vpc.vpc_id.unwrap_or_default();
            let (owner, tags) = tags::seen_ec2(vpc.tags.as_deref());
            let ready = match vpc.state {
                Some(VpcState::Available) => Ready::Yes,
                state => Ready::Wait(state.map_or("pending".into(), |s| s.to_string())),
            };
            let cidr = vpc.cidr_block.unwrap_or_default();
            let spec = Vpc { cidr, dns_support, dns_hostnames, tags };
            let outputs = IdOutputs { id: id.clone().into() };
            Seen { id: id.into(), owner, spec, outputs, ready }
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &Vpc, op: &Op) -> Result<Id> {
        let made = self
            .write()?
            .ec2
            .create_vpc()
            .cidr_block(&desired.cidr)
            .tag_specifications(tags::specification(ResourceType::Vpc, &desired.tags, op))
            .send()
            .await
            .map_err(|e| error("ec2:CreateVpc", e))?;
        made.vpc.and_then(|vpc| vpc.vpc_id).map(Id).ok_or_else(|| unnamed("ec2:CreateVpc"))
    }

    async fn update(&self, desired: &Vpc, seen: &Seen<Vpc>) -> Result<Id> {
        let id = seen.id.as_str();
        let on = |on| AttributeBooleanValue::builder().value(on).build();
        // EC2 takes one attribute a call.
        if desired.dns_support != seen.spec.dns_support {
            let call = self.write()?.ec2.modify_vpc_attribute().vpc_id(id);
            call.enable_dns_support(on(desired.dns_support))
                .send()
                .await
                .map_err(|e| error("ec2:ModifyVpcAttribute", e))?;
        }
        if desired.dns_hostnames != seen.spec.dns_hostnames {
            let call = self.write()?.ec2.modify_vpc_attribute().vpc_id(id);
            call.enable_dns_hostnames(on(desired.dns_hostnames))
                .send()
                .await
                .map_err(|e| error("ec2:ModifyVpcAttribute", e))?;
        }
        self.retag_ec2(id, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<Vpc>) -> Result<()> {
        let call = self.write()?.ec2.delete_vpc().vpc_id(seen.id.as_str());
        match gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteVpc", e))) {
            Err(e) if e.is(Class::Blocked) => Err(self.name_dependents(&seen.id, e).await),
            answer => answer,
        }
    }
}

impl Aws {
    /// The same refusal, saying who still lives in the VPC.
    async fn name_dependents(&self, vpc: &Id, mut refusal: Error) -> Error {
        let found = self.vpc_dependents(vpc.as_str(), None).await.unwrap_or_default();
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        if !names.is_empty() {
            refusal.message = format!("{vpc} still holds {}", names.join(", "));
        }
        refusal
    }

    /// DNS support and DNS host names.
    async fn dns_attributes(&self, id: String) -> Result<(bool, bool)> {
        let of = |name| self.vpc_attribute(&id, name);
        let (support, names) =
            (VpcAttributeName::EnableDnsSupport, VpcAttributeName::EnableDnsHostnames);
        try_join(of(support), of(names)).await
    }

    async fn vpc_attribute(&self, id: &str, name: VpcAttributeName) -> Result<bool> {
        let call = self.read().ec2.describe_vpc_attribute().vpc_id(id).attribute(name);
        let found = call.send().await.map_err(|e| error("ec2:DescribeVpcAttribute", e))?;
        let value = found.enable_dns_support.or(found.enable_dns_hostnames);
        Ok(value.and_then(|value| value.value).unwrap_or_default())
    }
}
