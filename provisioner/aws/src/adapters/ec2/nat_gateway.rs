//! Public NAT gateways. They fail minutes after the call that made them, and stay listed for an hour
//! after they are gone.

use aws_sdk_ec2::types::{Filter, NatGateway as Found, NatGatewayState, ResourceType};
use engine::{Adapter, Id, Op, Ready, Result, Seen, Which};
use kinds::NatGateway;
use kinds::network::IdOutputs;

use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;

impl Adapter<NatGateway> for Aws {
    async fn observe(&self, which: Which<'_, NatGateway>) -> Result<Vec<Seen<NatGateway>>> {
        let found = self.nat_gateways(tags::filters(&which, "nat-gateway-id")).await?;
        let seen = found.into_iter().filter_map(|gateway| {
            let ready = readiness(&gateway)?;
            let id = gateway.nat_gateway_id?;
            let (owner, tags) = tags::seen_ec2(gateway.tags.as_deref());
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let addresses = gateway.nat_gateway_addresses.unwrap_or_default();
            let primary = addresses
                .iter()
                .find(|address| address.is_primary == Some(true))
                .or(addresses.first());
            let spec = NatGateway {
                subnet: gateway.subnet_id.unwrap_or_default().into(),
                address: primary.and_then(|address| address.allocation_id()).map(Into::into),
                tags,
            };
            let outputs = IdOutputs { id: id.clone().into() };
            Some(Seen { id: id.into(), owner, spec, outputs, ready })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &NatGateway, op: &Op) -> Result<Id> {
        let address = desired.address.as_ref().map(engine::Input::get).transpose()?;
        let made = self
            .write()?
            .ec2
            .create_nat_gateway()
            .subnet_id(desired.subnet.get()?)
            .set_allocation_id(address.map(Into::into))
            .client_token(&op.id)
            .tag_specifications(tags::specification(ResourceType::Natgateway, &desired.tags, op))
            .send()
            .await
            .map_err(|e| error("ec2:CreateNatGateway", e))?;
        let id = made.nat_gateway.and_then(|gateway| gateway.nat_gateway_id);
        id.map(Id).ok_or_else(|| unnamed("ec2:CreateNatGateway"))
    }

    async fn update(&self, desired: &NatGateway, seen: &Seen<NatGateway>) -> Result<Id> {
        self.retag_ec2(seen.id.as_str(), &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<NatGateway>) -> Result<()> {
        let call = self.write()?.ec2.delete_nat_gateway().nat_gateway_id(seen.id.as_str());
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteNatGateway", e)))
    }
}

impl Aws {
    pub(crate) async fn nat_gateways(&self, filters: Vec<Vec<Filter>>) -> Result<Vec<Found>> {
        let found = tags::listed(filters, |filters| {
            let call = self.read().ec2.describe_nat_gateways().set_filter(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(|e| error("ec2:DescribeNatGateways", e))
    }
}

/// `None` for one that is gone and only remembered.
pub(crate) fn readiness(gateway: &Found) -> Option<Ready> {
    Some(match gateway.state()? {
        NatGatewayState::Available => Ready::Yes,
        NatGatewayState::Deleted => return None,
        NatGatewayState::Deleting => Ready::Leaving("deleting".into()),
        NatGatewayState::Failed => {
            let code = gateway.failure_code().unwrap_or("failed");
            Ready::Never(format!(
                "{code}: {}",
                gateway.failure_message().unwrap_or("no reason given")
            ))
        }
        state => Ready::Wait(state.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_gateway_is_not_there_and_a_failed_one_never_will_be() {
        let gateway = |state| Found::builder().state(state);
        assert_eq!(readiness(&gateway(NatGatewayState::Deleted).build()), None);
        let failed = gateway(NatGatewayState::Failed)
            .failure_code("Gateway.NotAttached")
            .failure_message("Network vpc-1 has no Internet gateway attached")
            .build();
        let why = "Gateway.NotAttached: Network vpc-1 has no Internet gateway attached";
        assert_eq!(readiness(&failed), Some(Ready::Never(why.into())));
        let leaving = readiness(&gateway(NatGatewayState::Deleting).build());
        assert!(matches!(leaving, Some(Ready::Leaving(_))));
    }
}
