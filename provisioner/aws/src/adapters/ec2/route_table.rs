//! Route tables with their routes and their subnets.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, ResourceType, Route as FoundRoute, RouteOrigin, RouteTable as Found,
    RouteTableAssociation, RouteTableAssociationStateCode as State,
};
use engine::{Adapter, Class, Id, Input, Op, Ready, Result, Seen, Which};
use kinds::network::IdOutputs;
use kinds::{Route, RouteTable};

use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;

impl Adapter<RouteTable> for Aws {
    async fn observe(&self, which: Which<'_, RouteTable>) -> Result<Vec<Seen<RouteTable>>> {
        let found = self.route_tables(tags::filters(&which, "route-table-id")).await?;
        let seen = found.into_iter().filter_map(|table| {
            let (owner, tags) = tags::seen_ec2(table.tags.as_deref());
            let id = table.route_table_id.clone()?;
            if !tags::asked(&which, &id, owner.as_ref()) {
                return None;
            }
            let settling =
                explicit(&table).any(|(_, link)| state(link) == Some(&State::Associating));
            let ready = if settling { Ready::Wait("associating".into()) } else { Ready::Yes };
            let spec = RouteTable {
                routes: table.routes().iter().filter_map(route).collect(),
                subnets: explicit(&table).map(|(subnet, _)| subnet.into()).collect(),
                vpc: table.vpc_id.unwrap_or_default().into(),
                tags,
            };
            let outputs = IdOutputs { id: id.clone().into() };
            Some(Seen { id: id.into(), owner, spec, outputs, ready })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &RouteTable, op: &Op) -> Result<Id> {
        let made = self
            .write()?
            .ec2
            .create_route_table()
            .vpc_id(desired.vpc.get()?)
            .client_token(&op.id)
            .tag_specifications(tags::specification(ResourceType::RouteTable, &desired.tags, op))
            .send()
            .await
            .map_err(|e| error("ec2:CreateRouteTable", e))?;
        let id = made.route_table.and_then(|table| table.route_table_id);
        id.map(Id).ok_or_else(|| unnamed("ec2:CreateRouteTable"))
    }

    async fn update(&self, desired: &RouteTable, seen: &Seen<RouteTable>) -> Result<Id> {
        let id = seen.id.as_str();
        self.reroute(id, &desired.routes, &seen.spec.routes).await?;
        if desired.subnets != seen.spec.subnets {
            self.reassociate(id, &desired.subnets, &seen.spec.subnets).await?;
        }
        self.retag_ec2(id, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<RouteTable>) -> Result<()> {
        let id = seen.id.as_str();
        if !seen.spec.subnets.is_empty() {
            self.reassociate(id, &BTreeSet::new(), &seen.spec.subnets).await?;
        }
        let call = self.write()?.ec2.delete_route_table().route_table_id(id);
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteRouteTable", e)))
    }
}

impl Aws {
    async fn route_tables(&self, filters: Vec<Vec<Filter>>) -> Result<Vec<Found>> {
        let found = tags::listed(filters, |filters| {
            let call = self.read().ec2.describe_route_tables().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(|e| error("ec2:DescribeRouteTables", e))
    }

    /// Brings the routes of a table from `had` to `wanted`. A route that changes its target is
    /// replaced, never deleted and made again: packets would be lost in between.
    async fn reroute(
        &self,
        table: &str,
        wanted: &BTreeSet<Route>,
        had: &BTreeSet<Route>,
    ) -> Result<()> {
        for route in wanted.difference(had) {
            let known = had.iter().any(|other| other.destination == route.destination);
            if !known {
                match self.create_route(table, route).await {
                    Err(e) if e.is(Class::Exists) => {}
                    other => {
                        other?;
                        continue;
                    }
                }
            }
            self.replace_route(table, route).await?;
        }
        for route in had.difference(wanted) {
            if !wanted.iter().any(|other| other.destination == route.destination) {
                self.delete_route(table, route).await?;
            }
        }
        Ok(())
    }

    async fn create_route(&self, table: &str, route: &Route) -> Result<()> {
        let (v4, v6, list) = destination(route);
        let target = Target::of(route)?;
        let call = self.write()?.ec2.create_route().route_table_id(table);
        call.set_destination_cidr_block(v4)
            .set_destination_ipv6_cidr_block(v6)
            .set_destination_prefix_list_id(list)
            .set_gateway_id(target.gateway)
            .set_nat_gateway_id(target.nat_gateway)
            .set_vpc_peering_connection_id(target.peering)
            .set_transit_gateway_id(target.transit_gateway)
            .set_network_interface_id(target.interface)
            .set_vpc_endpoint_id(target.endpoint)
            .set_local_gateway_id(target.local_gateway)
            .set_carrier_gateway_id(target.carrier_gateway)
            .send()
            .await
            .map(drop)
            .map_err(|e| error("ec2:CreateRoute", e))
    }

    async fn replace_route(&self, table: &str, route: &Route) -> Result<()> {
        let (v4, v6, list) = destination(route);
        let target = Target::of(route)?;
        let call = self.write()?.ec2.replace_route().route_table_id(table);
        call.set_destination_cidr_block(v4)
            .set_destination_ipv6_cidr_block(v6)
            .set_destination_prefix_list_id(list)
            .set_gateway_id(target.gateway)
            .set_nat_gateway_id(target.nat_gateway)
            .set_vpc_peering_connection_id(target.peering)
            .set_transit_gateway_id(target.transit_gateway)
            .set_network_interface_id(target.interface)
            .set_vpc_endpoint_id(target.endpoint)
            .set_local_gateway_id(target.local_gateway)
            .set_carrier_gateway_id(target.carrier_gateway)
            .send()
            .await
            .map(drop)
            .map_err(|e| error("ec2:ReplaceRoute", e))
    }

    async fn delete_route(&self, table: &str, route: &Route) -> Result<()> {
        let (v4, v6, list) = destination(route);
        let call = self.write()?.ec2.delete_route().route_table_id(table);
        let call = call
            .set_destination_cidr_block(v4)
            .set_destination_ipv6_cidr_block(v6)
            .set_destination_prefix_list_id(list);
        gone(call.send().await.map(drop).map_err(|e| error("ec2:DeleteRoute", e)))
    }

    /// Brings the subnets of a table from `had` to `wanted`. A subnet of another table is moved over in
    /// one call, so that it is never without a route.
    async fn reassociate(
        &self,
        table: &str,
        wanted: &BTreeSet<Input>,
        had: &BTreeSet<Input>,
    ) -> Result<()> {
        let changed: Vec<&str> =
            wanted.symmetric_difference(had).map(Input::get).collect::<Result<_>>()?;
        let by_subnet = vec![vec![tags::filter("association.subnet-id", changed)]];
        let tables = self.route_tables(by_subnet).await?;
        let links: BTreeMap<&str, &RouteTableAssociation> =
            tables.iter().flat_map(explicit).collect();
        for subnet in wanted.difference(had) {
            let subnet = subnet.get()?;
            let link = links.get(subnet).and_then(|link| link.route_table_association_id());
            if let Some(link) = link {
                let call = self.write()?.ec2.replace_route_table_association();
                call.association_id(link)
                    .route_table_id(table)
                    .send()
                    .await
                    .map_err(|e| error("ec2:ReplaceRouteTableAssociation", e))?;
            } else {
                let call = self.write()?.ec2.associate_route_table().route_table_id(table);
                call.subnet_id(subnet)
                    .send()
                    .await
                    .map_err(|e| error("ec2:AssociateRouteTable", e))?;
            }
        }
        for subnet in had.difference(wanted) {
            let link = links.get(subnet.get()?).filter(|link| link.route_table_id() == Some(table));
            let Some(link) = link.and_then(|link| link.route_table_association_id()) else {
                continue;
            };
            let call = self.write()?.ec2.disassociate_route_table().association_id(link);
            gone(call.send().await.map(drop).map_err(|e| error("ec2:DisassociateRouteTable", e)))?;
        }
        Ok(())
    }
}

/// Where a route leads, in the parameter that CreateRoute and ReplaceRoute have for it.
#[derive(Debug, Default, PartialEq)]
struct Target {
    gateway: Option<String>,
    nat_gateway: Option<String>,
    peering: Option<String>,
    transit_gateway: Option<String>,
    interface: Option<String>,
    endpoint: Option<String>,
    local_gateway: Option<String>,
    carrier_gateway: Option<String>,
}

impl Target {
    /// By the prefix of the id (EC2 API reference, CreateRoute).
    fn of(route: &Route) -> Result<Self> {
        let id = route.target.get()?;
        let mut target = Self::default();
        let place = match id.split_once('-').map_or(id, |(prefix, _)| prefix) {
            "nat" => &mut target.nat_gateway,
            "pcx" => &mut target.peering,
            "tgw" => &mut target.transit_gateway,
            "eni" => &mut target.interface,
            "vpce" => &mut target.endpoint,
            "lgw" => &mut target.local_gateway,
            "cagw" => &mut target.carrier_gateway,
            // An internet gateway or a VPN gateway.
            _ => &mut target.gateway,
        };
        *place = Some(id.to_owned());
        Ok(target)
    }
}

/// A route's destination as EC2 names it: an IPv4 block, an IPv6 block or a prefix list.
fn destination(route: &Route) -> (Option<String>, Option<String>, Option<String>) {
    let text = route.destination.clone();
    if text.starts_with("pl-") {
        (None, None, Some(text))
    } else if text.contains(':') {
        (None, Some(text), None)
    } else {
        (Some(text), None, None)
    }
}

/// A route that somebody made. The local one, propagated ones and those of gateway endpoints come and
/// go with what they belong to. A gateway endpoint's routes lead to prefix lists; one that leads to a
/// Gateway Load Balancer endpoint, which is reported as a gateway as well, leads to a range of addresses.
fn route(found: &FoundRoute) -> Option<Route> {
    let made = matches!(found.origin, None | Some(RouteOrigin::CreateRoute));
    let of_endpoint =
        |id: &str| id.starts_with("vpce-") && found.destination_prefix_list_id().is_some();
    let gateway = found.gateway_id().filter(|id| *id != "local" && !of_endpoint(id));
    let target = gateway
        .or(found.nat_gateway_id())
        .or(found.network_interface_id())
        .or(found.transit_gateway_id())
        .or(found.vpc_peering_connection_id())
        .or(found.egress_only_internet_gateway_id())
        .or(found.instance_id())
        .or(found.local_gateway_id())
        .or(found.carrier_gateway_id())
        .or(found.core_network_arn())
        .filter(|_| made)?;
    let destination = found
        .destination_cidr_block()
        .or(found.destination_ipv6_cidr_block())
        .or(found.destination_prefix_list_id())?;
    Some(Route { destination: destination.into(), target: target.into() })
}

/// The subnets that a table was given, with how they are tied to it.
fn explicit(table: &Found) -> impl Iterator<Item = (&str, &RouteTableAssociation)> {
    table.associations().iter().filter_map(|link| {
        let leaving = matches!(state(link), Some(State::Disassociating | State::Disassociated));
        let subnet = link.subnet_id().filter(|_| link.main() != Some(true) && !leaving)?;
        Some((subnet, link))
    })
}

fn state(link: &RouteTableAssociation) -> Option<&State> {
    link.association_state().and_then(|state| state.state())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_routes_that_somebody_made_count() {
        let to = |cidr: &str| {
            FoundRoute::builder().destination_cidr_block(cidr).origin(RouteOrigin::CreateRoute)
        };
        let made = route(&to("0.0.0.0/0").nat_gateway_id("nat-1").build());
        assert_eq!(made, Some(Route { destination: "0.0.0.0/0".into(), target: "nat-1".into() }));
        assert_eq!(route(&to("10.0.0.0/16").gateway_id("local").build()), None);
        let endpoint =
            FoundRoute::builder().destination_prefix_list_id("pl-1").gateway_id("vpce-1");
        assert_eq!(route(&endpoint.origin(RouteOrigin::CreateRoute).build()), None);
        let inspected = route(&to("10.8.0.0/16").gateway_id("vpce-2").build());
        assert_eq!(inspected.map(|route| route.target), Some("vpce-2".into()));
        let propagated = to("10.9.0.0/16").gateway_id("vgw-1");
        let propagated = propagated.origin(RouteOrigin::EnableVgwRoutePropagation).build();
        assert_eq!(route(&propagated), None);
    }

    #[test]
    fn each_kind_of_target_has_its_parameter() {
        let of = |id: &str| {
            Target::of(&Route { destination: "10.9.0.0/16".into(), target: id.into() }).unwrap()
        };
        let some = |id: &str| Some(id.to_owned());
        assert_eq!(of("vgw-1"), Target { gateway: some("vgw-1"), ..Target::default() });
        assert_eq!(of("pcx-1"), Target { peering: some("pcx-1"), ..Target::default() });
        assert_eq!(of("tgw-1"), Target { transit_gateway: some("tgw-1"), ..Target::default() });
        assert_eq!(of("eni-1"), Target { interface: some("eni-1"), ..Target::default() });
        assert_eq!(of("vpce-1"), Target { endpoint: some("vpce-1"), ..Target::default() });
        assert_eq!(of("lgw-1"), Target { local_gateway: some("lgw-1"), ..Target::default() });
        assert_eq!(of("cagw-1"), Target { carrier_gateway: some("cagw-1"), ..Target::default() });
    }

    #[test]
    fn a_route_into_nothing_keeps_its_target() {
        let found = FoundRoute::builder()
            .destination_cidr_block("0.0.0.0/0")
            .nat_gateway_id("nat-gone")
            .origin(RouteOrigin::CreateRoute)
            .state(aws_sdk_ec2::types::RouteState::Blackhole)
            .build();
        assert_eq!(route(&found).map(|route| route.target), Some("nat-gone".into()));
    }
}
