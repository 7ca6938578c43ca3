//! Rules of creation: what must exist, and be seen to, before what is built on it.

use serde_json::Value;

use super::Report;
use super::history::History;
use super::kinds::{BALANCER, ENDPOINT, GATEWAY, LISTENER, NAT, RULE, SUBNET, TABLE, VPC};
use crate::call::Call;
use crate::world::traffic::learn::{forwards, subnets};
use crate::world::value::{flag, list, text, texts};

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    match call.operation.as_str() {
        "AttachInternetGateway" => {
            let known = history.seen(call, &GATEWAY, text(p, "InternetGatewayId")).is_some()
                && history.seen(call, &VPC, text(p, "VpcId")).is_some();
            report.require(known, 1, call, "the gateway or the VPC was not created or seen before");
        }
        "CreateNatGateway" if text(p, "ConnectivityType") != "private" => {
            nat(history, call, report);
        }
        "CreateRoute" | "ReplaceRoute" => route(history, call, report),
        "AssociateRouteTable" => {
            let known = history.seen(call, &TABLE, text(p, "RouteTableId")).is_some();
            report.require(known, 5, call, "the route table was not seen before");
        }
        "CreateVpcEndpoint" if text(p, "VpcEndpointType") == "Interface" => {
            endpoint(history, call, report);
        }
        "CreateLoadBalancer" => balancer(history, call, report),
        "CreateListener" | "CreateRule" => listener(history, call, report),
        "RegisterTaskDefinition" => {
            let content = |c: &Call| {
                let mut content = c.parameters.clone();
                content.as_object_mut().map(|map| map.remove("tags"));
                content
            };
            let repeated =
                history.done(call, "RegisterTaskDefinition").any(|c| content(c) == content(call));
            report.require(!repeated, 16, call, "the same content was registered before");
        }
        "CreateLogGroup" if call.took_effect() => {
            let name = text(p, "logGroupName");
            let later = history.calls().any(|c| {
                c.seq > call.seq
                    && matches!(c.operation.as_str(), "PutRetentionPolicy" | "DeleteLogGroup")
                    && text(&c.parameters, "logGroupName") == name
            });
            report.require(later, 22, call, &format!("{name} never got a retention policy"));
        }
        "CreateBucket" if call.region == "us-east-1" => {
            let bucket = text(p, "Bucket");
            let looked = history
                .before(call)
                .any(|c| c.operation == "HeadBucket" && text(&c.parameters, "Bucket") == bucket);
            report.require(looked, 24, call, "in us-east-1 a bucket that exists must be found by HeadBucket, not by creating it again");
        }
        _ => {}
    }
}

/// The VPC of a subnet, as far as the log tells.
pub(super) fn vpc_of(history: &History<'_>, at: &Call, subnet: &str) -> Option<String> {
    history.seen(at, &SUBNET, subnet).map(|s| text(s, "vpcId").to_owned()).filter(|v| !v.is_empty())
}

/// Whether the client knows that the VPC has an internet gateway.
fn has_gateway(history: &History<'_>, at: &Call, vpc: &str) -> bool {
    history.did(at, "AttachInternetGateway", "VpcId", vpc)
        || history
            .known(at, &GATEWAY)
            .values()
            .any(|g| list(g, "attachmentSet").iter().any(|a| text(a, "vpcId") == vpc))
}

fn nat(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    if let Some(vpc) = vpc_of(history, call, text(p, "SubnetId")) {
        report.require(
            has_gateway(history, call, &vpc),
            2,
            call,
            "its VPC has no internet gateway attached yet",
        );
    }
    let address = text(p, "AllocationId");
    report.require(
        history.heard_of(call, address),
        2,
        call,
        "its address was not allocated or seen before",
    );
}

fn route(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    let (nat, gateway) = (text(p, "NatGatewayId"), text(p, "GatewayId"));
    if !nat.is_empty() {
        let state = history.seen(call, &NAT, nat).map_or("", |n| text(n, "state"));
        report.require(
            state == "available",
            3,
            call,
            &format!("{nat} was last seen `{state}`, not `available`"),
        );
        let dead = matches!(state, "failed" | "deleting" | "deleted");
        report.require(!dead, 6, call, &format!("{nat} is `{state}`"));
    }
    if gateway.starts_with("igw-") {
        let attached = history
            .done(call, "AttachInternetGateway")
            .any(|c| text(&c.parameters, "InternetGatewayId") == gateway)
            || history
                .seen(call, &GATEWAY, gateway)
                .is_some_and(|g| !list(g, "attachmentSet").is_empty());
        report.require(attached, 4, call, "the internet gateway was not seen attached");
    }
}

fn endpoint(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    if flag(p, "PrivateDnsEnabled") != Some(true) {
        return;
    }
    let vpc = text(p, "VpcId");
    let attribute = |request: &str, answer: &str, default: bool| {
        let set = history
            .done(call, "ModifyVpcAttribute")
            .filter(|c| text(&c.parameters, "VpcId") == vpc);
        let set = set.filter_map(|c| flag(c.parameters.get(request)?, "Value").map(|v| (c.seq, v)));
        let read = history
            .done(call, "DescribeVpcAttribute")
            .filter(|c| text(&c.parameters, "VpcId") == vpc);
        let read = read.filter_map(|c| flag(c.response.get(answer)?, "value").map(|v| (c.seq, v)));
        set.chain(read).max_by_key(|(seq, _)| *seq).map_or(default, |(_, v)| v)
    };
    let ready = attribute("EnableDnsSupport", "enableDnsSupport", true)
        && attribute("EnableDnsHostnames", "enableDnsHostnames", false);
    report.require(
        ready,
        7,
        call,
        "private DNS needs enableDnsSupport and enableDnsHostnames first",
    );
}

fn balancer(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    let asked = subnets(p);
    let zones: std::collections::BTreeSet<_> = asked
        .iter()
        .filter_map(|s| history.seen(call, &SUBNET, s))
        .map(|s| text(s, "availabilityZone"))
        .collect();
    report.require(
        zones.len() >= 2 || matches!(text(p, "Type"), "network" | "gateway"),
        8,
        call,
        "its subnets are not known to be in two zones",
    );
    if text(p, "Scheme") != "internal"
        && let Some(vpc) = asked.first().and_then(|s| vpc_of(history, call, s))
    {
        report.require(
            has_gateway(history, call, &vpc),
            8,
            call,
            "its VPC has no internet gateway attached yet",
        );
    }
}

fn listener(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    if text(p, "Protocol") == "HTTPS" {
        for certificate in list(p, "Certificates").iter().map(|c| text(c, "CertificateArn")) {
            let issued = history.done(call, "DescribeCertificate").any(|c| {
                text(&c.parameters, "CertificateArn") == certificate
                    && c.response.pointer("/Certificate/Status").and_then(Value::as_str)
                        == Some("ISSUED")
            });
            report.require(issued, 9, call, "its certificate was not seen `ISSUED`");
        }
    }
    let listener = text(p, "ListenerArn");
    let owner = match text(p, "LoadBalancerArn") {
        "" => history.seen(call, &LISTENER, listener).map_or("", |l| text(l, "LoadBalancerArn")),
        arn => arn,
    };
    let active = history
        .seen(call, &BALANCER, owner)
        .is_some_and(|b| b.get("State").is_some_and(|s| text(s, "Code") == "active"));
    report.require(active, 10, call, "the load balancer was not seen `active`");
}

/// Whether the client's calls made something forward to a target group.
pub(super) fn fronted(history: &History<'_>, at: &Call, group: &str) -> bool {
    let asked =
        history.before(at).filter(|c| c.took_effect()).any(|c| match c.operation.as_str() {
            "CreateListener" | "ModifyListener" => {
                forwards(&c.parameters, "DefaultActions").contains(group)
            }
            "CreateRule" | "ModifyRule" => forwards(&c.parameters, "Actions").contains(group),
            _ => false,
        });
    let listeners = history.known(at, &LISTENER);
    let rules = history.known(at, &RULE);
    asked
        || listeners.values().any(|l| forwards(l, "DefaultActions").contains(group))
        || rules.values().any(|r| forwards(r, "Actions").contains(group))
}

/// Whether private subnets can reach AWS: a seen NAT gateway or endpoints. `None` when the log does not tell how they
/// are routed.
pub(super) fn egress(history: &History<'_>, at: &Call, subnet: &str) -> Option<bool> {
    let described = history
        .known(at, &TABLE)
        .into_iter()
        .find(|(_, t)| list(t, "associationSet").iter().any(|a| text(a, "subnetId") == subnet));
    let associated = history
        .done(at, "AssociateRouteTable")
        .rfind(|c| text(&c.parameters, "SubnetId") == subnet);
    let table =
        associated.map(|c| text(&c.parameters, "RouteTableId")).or(described.map(|(id, _)| id))?;
    let routes: Vec<&Value> = history
        .done(at, "CreateRoute")
        .filter(|c| text(&c.parameters, "RouteTableId") == table)
        .map(|c| &c.parameters)
        .chain(history.seen(at, &TABLE, table).into_iter().flat_map(|t| list(t, "routeSet")))
        .collect();
    let available =
        |nat: &str| history.seen(at, &NAT, nat).is_some_and(|n| text(n, "state") == "available");
    let nat = routes
        .iter()
        .map(|r| text(r, "NatGatewayId").to_owned() + text(r, "natGatewayId"))
        .any(|n| available(&n));
    let public = routes
        .iter()
        .any(|r| (text(r, "GatewayId").to_owned() + text(r, "gatewayId")).starts_with("igw-"));
    let vpc = vpc_of(history, at, subnet).unwrap_or_default();
    let endpoints = history.known(at, &ENDPOINT);
    let served = |name: &str| {
        endpoints.values().any(|e| {
            text(e, "vpcId") == vpc
                && text(e, "serviceName").ends_with(name)
                && text(e, "state") == "available"
        })
    };
    Some(
        nat || public
            || ["ecr.api", "ecr.dkr", ".s3", ".logs", ".secretsmanager"].iter().all(|s| served(s)),
    )
}

/// The subnets of a service, when its tasks have no public address.
pub(super) fn private_subnets(p: &Value) -> Vec<String> {
    let network = p.pointer("/networkConfiguration/awsvpcConfiguration").unwrap_or(&Value::Null);
    if text(network, "assignPublicIp") == "ENABLED" {
        Vec::new()
    } else {
        texts(network, "subnets")
    }
}
