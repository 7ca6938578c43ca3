//! EC2: whose ids carry which tags, and what each call needs on which of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::need::{Need, Place, tags};
use crate::wire::Request;
use crate::world::value::{list, text, texts};

/// The calls that make something: the resource's type, and where the answer has its id.
const MAKES: [(&str, &str, &str); 8] = [
    ("AllocateAddress", "elastic-ip", "/allocationId"),
    ("CreateInternetGateway", "internet-gateway", "/internetGateway/internetGatewayId"),
    ("CreateNatGateway", "natgateway", "/natGateway/natGatewayId"),
    ("CreateRouteTable", "route-table", "/routeTable/routeTableId"),
    ("CreateSecurityGroup", "security-group", "/groupId"),
    ("CreateSubnet", "subnet", "/subnet/subnetId"),
    ("CreateVpc", "vpc", "/vpc/vpcId"),
    ("CreateVpcEndpoint", "vpc-endpoint", "/vpcEndpoint/vpcEndpointId"),
];

/// Which parameters name resources that the caller needs the action on.
const NAMES: [(&str, &[&str]); 30] = [
    ("AssociateRouteTable", &["RouteTableId", "SubnetId"]),
    ("AttachInternetGateway", &["InternetGatewayId", "VpcId"]),
    ("AuthorizeSecurityGroupEgress", &["GroupId"]),
    ("AuthorizeSecurityGroupIngress", &["GroupId"]),
    ("CreateNatGateway", &["SubnetId", "AllocationId"]),
    ("CreateRoute", &["RouteTableId"]),
    ("CreateRouteTable", &["VpcId"]),
    ("CreateSecurityGroup", &["VpcId"]),
    ("CreateSubnet", &["VpcId"]),
    ("CreateVpcEndpoint", &["VpcId", "RouteTableId", "SubnetId", "SecurityGroupId"]),
    ("DeleteInternetGateway", &["InternetGatewayId"]),
    ("DeleteNatGateway", &["NatGatewayId"]),
    ("DeleteRoute", &["RouteTableId"]),
    ("DeleteRouteTable", &["RouteTableId"]),
    ("DeleteSecurityGroup", &["GroupId"]),
    ("DeleteSubnet", &["SubnetId"]),
    ("DeleteTags", &["ResourceId"]),
    ("DeleteVpc", &["VpcId"]),
    ("DeleteVpcEndpoints", &["VpcEndpointId"]),
    ("CreateTags", &["ResourceId"]),
    ("DescribeVpcAttribute", &["VpcId"]),
    ("DetachInternetGateway", &["InternetGatewayId", "VpcId"]),
    ("ModifySecurityGroupRules", &["GroupId"]),
    ("ModifyVpcAttribute", &["VpcId"]),
    ("ModifyVpcEndpoint", &["VpcEndpointId", "AddRouteTableId", "RemoveRouteTableId"]),
    ("ReleaseAddress", &["AllocationId"]),
    ("ReplaceRoute", &["RouteTableId"]),
    ("ReplaceRouteTableAssociation", &["RouteTableId"]),
    ("RevokeSecurityGroupEgress", &["GroupId"]),
    ("RevokeSecurityGroupIngress", &["GroupId"]),
];

/// What was learnt of ids.
#[derive(Debug, Default)]
pub(super) struct Known {
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The table and the subnet of an association.
    associations: BTreeMap<String, (String, String)>,
    /// What was deleted: a call on it is answered that it is not there, to whomever.
    gone: BTreeSet<String>,
}

impl Known {
    pub(super) fn learn(&mut self, request: &Request, answer: &Value) {
        let p = &request.parameters;
        let operation = request.operation.as_str();
        if let Some((_, _, at)) = MAKES.iter().find(|(makes, ..)| *makes == operation) {
            if let Some(id) = answer.pointer(at).and_then(Value::as_str) {
                self.tags.insert(id.to_owned(), owned(specified(p)));
            }
            return;
        }
        match operation {
            "CreateTags" => {
                for id in texts(p, "ResourceId") {
                    self.tags.entry(id).or_default().extend(owned(tags(p, "Tag")));
                }
            }
            // Tags go, the resource stays.
            "DeleteTags" => {
                for id in texts(p, "ResourceId") {
                    let kept = self.tags.entry(id).or_default();
                    for (key, _) in tags(p, "Tag") {
                        kept.remove(key);
                    }
                }
            }
            "AssociateRouteTable" => {
                let pair = (text(p, "RouteTableId").to_owned(), text(p, "SubnetId").to_owned());
                self.associations.insert(text(answer, "associationId").to_owned(), pair);
            }
            "ReplaceRouteTableAssociation" => {
                if let Some((_, subnet)) = self.associations.remove(text(p, "AssociationId")) {
                    let pair = (text(p, "RouteTableId").to_owned(), subnet);
                    self.associations.insert(text(answer, "newAssociationId").to_owned(), pair);
                }
            }
            "DisassociateRouteTable" => {
                self.associations.remove(text(p, "AssociationId"));
            }
            // A route goes, its table stays.
            "DeleteRoute" => {}
            _ if operation.starts_with("Delete") || operation == "ReleaseAddress" => {
                self.gone.extend(named(operation, p));
            }
            _ => {}
        }
    }

    fn need(&self, action: &str, id: &str, place: &Place<'_>) -> Need {
        let resource = place.arn("ec2", &format!("{}/{id}", kind(id)));
        let tags = self.tags.get(id).into_iter().flatten();
        Need::new(action, resource)
            .tagged("Resource", tags.map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

fn owned(tags: Vec<(&str, &str)>) -> BTreeMap<String, String> {
    tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The tags that a create call carries.
fn specified(parameters: &Value) -> Vec<(&str, &str)> {
    list(parameters, "TagSpecification").iter().flat_map(|one| tags(one, "Tag")).collect()
}

/// The type in an ARN, told from how an id begins.
fn kind(id: &str) -> &'static str {
    match id.rsplit_once('-').map(|(prefix, _)| prefix) {
        Some("vpc") => "vpc",
        Some("subnet") => "subnet",
        Some("igw") => "internet-gateway",
        Some("eipalloc") => "elastic-ip",
        Some("nat") => "natgateway",
        Some("rtb") => "route-table",
        Some("sg") => "security-group",
        Some("sgr") => "security-group-rule",
        Some("vpce") => "vpc-endpoint",
        Some("eni") => "network-interface",
        _ => "unknown",
    }
}

/// One id or a list of them.
fn ids(parameters: &Value, name: &str) -> Vec<String> {
    match parameters.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(_)) => texts(parameters, name),
        _ => Vec::new(),
    }
}

pub(super) fn needs(request: &Request, action: &str, known: &Known) -> Option<Vec<Need>> {
    let (p, place) = (&request.parameters, Place::of(request));
    let operation = request.operation.as_str();
    let mut found = Vec::new();
    if let Some((_, kind, _)) = MAKES.iter().find(|(makes, ..)| *makes == operation) {
        let resource = place.arn("ec2", &format!("{kind}/*"));
        let carried = specified(p);
        found.push(Need::new(action, &*resource).tagged("Request", carried.iter().copied()));
        if !carried.is_empty() {
            let tagging = Need::new("ec2:CreateTags", resource);
            found.push(tagging.with("ec2:CreateAction", operation).tagged("Request", carried));
        }
    }
    for id in named(operation, p).into_iter().filter(|id| !known.gone.contains(id)) {
        let need = known.need(action, &id, &place);
        found.push(need.tagged("Request", specified(p)));
    }
    let rules = list(p, "SecurityGroupRule").iter().map(|one| text(one, "SecurityGroupRuleId"));
    if operation == "ModifySecurityGroupRules" {
        found.extend(rules.map(|id| known.need(action, id, &place)));
    }
    match known.associations.get(text(p, "AssociationId")) {
        Some((table, subnet)) => {
            found.push(known.need(action, table, &place));
            found.push(known.need(action, subnet, &place));
        }
        None if !text(p, "AssociationId").is_empty() => return Some(found),
        None => {}
    }
    (!found.is_empty() || !named(operation, p).is_empty()).then_some(found)
}

/// The ids that a call is about.
fn named(operation: &str, parameters: &Value) -> Vec<String> {
    let names = NAMES.iter().find(|(of, _)| *of == operation).map_or(&[][..], |(_, names)| names);
    names.iter().flat_map(|name| ids(parameters, name)).collect()
}
