//! Elastic Load Balancing ("Elastic Load Balancing API permissions", "ELB API permissions to tag resources
//! during creation").

use std::collections::BTreeMap;

use serde_json::Value;

use super::need::{Need, Place, tags};
use crate::wire::Request;
use crate::world::value::{list, text, texts};

/// Asked for since October 2024 and not on that page: `AccessDenied ... is not authorized to perform:
/// ec2:GetSecurityGroupsForVpc` (kubernetes-sigs/aws-load-balancer-controller, issue 3917).
const GROUPS_OF_VPC: &str = "ec2:GetSecurityGroupsForVpc";

/// What the service reads of EC2 in the caller's name.
const READS: [(&str, &[&str]); 5] = [
    (
        "CreateLoadBalancer",
        &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            GROUPS_OF_VPC,
        ],
    ),
    ("SetSecurityGroups", &[GROUPS_OF_VPC]),
    ("CreateTargetGroup", &["ec2:DescribeInternetGateways", "ec2:DescribeVpcs"]),
    (
        "RegisterTargets",
        &[
            "ec2:DescribeInstances",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
    ),
    ("SetSubnets", &["ec2:DescribeSubnets"]),
];

/// The tags of target groups, by ARN: the resources whose names policies cannot tell apart.
#[derive(Debug, Default)]
pub(super) struct Tags(BTreeMap<String, BTreeMap<String, String>>);

impl Tags {
    pub(super) fn learn(&mut self, request: &Request, answer: &Value) {
        let p = &request.parameters;
        let set = || tags(p, "Tags").into_iter().map(|(k, v)| (k.to_owned(), v.to_owned()));
        match request.operation.as_str() {
            "CreateTargetGroup" => {
                for made in list(answer, "TargetGroups") {
                    self.0.insert(text(made, "TargetGroupArn").to_owned(), set().collect());
                }
            }
            "AddTags" => {
                for arn in texts(p, "ResourceArns") {
                    self.0.entry(arn).or_default().extend(set());
                }
            }
            "RemoveTags" => {
                for arn in texts(p, "ResourceArns") {
                    let kept = self.0.entry(arn).or_default();
                    for key in texts(p, "TagKeys") {
                        kept.remove(&key);
                    }
                }
            }
            _ => {}
        }
    }

    fn of(&self, arn: &str) -> impl Iterator<Item = (&str, &str)> {
        let known = self.0.get(arn).into_iter().flatten();
        known.map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

pub(super) fn needs(request: &Request, action: &str, known: &Tags) -> Option<Vec<Need>> {
    let (p, place) = (&request.parameters, Place::of(request));
    let operation = request.operation.as_str();
    if operation.starts_with("Describe") {
        return None;
    }
    let elb = |rest: String| place.arn("elasticloadbalancing", &rest);
    // The resource of the action, and what it makes.
    let (resources, makes) = match operation {
        "CreateLoadBalancer" => {
            let made = elb(format!("loadbalancer/app/{}/*", text(p, "Name")));
            (vec![made.clone()], Some(made))
        }
        "CreateTargetGroup" => {
            let made = elb(format!("targetgroup/{}/*", text(p, "Name")));
            (vec![made.clone()], Some(made))
        }
        "CreateListener" => {
            let balancer = text(p, "LoadBalancerArn");
            let made = balancer.replacen(":loadbalancer/", ":listener/", 1);
            (vec![balancer.to_owned()], Some(format!("{made}/*")))
        }
        "CreateRule" => {
            let listener = text(p, "ListenerArn");
            let made = listener.replacen(":listener/", ":listener-rule/", 1);
            (vec![listener.to_owned()], Some(format!("{made}/*")))
        }
        "AddTags" | "RemoveTags" => (texts(p, "ResourceArns"), None),
        "SetRulePriorities" => {
            let rules = list(p, "RulePriorities").iter();
            (rules.map(|one| text(one, "RuleArn").to_owned()).collect(), None)
        }
        _ => (named(p), None),
    };
    let carried = tags(p, "Tags");
    let mut found: Vec<Need> = resources
        .into_iter()
        .map(|resource| {
            let need = Need::new(action, &*resource).tagged("Request", carried.iter().copied());
            need.tagged("Resource", known.of(&resource))
        })
        .collect();
    if let Some(made) = makes.filter(|_| !carried.is_empty()) {
        let tagging = Need::new("elasticloadbalancing:AddTags", made);
        let tagging = tagging.with("elasticloadbalancing:CreateAction", operation);
        found.push(tagging.tagged("Request", carried));
    }
    let reads = READS.iter().filter(|(of, _)| *of == operation).flat_map(|(_, reads)| *reads);
    found.extend(reads.map(|read| Need::new(*read, "*")));
    (!found.is_empty()).then_some(found)
}

/// The one resource that a call is about.
fn named(parameters: &Value) -> Vec<String> {
    let names = ["RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn"];
    let found = names.iter().map(|name| text(parameters, name)).find(|arn| !arn.is_empty());
    found.map(str::to_owned).into_iter().collect()
}
