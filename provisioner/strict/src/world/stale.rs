//! Eventual consistency: something just created may be unknown to the next calls. Source: EC2 API "Eventual
//! consistency"; Terraform's provider retries "not found" for minutes after a create.

use std::collections::HashMap;

use serde_json::Value;

use crate::seed::Seed;
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::wire::error::Fault;
use crate::world::durations::STALE;

/// What a create makes: service, operation, where the answer has the id, the list that shows it, the code for unknown.
const CREATES: [(&str, &str, &str, &str, &str); 14] = [
    ("ec2", "CreateVpc", "/vpc/vpcId", "vpcSet", "InvalidVpcID.NotFound"),
    ("ec2", "CreateSubnet", "/subnet/subnetId", "subnetSet", "InvalidSubnetID.NotFound"),
    (
        "ec2",
        "CreateInternetGateway",
        "/internetGateway/internetGatewayId",
        "internetGatewaySet",
        "InvalidInternetGatewayID.NotFound",
    ),
    ("ec2", "AllocateAddress", "/allocationId", "addressesSet", "InvalidAllocationID.NotFound"),
    ("ec2", "CreateNatGateway", "/natGateway/natGatewayId", "natGatewaySet", "NatGatewayNotFound"),
    (
        "ec2",
        "CreateRouteTable",
        "/routeTable/routeTableId",
        "routeTableSet",
        "InvalidRouteTableID.NotFound",
    ),
    (
        "ec2",
        "CreateVpcEndpoint",
        "/vpcEndpoint/vpcEndpointId",
        "vpcEndpointSet",
        "InvalidVpcEndpointId.NotFound",
    ),
    ("ec2", "CreateSecurityGroup", "/groupId", "securityGroupInfo", "InvalidGroup.NotFound"),
    (
        "elasticloadbalancing",
        "CreateLoadBalancer",
        "/LoadBalancers/0/LoadBalancerArn",
        "LoadBalancers",
        "LoadBalancerNotFound",
    ),
    (
        "elasticloadbalancing",
        "CreateTargetGroup",
        "/TargetGroups/0/TargetGroupArn",
        "TargetGroups",
        "TargetGroupNotFound",
    ),
    (
        "elasticloadbalancing",
        "CreateListener",
        "/Listeners/0/ListenerArn",
        "Listeners",
        "ListenerNotFound",
    ),
    ("iam", "CreateRole", "/Role/RoleName", "Roles", "NoSuchEntity"),
    ("secretsmanager", "CreateSecret", "/Name", "SecretList", "ResourceNotFoundException"),
    (
        "ecr",
        "CreateRepository",
        "/repository/repositoryName",
        "repositories",
        "RepositoryNotFoundException",
    ),
];

/// Ids that some calls do not know yet.
#[derive(Debug, Default)]
pub(crate) struct Stale(HashMap<String, Young>);

#[derive(Debug)]
struct Young {
    service: &'static str,
    field: &'static str,
    set: &'static str,
    code: &'static str,
    until: f64,
}

impl Stale {
    pub(crate) fn learn(
        &mut self,
        request: &Request,
        answer: &Value,
        seed: Seed,
        probability: f64,
        now: f64,
    ) {
        let Some((service, _, pointer, set, code)) =
            CREATES.iter().find(|(s, o, ..)| *s == request.service && *o == request.operation)
        else {
            return;
        };
        let Some(id) = answer.pointer(pointer).and_then(Value::as_str) else { return };
        if seed.draw(&request.name(), self.0.len() as u64) < probability {
            let field = pointer.rsplit('/').next().unwrap_or_default();
            self.0.insert(id.to_owned(), Young { service, field, set, code, until: now + STALE });
        } else {
            // Counted all the same, so that the next draw differs.
            self.0.insert(id.to_owned(), Young { service, field: "", set, code, until: now });
        }
    }

    /// The "not found" of a call that names something too young.
    pub(crate) fn refuse(&self, request: &Request, now: f64) -> Option<Fault> {
        if self.0.is_empty() {
            return None;
        }
        let id = self.named(&request.parameters, &request.service, now)?;
        let young = self.0.get(id)?;
        let status = if young.service == "iam" { 404 } else { 400 };
        Some(
            Fault::refusal(young.code, format!("The ID '{id}' does not exist")).with_status(status),
        )
    }

    fn named<'a>(&self, value: &'a Value, service: &str, now: f64) -> Option<&'a str> {
        match value {
            Value::String(text) => {
                let young = self.0.get(text)?;
                (young.service == service && now < young.until).then_some(text)
            }
            Value::Array(items) => items.iter().find_map(|v| self.named(v, service, now)),
            // A filter finds nothing instead of failing.
            Value::Object(map) => map
                .iter()
                .filter(|(k, _)| *k != "Filter")
                .find_map(|(_, v)| self.named(v, service, now)),
            _ => None,
        }
    }

    /// Leaves what is too young out of a list. True when something was left out.
    pub(crate) fn show(&self, request: &Request, content: &mut Content, now: f64) -> bool {
        let mut changed = false;
        for (id, young) in
            self.0.iter().filter(|(_, y)| y.service == request.service && now < y.until)
        {
            match content {
                Content::Xml(root) => {
                    if let Some(set) = root.find_mut(young.set) {
                        let before = set.children.len();
                        set.children.retain(|item| item.get(young.field) != id);
                        changed |= set.children.len() != before;
                    }
                }
                Content::Json(value) => {
                    if let Some(items) = value.get_mut(young.set).and_then(Value::as_array_mut) {
                        let before = items.len();
                        items.retain(|item| {
                            item.get(young.field).and_then(Value::as_str) != Some(id)
                        });
                        changed |= items.len() != before;
                    }
                }
                Content::Opaque => {}
            }
        }
        changed
    }
}
