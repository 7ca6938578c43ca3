//! Rules of taking a network down: what must be gone, and be seen to, before what it stood on.

use serde_json::Value;

use super::Report;
use super::create::vpc_of;
use super::history::{BALANCER, ENDPOINT, ENI, GATEWAY, GROUP, History, Kind, NAT, SUBNET, TABLE};
use crate::call::Call;
use crate::world::value::{list, text, texts};

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    match call.operation.as_str() {
        "DeleteSecurityGroup" => group(history, call, report),
        "DeleteNatGateway" => {
            let nat = text(p, "NatGatewayId");
            let routed = routes_to(history, call, nat);
            report.require(
                routed.is_empty(),
                37,
                call,
                &format!("{nat} is still the target of a route in {}", routed.join(", ")),
            );
        }
        "ReleaseAddress" => {
            for nat in nats(history, call, |n, asked| holds(n, asked, text(p, "AllocationId"))) {
                report.require(
                    nat_deleted(history, call, &nat),
                    38,
                    call,
                    &format!("{nat}, which holds the address, was not seen `deleted`"),
                );
            }
        }
        "DetachInternetGateway" => detach(history, call, report),
        "DeleteInternetGateway" => {
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
        "DeleteRouteTable" => table(history, call, report),
        "DeleteSubnet" => subnet(history, call, report),
        "DeleteVpc" => vpc(history, call, report),
        _ => {}
    }
}

/// NAT gateways that the client knew of, chosen by their object and by the request that made them.
fn nats(history: &History<'_>, at: &Call, wanted: impl Fn(&Value, &Value) -> bool) -> Vec<String> {
    let asked = |id: &str| {
        let made =
            history.done(at, "CreateNatGateway").find(|c| c.response_ids.iter().any(|i| i == id));
        made.map_or(&Value::Null, |c| &c.parameters)
    };
    history
        .known(at, &NAT)
        .into_iter()
        .filter(|(id, n)| wanted(n, asked(id)))
        .map(|(id, _)| id.to_owned())
        .collect()
}

fn holds(nat: &Value, asked: &Value, address: &str) -> bool {
    text(asked, "AllocationId") == address
        || list(nat, "natGatewayAddressSet").iter().any(|a| text(a, "allocationId") == address)
}

fn nat_deleted(history: &History<'_>, at: &Call, id: &str) -> bool {
    let state = history.seen(at, &NAT, id).map_or("", |n| text(n, "state"));
    matches!(state, "deleted" | "failed") || history.missed(at, &NAT, id)
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

fn detach(history: &History<'_>, call: &Call, report: &mut Report) {
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

/// Whether a load balancer was deleted, and its interfaces looked for in vain since.
fn balancer_gone(history: &History<'_>, at: &Call, arn: &str, place: &[(&str, &str)]) -> bool {
    let name = arn.split_once(":loadbalancer/").map_or(arn, |(_, name)| name);
    let description = format!("ELB {name}");
    let mut allowed = vec![("description", description.as_str()), ("requester-id", "amazon-elb")];
    allowed.extend_from_slice(place);
    let deleted = history.gone(at, &BALANCER, arn);
    let enis = history.interfaces(at, &allowed);
    deleted && enis.is_some_and(|enis| !enis.iter().any(|e| text(e, "description") == description))
}

fn group(history: &History<'_>, call: &Call, report: &mut Report) {
    let id = text(&call.parameters, "GroupId");
    let made =
        history.done(call, "CreateSecurityGroup").find(|c| text(&c.response, "groupId") == id);
    let vpc = match (history.seen(call, &GROUP, id), made) {
        (Some(group), _) => text(group, "vpcId"),
        (None, Some(made)) => text(&made.parameters, "VpcId"),
        (None, None) => "",
    };
    let place = [("group-id", id), ("vpc-id", vpc)];
    for (arn, balancer) in history.known(call, &BALANCER) {
        if texts(balancer, "SecurityGroups").iter().any(|g| g == id) {
            let clear = balancer_gone(history, call, arn, &place);
            report.require(clear, 34, call, &format!("the interfaces of {arn} were not seen gone"));
        }
    }
    for other in naming(history, call, id) {
        report.add(35, call, format!("{other} still has a rule that names {id}"));
    }
    let used = history.before(call).filter(|c| {
        matches!(c.operation.as_str(), "CreateService" | "UpdateService" | "DescribeServices")
    });
    if used.into_iter().any(|c| in_tasks(&c.parameters, id) || in_tasks(&c.response, id)) {
        let enis = history.interfaces(call, &place);
        let free = enis.is_some_and(|enis| {
            !enis.iter().any(|e| list(e, "groupSet").iter().any(|g| text(g, "groupId") == id))
        });
        report.require(
            free,
            36,
            call,
            &format!("no look for interfaces with {id} came back empty"),
        );
    }
    for (endpoint, object) in history.known(call, &ENDPOINT) {
        let with = object.get("groupSet").is_some_and(|s| s.to_string().contains(id))
            || history.done(call, "CreateVpcEndpoint").any(|c| {
                c.response_ids.iter().any(|i| i == endpoint)
                    && texts(&c.parameters, "SecurityGroupId").iter().any(|g| g == id)
            });
        report.require(
            !with || history.missed(call, &ENDPOINT, endpoint),
            43,
            call,
            &format!("{endpoint} was not seen gone"),
        );
    }
}

fn in_tasks(value: &Value, group: &str) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(k, v)| {
            (k == "securityGroups" && v.as_array().is_some_and(|g| g.iter().any(|g| g == group)))
                || in_tasks(v, group)
        }),
        Value::Array(items) => items.iter().any(|v| in_tasks(v, group)),
        _ => false,
    }
}

/// Groups with a rule, never revoked, that names another group.
fn naming(history: &History<'_>, at: &Call, id: &str) -> Vec<String> {
    let granted = history
        .before(at)
        .filter(|c| c.took_effect() && c.operation.starts_with("AuthorizeSecurityGroup"));
    let granted = granted
        .filter(|c| peers(&c.parameters).iter().any(|g| g == id))
        .map(|c| (text(&c.parameters, "GroupId"), c.seq));
    let groups = history.known(at, &GROUP);
    let described =
        groups.iter().filter(|(_, g)| peers(g).iter().any(|p| p == id)).map(|(id, _)| (*id, 0));
    let mut found: Vec<String> = granted
        .chain(described)
        .filter(|(other, since)| {
            let revoked = history.before(at).any(|c| {
                c.seq > *since
                    && c.operation.starts_with("RevokeSecurityGroup")
                    && (c.took_effect() || c.code.as_deref() == Some("InvalidPermission.NotFound"))
                    && text(&c.parameters, "GroupId") == *other
            });
            let clean = *since > 0
                && groups.get(other).is_some_and(|g| {
                    g.get("ipPermissions").is_some() && !peers(g).iter().any(|p| p == id)
                });
            *other != id && !revoked && !clean && !history.gone(at, &GROUP, other)
        })
        .map(|(other, _)| other.to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The groups that a request's or a description's rules name.
fn peers(value: &Value) -> Vec<String> {
    let sets = ["IpPermissions", "ipPermissions", "ipPermissionsEgress"];
    let permissions = sets.iter().flat_map(|k| list(value, k));
    permissions
        .flat_map(|p| list(p, "Groups").iter().chain(list(p, "groups")))
        .map(|g| text(g, "GroupId").to_owned() + text(g, "groupId"))
        .collect()
}

fn table(history: &History<'_>, call: &Call, report: &mut Report) {
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

fn subnet(history: &History<'_>, call: &Call, report: &mut Report) {
    let id = text(&call.parameters, "SubnetId");
    let vpc = vpc_of(history, call, id).unwrap_or_default();
    let enis = history.interfaces(call, &[("subnet-id", id), ("vpc-id", &vpc)]);
    let clear = enis.is_some_and(|enis| !enis.iter().any(|e| text(e, "subnetId") == id));
    report.require(clear, 42, call, &format!("no look for interfaces in {id} came back empty"));
    for (endpoint, object) in history.known(call, &ENDPOINT) {
        let within = texts(object, "subnetIdSet").iter().any(|s| s == id);
        report.require(
            !within || history.missed(call, &ENDPOINT, endpoint),
            43,
            call,
            &format!("{endpoint} was not seen gone"),
        );
    }
}

fn vpc(history: &History<'_>, call: &Call, report: &mut Report) {
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
