//! The ways out: NAT gateways, their addresses, internet gateways.

use serde_json::Value;

use super::{balancer_gone, nat_deleted, nats};
use crate::audit::Report;
use crate::audit::create::vpc_of;
use crate::audit::history::History;
use crate::audit::kinds::{BALANCER, GATEWAY, TABLE};
use crate::call::Call;
use crate::world::value::{list, text};

pub(super) fn delete_nat(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    let nat = text(p, "NatGatewayId");
    let routed = routes_to(history, call, nat);
    report.require(
        routed.is_empty(),
        37,
        call,
        &format!("{nat} is still the target of a route in {}", routed.join(", ")),
    );
}

/// Route tables with a route to a NAT gateway, deleted routes and tables left out.
fn routes_to(history: &History<'_>, at: &Call, nat: &str) -> Vec<String> {
    let made =
        history.done(at, "CreateRoute").filter(|c| text(&c.parameters, "NatGatewayId") == nat);
    let made = made.map(|c| {
        (text(&c.parameters, "RouteTableId"), text(&c.parameters, "DestinationCidrBlock"), c.seq)
    });
    let tables = history.known(at, &TABLE);
    let described = tables.iter().flat_map(|(id, t)| {
        list(t, "routeSet")
            .iter()
            .filter(|r| text(r, "natGatewayId") == nat)
            .map(|r| (*id, text(r, "destinationCidrBlock"), 0))
    });
    let mut routed: Vec<String> = made
        .chain(described)
        .filter(|(table, destination, since)| {
            let left = history.before(at).any(|c| {
                c.seq > *since
                    && matches!(c.operation.as_str(), "DeleteRoute" | "ReplaceRoute")
                    && (c.took_effect() || c.code.as_deref() == Some("InvalidRoute.NotFound"))
                    && text(&c.parameters, "RouteTableId") == *table
                    && text(&c.parameters, "DestinationCidrBlock") == *destination
            });
            !left && !history.gone(at, &TABLE, table)
        })
        .map(|(table, ..)| table.to_owned())
        .collect();
    routed.sort();
    routed.dedup();
    routed
}

pub(super) fn release_address(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    for nat in nats(history, call, |n, asked| holds(n, asked, text(p, "AllocationId"))) {
        report.require(
            nat_deleted(history, call, &nat),
            38,
            call,
            &format!("{nat}, which holds the address, was not seen `deleted`"),
        );
    }
}

fn holds(nat: &Value, asked: &Value, address: &str) -> bool {
    text(asked, "AllocationId") == address
        || list(nat, "natGatewayAddressSet").iter().any(|a| text(a, "allocationId") == address)
}

pub(super) fn detach(history: &History<'_>, call: &Call, report: &mut Report) {
    let vpc = text(&call.parameters, "VpcId");
    let inside = |subnet: &str| vpc_of(history, call, subnet).as_deref() == Some(vpc);
    for nat in
        nats(history, call, |n, asked| text(n, "vpcId") == vpc || inside(text(asked, "SubnetId")))
    {
        report.require(
            nat_deleted(history, call, &nat),
            39,
            call,
            &format!("{nat} was not seen `deleted`"),
        );
    }
    let public = history
        .known(call, &BALANCER)
        .into_iter()
        .filter(|(_, b)| text(b, "VpcId") == vpc && text(b, "Scheme") != "internal");
    for (arn, _) in public {
        let clear = balancer_gone(history, call, arn, &[("vpc-id", vpc)]);
        report.require(clear, 39, call, &format!("the interfaces of {arn} were not seen gone"));
    }
}

pub(super) fn delete(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    let id = text(p, "InternetGatewayId");
    let last = history.shown(call, &GATEWAY, id);
    let attach = |c: &&Call| text(&c.parameters, "InternetGatewayId") == id;
    let attached = match (last, history.done(call, "AttachInternetGateway").rfind(attach)) {
        (Some((_, look)), Some(made)) if look.seq < made.seq => true,
        (Some((gateway, _)), _) => !list(gateway, "attachmentSet").is_empty(),
        (None, made) => made.is_some(),
    };
    let detached = history.before(call).any(|c| {
        c.operation == "DetachInternetGateway"
            && text(&c.parameters, "InternetGatewayId") == id
            && (c.took_effect() || c.code.as_deref() == Some("Gateway.NotAttached"))
    });
    report.require(!attached || detached, 40, call, "the gateway was not detached before");
}
