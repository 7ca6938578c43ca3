//! Load balancers, listeners, rules and target groups as AWS would know them.

pub(crate) mod learn;
pub(super) mod refuse;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::durations;
use super::network::{Eni, Network};
use super::value::text;
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::wire::xml::Element;

#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By ARN, deleted ones too while their interfaces linger.
    pub(crate) balancers: BTreeMap<String, Balancer>,
    pub(crate) groups: BTreeMap<String, TargetGroup>,
    pub(crate) listeners: BTreeMap<String, Listener>,
    pub(crate) rules: BTreeMap<String, Rule>,
    /// ARNs of listeners that went with their load balancer.
    pub(crate) gone: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Balancer {
    pub(crate) name: String,
    pub(crate) public: bool,
    pub(crate) subnets: Vec<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) protected: bool,
    pub(crate) created: f64,
    pub(crate) deleted: Option<f64>,
    /// What was asked, to tell a repeated create from another one.
    pub(crate) asked: Value,
    pub(crate) answer: Content,
}

#[derive(Debug)]
pub(crate) struct TargetGroup {
    pub(crate) name: String,
    /// `ip`, `instance` or `lambda`.
    pub(crate) target: String,
    pub(crate) deregistration: f64,
    /// Target id to its registration.
    pub(crate) targets: BTreeMap<String, f64>,
    pub(crate) asked: Value,
    pub(crate) answer: Content,
}

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) balancer: String,
    pub(crate) port: String,
    pub(crate) forwards: BTreeSet<String>,
    pub(crate) asked: Value,
    pub(crate) answer: Content,
}

#[derive(Debug, Default)]
pub(crate) struct Rule {
    pub(crate) listener: String,
    pub(crate) priority: String,
    pub(crate) forwards: BTreeSet<String>,
}

impl Balancer {
    pub(crate) fn state(&self, now: f64) -> &'static str {
        if now >= self.created + durations::LOAD_BALANCER_CREATE {
            "active"
        } else {
            "provisioning"
        }
    }
}

impl Traffic {
    /// The load balancers that forward to a target group.
    pub(crate) fn fronts(&self, group: &str) -> bool {
        self.listeners.values().any(|l| l.forwards.contains(group))
            || self.rules.values().any(|r| r.forwards.contains(group))
    }

    /// How long a target of these groups takes to leave.
    pub(crate) fn deregistration(&self, groups: &BTreeSet<String>) -> f64 {
        groups
            .iter()
            .filter_map(|g| self.groups.get(g))
            .map(|g| g.deregistration)
            .fold(0.0, f64::max)
    }

    /// The interfaces of load balancers, deleted ones included while they linger.
    pub(crate) fn enis(&self, network: &Network, now: f64) -> Vec<Eni> {
        let mut enis = Vec::new();
        for (arn, balancer) in &self.balancers {
            if balancer.deleted.is_some_and(|at| now >= at + durations::LOAD_BALANCER_LINGER) {
                continue;
            }
            let name = arn.split_once(":loadbalancer/").map_or(arn.as_str(), |(_, name)| name);
            for subnet in &balancer.subnets {
                let mut eni = network.eni(arn, subnet, format!("ELB {name}"), "amazon-elb");
                eni.groups.clone_from(&balancer.groups);
                eni.public = balancer.public;
                enis.push(eni);
            }
        }
        enis
    }

    /// Changes an answer in place: load balancers are `provisioning` for a while.
    pub(crate) fn show(&self, request: &Request, root: &mut Element, now: f64) -> bool {
        match request.operation.as_str() {
            "DescribeTargetHealth" => return self.show_health(&request.parameters, root, now),
            "CreateLoadBalancer" | "DescribeLoadBalancers" => {}
            _ => return false,
        }
        let Some(set) = root.find_mut("LoadBalancers") else { return false };
        for item in &mut set.children {
            if let Some(balancer) = self.balancers.get(item.get("LoadBalancerArn"))
                && let Some(state) = item.child_mut("State")
            {
                state.set("Code", balancer.state(now));
            }
        }
        true
    }

    /// Targets are `initial` at first, and `unused` without a listener, whatever the emulator says.
    fn show_health(&self, p: &Value, root: &mut Element, now: f64) -> bool {
        let arn = text(p, "TargetGroupArn");
        let Some(group) = self.groups.get(arn) else { return false };
        let Some(set) = root.find_mut("TargetHealthDescriptions") else { return false };
        let mut changed = false;
        for item in &mut set.children {
            let target = item.child("Target").map_or("", |t| t.get("Id")).to_owned();
            let young =
                group.targets.get(&target).is_some_and(|at| now < at + durations::TARGET_INITIAL);
            let state = match (self.fronts(arn), young) {
                (false, _) => ("unused", "Target.NotInUse"),
                (true, true) => ("initial", "Elb.RegistrationInProgress"),
                (true, false) => continue,
            };
            let health = Element::node(
                "TargetHealth",
                vec![Element::leaf("State", state.0), Element::leaf("Reason", state.1)],
            );
            item.children.retain(|c| c.name != "TargetHealth");
            item.children.push(health);
            changed = true;
        }
        changed
    }
}
