//! Route tables, subnets, and the VPC itself.

use super::{endpoint_gone, nat_deleted, nats};
use crate::audit::Report;
use crate::audit::create::vpc_of;
use crate::audit::history::History;
use crate::audit::kinds::{ENDPOINT, ENI, GATEWAY, GROUP, Kind, SUBNET, TABLE};
use crate::call::Call;
use crate::world::value::{list, text, texts};

pub(super) fn delete_table(history: &History<'_>, call: &Call, report: &mut Report) {
    let id = text(&call.parameters, "RouteTableId");
    let described = history.seen(call, &TABLE, id).map_or(&[][..], |t| list(t, "associationSet"));
    let main = described.iter().any(|a| text(a, "main") == "true");
    report.require(!main, 41, call, "the main route table cannot be deleted");
    let made = history
        .done(call, "AssociateRouteTable")
        .filter(|c| text(&c.parameters, "RouteTableId") == id);
    let made = made.map(|c| (text(&c.response, "associationId"), text(&c.parameters, "SubnetId")));
    let shown = described.iter().map(|a| (text(a, "routeTableAssociationId"), text(a, "subnetId")));
    for (association, subnet) in made.chain(shown).filter(|(_, subnet)| !subnet.is_empty()) {
        let left = ["DisassociateRouteTable", "ReplaceRouteTableAssociation"].iter().any(|o| {
            history.before(call).any(|c| {
                c.operation == **o
                    && text(&c.parameters, "AssociationId") == association
                    && (c.took_effect()
                        || c.code.as_deref() == Some("InvalidAssociationID.NotFound"))
            })
        });
        let left = left || history.gone(call, &SUBNET, subnet);
        report.require(left, 41, call, &format!("{association} was not disassociated before"));
    }
}

pub(super) fn delete_subnet(history: &History<'_>, call: &Call, report: &mut Report) {
    let id = text(&call.parameters, "SubnetId");
    let vpc = vpc_of(history, call, id).unwrap_or_default();
    let enis = history.interfaces(call, &[("subnet-id", id), ("vpc-id", &vpc)]);
    let clear = enis.is_some_and(|enis| !enis.iter().any(|e| text(e, "subnetId") == id));
    report.require(clear, 42, call, &format!("no look for interfaces in {id} came back empty"));
    for (endpoint, object) in history.known(call, &ENDPOINT) {
        let within = texts(object, "subnetIdSet").iter().any(|s| s == id);
        if within {
            endpoint_gone(history, call, endpoint, report);
        }
    }
}

pub(super) fn delete_vpc(history: &History<'_>, call: &Call, report: &mut Report) {
    let id = text(&call.parameters, "VpcId");
    let kinds: [(&str, &'static Kind); 5] = [
        ("subnet", &SUBNET),
        ("route table", &TABLE),
        ("security group", &GROUP),
        ("endpoint", &ENDPOINT),
        ("interface", &ENI),
    ];
    for (what, kind) in kinds {
        for (inside, object) in history.known(call, kind) {
            let implicit = text(object, "groupName") == "default"
                || list(object, "associationSet").iter().any(|a| text(a, "main") == "true");
            // A service's interfaces are looked for by place, not by id.
            let managed = kind == &ENI
                && history.interfaces(call, &[("vpc-id", id)]).is_some_and(|enis| enis.is_empty());
            let left = text(object, "vpcId") != id
                || implicit
                || managed
                || history.gone(call, kind, inside);
            report.require(left, 44, call, &format!("{what} {inside} is not known to be gone"));
        }
    }
    for made in
        history.done(call, "CreateSecurityGroup").filter(|c| text(&c.parameters, "VpcId") == id)
    {
        let group = text(&made.response, "groupId");
        report.require(
            history.gone(call, &GROUP, group),
            44,
            call,
            &format!("security group {group} is not known to be gone"),
        );
    }
    for nat in nats(history, call, |n, _| text(n, "vpcId") == id) {
        report.require(
            nat_deleted(history, call, &nat),
            44,
            call,
            &format!("{nat} was not seen `deleted`"),
        );
    }
    for (gateway, object) in history.known(call, &GATEWAY) {
        let attached = list(object, "attachmentSet").iter().any(|a| text(a, "vpcId") == id)
            || history.done(call, "AttachInternetGateway").any(|c| {
                text(&c.parameters, "InternetGatewayId") == gateway
                    && text(&c.parameters, "VpcId") == id
            });
        let left = history.did(call, "DetachInternetGateway", "InternetGatewayId", gateway)
            || history.gone(call, &GATEWAY, gateway);
        report.require(!attached || left, 44, call, &format!("{gateway} is still attached"));
    }
}
