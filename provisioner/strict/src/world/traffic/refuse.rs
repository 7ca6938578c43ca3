//! What Elastic Load Balancing refuses, in its words. Sources: ELBv2 API reference (error lists), Application Load
//! Balancer quotas, error texts seen in public repositories.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Traffic;
use super::learn::{forwards, settings, subnets};
use crate::wire::Request;
use crate::wire::error::Fault;
use crate::world::Verdict;
use crate::world::network::Network;
use crate::world::value::{list, text, texts};

impl Traffic {
    pub(crate) fn refuse(&self, request: &Request, network: &Network) -> Option<Verdict> {
        let p = &request.parameters;
        match request.operation.as_str() {
            "CreateLoadBalancer" => self.refuse_balancer(p, network),
            "DeleteLoadBalancer" => {
                let arn = text(p, "LoadBalancerArn");
                let protected =
                    self.balancers.get(arn).is_some_and(|b| b.protected && b.deleted.is_none());
                protected.then(|| {
                    let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
                    Fault::refusal("OperationNotPermitted", message).into()
                })
            }
            "CreateTargetGroup" => {
                let name = text(p, "Name");
                if let Some(fault) = name_fault("Target group", name) {
                    return Some(fault.into());
                }
                let same = self.groups.values().find(|g| g.name == name)?;
                Some(if same.asked == settings(p) {
                    Verdict::Replay(same.answer.clone())
                } else {
                    let message = format!(
                        "A target group with the same name '{name}' exists, but with different settings"
                    );
                    Fault::refusal("DuplicateTargetGroupName", message).into()
                })
            }
            "DeleteTargetGroup" => {
                let arn = text(p, "TargetGroupArn");
                self.fronts(arn).then(|| {
                    let message =
                        format!("Target group '{arn}' is currently in use by a listener or a rule");
                    Fault::refusal("ResourceInUse", message).into()
                })
            }
            "CreateListener" => self.refuse_listener(p),
            "CreateRule" => {
                let (listener, priority) = (text(p, "ListenerArn"), text(p, "Priority"));
                if self.gone.contains(listener) {
                    return Some(gone_listener(listener));
                }
                if let Some(fault) = self.elsewhere(
                    self.listeners.get(listener).map_or("", |l| &l.balancer),
                    &forwards(p, "Actions"),
                ) {
                    return Some(fault.into());
                }
                let taken =
                    self.rules.values().any(|r| r.listener == listener && r.priority == priority);
                taken.then(|| {
                    Fault::refusal(
                        "PriorityInUse",
                        format!("Priority '{priority}' is currently in use"),
                    )
                    .into()
                })
            }
            "SetRulePriorities" => self.refuse_priorities(p),
            "DescribeListeners" | "DescribeRules" | "DescribeTags" | "ModifyListener"
            | "DeleteListener" => self.refuse_gone(p),
            _ => None,
        }
    }

    fn refuse_balancer(&self, p: &Value, network: &Network) -> Option<Verdict> {
        let name = text(p, "Name");
        if name.starts_with("internal-") {
            let message = format!("Load balancer name '{name}' cannot begin with 'internal-'");
            return Some(Fault::refusal("ValidationError", message).into());
        }
        if let Some(fault) = name_fault("Load balancer", name) {
            return Some(fault.into());
        }
        if let Some(same) = self.balancers.values().find(|b| b.name == name && b.deleted.is_none())
        {
            return Some(if same.asked == settings(p) {
                Verdict::Replay(same.answer.clone())
            } else {
                let message = format!(
                    "A load balancer with the same name '{name}' exists, but with different settings"
                );
                Fault::refusal("DuplicateLoadBalancerName", message).into()
            });
        }
        let network_type = matches!(text(p, "Type"), "network" | "gateway");
        let asked = subnets(p);
        if asked.len() < 2 && !network_type {
            let message =
                "At least two subnets in two different Availability Zones must be specified";
            return Some(Fault::refusal("ValidationError", message).into());
        }
        let known: Vec<_> = asked.iter().filter_map(|s| network.subnets.get(s)).collect();
        let zones: BTreeSet<_> = known.iter().map(|s| s.zone.as_str()).collect();
        if zones.len() < known.len() {
            let message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return Some(Fault::refusal("InvalidConfigurationRequest", message).into());
        }
        let vpc = &known.first()?.vpc;
        if text(p, "Scheme") != "internal" && network.attached_gateway(vpc).is_none() {
            return Some(
                Fault::refusal("InvalidSubnet", format!("VPC {vpc} has no internet gateway"))
                    .into(),
            );
        }
        None
    }

    fn refuse_listener(&self, p: &Value) -> Option<Verdict> {
        let (balancer, port) = (text(p, "LoadBalancerArn"), text(p, "Port"));
        if let Some(same) =
            self.listeners.values().find(|l| l.balancer == balancer && l.port == port)
        {
            return Some(if same.asked == settings(p) {
                Verdict::Replay(same.answer.clone())
            } else {
                let message = "A listener already exists on this port for this load balancer";
                Fault::refusal("DuplicateListener", message).into()
            });
        }
        if text(p, "Protocol") == "HTTPS" && list(p, "Certificates").is_empty() {
            let message = "A certificate must be specified for HTTPS listeners";
            return Some(Fault::refusal("ValidationError", message).into());
        }
        self.elsewhere(balancer, &forwards(p, "DefaultActions")).map(Into::into)
    }

    /// A target group serves one load balancer.
    fn elsewhere(&self, balancer: &str, groups: &BTreeSet<String>) -> Option<Fault> {
        let owner = |listener: &str| self.listeners.get(listener).map(|l| l.balancer.as_str());
        let by_listener = self.listeners.values().map(|l| (Some(l.balancer.as_str()), &l.forwards));
        let by_rule = self.rules.values().map(|r| (owner(&r.listener), &r.forwards));
        let taken = by_listener
            .chain(by_rule)
            .filter(|(other, _)| other.is_some_and(|o| o != balancer))
            .find_map(|(_, forwards)| groups.intersection(forwards).next())?;
        Some(Fault::refusal(
            "TargetGroupAssociationLimit",
            format!(
                "The following target groups cannot be associated with more than one load balancer: {taken}"
            ),
        ))
    }

    fn refuse_priorities(&self, p: &Value) -> Option<Verdict> {
        let pairs = list(p, "RulePriorities");
        let moved: BTreeSet<&str> = pairs.iter().map(|pair| text(pair, "RuleArn")).collect();
        let listener = &self.rules.get(text(pairs.first()?, "RuleArn"))?.listener;
        let taken = pairs.iter().map(|pair| text(pair, "Priority")).find(|priority| {
            self.rules.iter().any(|(arn, r)| {
                r.listener == *listener && !moved.contains(arn.as_str()) && r.priority == *priority
            })
        })?;
        Some(
            Fault::refusal("PriorityInUse", format!("Priority '{taken}' is currently in use"))
                .into(),
        )
    }

    /// Calls about what went with a deleted load balancer, which MiniStack leaves behind.
    fn refuse_gone(&self, p: &Value) -> Option<Verdict> {
        let balancer = text(p, "LoadBalancerArn");
        if self.balancers.get(balancer).is_some_and(|b| b.deleted.is_some()) {
            let message = format!("One or more load balancers not found: {balancer}");
            return Some(Fault::refusal("LoadBalancerNotFound", message).into());
        }
        let mut named = texts(p, "ListenerArns");
        named.push(text(p, "ListenerArn").to_owned());
        named.extend(texts(p, "ResourceArns"));
        named.iter().find(|arn| self.gone.contains(*arn)).map(|arn| gone_listener(arn))
    }
}

fn gone_listener(arn: &str) -> Verdict {
    Fault::refusal("ListenerNotFound", format!("One or more listeners not found: {arn}")).into()
}

fn name_fault(what: &str, name: &str) -> Option<Fault> {
    let message = if name.len() > 32 {
        format!("{what} name '{name}' cannot be longer than '32' characters")
    } else if name.starts_with('-') || name.ends_with('-') {
        format!("{what} name '{name}' cannot begin or end with '-'")
    } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )
    } else {
        return None;
    };
    Some(Fault::refusal("ValidationError", message))
}
