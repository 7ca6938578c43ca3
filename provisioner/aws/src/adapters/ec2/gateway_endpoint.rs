//! Gateway endpoints. EC2 takes four of their calls at once and then one in three seconds.

use aws_sdk_ec2::types::{Filter, ResourceType, VpcEndpoint, VpcEndpointType};
use engine::{Adapter, Class, Id, Input, Op, Ready, Result, Seen, Which};
use kinds::GatewayEndpoint;
use kinds::network::IdOutputs;

use crate::Aws;
use crate::error::{error, gone, refusal, unnamed};
use crate::observe::tags;

impl Adapter<GatewayEndpoint> for Aws {
    async fn observe(
        &self,
        which: Which<'_, GatewayEndpoint>,
    ) -> Result<Vec<Seen<GatewayEndpoint>>> {
        let found = match self.endpoints(tags::filters(&which, "vpc-endpoint-id")).await {
            // An emulator without this filter can list them all.
            Err(e) if e.is(Class::NotEmulated) => self.endpoints(vec![vec![]]).await?,
            found => found?,
        };
        let seen = found.into_iter().filter_map(|endpoint| {
            let ready = readiness(&endpoint)?;
            let id = endpoint.vpc_endpoint_id?;
            let (owner, tags) = tags::seen_ec2(endpoint.tags.as_deref());
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let tables = endpoint.route_table_ids.unwrap_or_default();
            let spec = GatewayEndpoint {
                vpc: endpoint.vpc_id.unwrap_or_default().into(),
                service: endpoint.service_name.unwrap_or_default(),
                route_tables: tables.into_iter().map(Input::from).collect(),
                tags,
            };
            let outputs = IdOutputs { id: id.clone().into() };
            Some(Seen { id: id.into(), owner, spec, outputs, ready })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &GatewayEndpoint, op: &Op) -> Result<Id> {
        let tables = desired.route_tables.iter().map(|table| table.get().map(Into::into));
        let made = self
            .write()?
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .vpc_id(desired.vpc.get()?)
            .service_name(&desired.service)
            .set_route_table_ids(Some(tables.collect::<Result<_>>()?))
            .client_token(&op.id)
            .tag_specifications(tags::specification(ResourceType::VpcEndpoint, &desired.tags, op))
            .send()
            .await
            .map_err(|e| error("ec2:CreateVpcEndpoint", e))?;
        let id = made.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        id.map(Id).ok_or_else(|| unnamed("ec2:CreateVpcEndpoint"))
    }

    async fn update(&self, desired: &GatewayEndpoint, seen: &Seen<GatewayEndpoint>) -> Result<Id> {
        let id = seen.id.as_str();
        let (wanted, had) = (&desired.route_tables, &seen.spec.route_tables);
        if wanted != had {
            let ids = |tables: Vec<&Input>| {
                tables.into_iter().map(|table| table.get().map(Into::into)).collect::<Result<_>>()
            };
            let call = self.write()?.ec2.modify_vpc_endpoint().vpc_endpoint_id(id);
            call.set_add_route_table_ids(Some(ids(wanted.difference(had).collect())?))
                .set_remove_route_table_ids(Some(ids(had.difference(wanted).collect())?))
                .send()
                .await
                .map_err(|e| error("ec2:ModifyVpcEndpoint", e))?;
        }
        self.retag_ec2(id, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<GatewayEndpoint>) -> Result<()> {
        const CALL: &str = "ec2:DeleteVpcEndpoints";
        let call = self.write()?.ec2.delete_vpc_endpoints().vpc_endpoint_ids(seen.id.as_str());
        let answer = call.send().await.map_err(|e| error(CALL, e));
        gone(answer.and_then(|answer| {
            let failed = answer.unsuccessful().iter().find_map(|item| item.error());
            failed.map_or(Ok(()), |e| Err(refusal(CALL, e.code(), e.message())))
        }))
    }
}

impl Aws {
    pub(crate) async fn endpoints(&self, filters: Vec<Vec<Filter>>) -> Result<Vec<VpcEndpoint>> {
        let found = tags::listed(filters, |filters| {
            let call = self.read().ec2.describe_vpc_endpoints().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(|e| error("ec2:DescribeVpcEndpoints", e))
    }
}

/// `None` for one that is gone and only remembered.
pub(crate) fn readiness(endpoint: &VpcEndpoint) -> Option<Ready> {
    // The wire says `available` where the SDK's enumeration says `Available`.
    let state = endpoint.state()?.as_str().to_ascii_lowercase();
    Some(match state.as_str() {
        "available" => Ready::Yes,
        "deleted" => return None,
        "deleting" => Ready::Leaving(state),
        "failed" | "rejected" | "expired" => {
            let why = endpoint.last_error().and_then(|error| error.message());
            Ready::Never(format!("{state}: {}", why.unwrap_or("no reason given")))
        }
        _ => Ready::Wait(state),
    })
}
