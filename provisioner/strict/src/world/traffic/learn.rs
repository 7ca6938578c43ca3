//! What a successful ELBv2 call changes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Balancer, Listener, Rule, TargetGroup, Traffic};
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::world::durations;
use crate::world::value::{list, text, texts};

impl Traffic {
    pub(crate) fn learn(&mut self, request: &Request, content: &Content, now: f64) {
        let (p, answer) = (&request.parameters, content.to_value());
        let first = |set: &str| list(&answer, set).first().cloned().unwrap_or(Value::Null);
        match request.operation.as_str() {
            "CreateLoadBalancer" => {
                let made = first("LoadBalancers");
                let arn = text(&made, "LoadBalancerArn").to_owned();
                if self.balancers.get(&arn).is_some_and(|b| b.deleted.is_none()) {
                    return;
                }
                self.balancers.insert(arn, Balancer::new(p, content, now));
            }
            "SetSubnets" => {
                if let Some(balancer) = self.balancers.get_mut(text(p, "LoadBalancerArn")) {
                    balancer.subnets = subnets(p);
                }
            }
            "SetSecurityGroups" => {
                if let Some(balancer) = self.balancers.get_mut(text(p, "LoadBalancerArn")) {
                    balancer.groups = texts(p, "SecurityGroups").into_iter().collect();
                }
            }
            "ModifyLoadBalancerAttributes" => {
                if let Some(balancer) = self.balancers.get_mut(text(p, "LoadBalancerArn"))
                    && let Some(value) = attribute(p, "deletion_protection.enabled")
                {
                    balancer.protected = value == "true";
                }
            }
            "DeleteLoadBalancer" => self.forget_balancer(text(p, "LoadBalancerArn"), now),
            "CreateTargetGroup" => {
                let arn = text(&first("TargetGroups"), "TargetGroupArn").to_owned();
                self.groups.entry(arn).or_insert_with(|| TargetGroup {
                    name: text(p, "Name").to_owned(),
                    target: Some(text(p, "TargetType"))
                        .filter(|t| !t.is_empty())
                        .unwrap_or("instance")
                        .to_owned(),
                    deregistration: durations::DEREGISTRATION_DEFAULT,
                    targets: std::collections::BTreeMap::new(),
                    asked: settings(p),
                    answer: content.clone(),
                });
            }
            "ModifyTargetGroupAttributes" => {
                if let Some(group) = self.groups.get_mut(text(p, "TargetGroupArn"))
                    && let Some(value) = attribute(p, "deregistration_delay.timeout_seconds")
                {
                    group.deregistration = value.parse().unwrap_or(group.deregistration);
                }
            }
            "RegisterTargets" | "DeregisterTargets" => {
                if let Some(group) = self.groups.get_mut(text(p, "TargetGroupArn")) {
                    for target in list(p, "Targets").iter().map(|t| text(t, "Id").to_owned()) {
                        if request.operation == "RegisterTargets" {
                            group.targets.entry(target).or_insert(now);
                        } else {
                            group.targets.remove(&target);
                        }
                    }
                }
            }
            "DeleteTargetGroup" => {
                self.groups.remove(text(p, "TargetGroupArn"));
            }
            _ => self.learn_rule(request, content, &answer),
        }
    }

    fn learn_rule(&mut self, request: &Request, content: &Content, answer: &Value) {
        let p = &request.parameters;
        let first = |set: &str| list(answer, set).first().cloned().unwrap_or(Value::Null);
        match request.operation.as_str() {
            "CreateListener" => {
                let arn = text(&first("Listeners"), "ListenerArn").to_owned();
                let listener = Listener {
                    balancer: text(p, "LoadBalancerArn").to_owned(),
                    port: text(p, "Port").to_owned(),
                    forwards: forwards(p, "DefaultActions"),
                    asked: settings(p),
                    answer: content.clone(),
                };
                self.listeners.insert(arn, listener);
            }
            "ModifyListener" => {
                if let Some(listener) = self.listeners.get_mut(text(p, "ListenerArn")) {
                    if !list(p, "DefaultActions").is_empty() {
                        listener.forwards = forwards(p, "DefaultActions");
                    }
                    if !text(p, "Port").is_empty() {
                        text(p, "Port").clone_into(&mut listener.port);
                    }
                }
            }
            "DeleteListener" => {
                self.listeners.remove(text(p, "ListenerArn"));
                self.rules.retain(|_, r| r.listener != text(p, "ListenerArn"));
            }
            "CreateRule" => {
                let rule = Rule {
                    listener: text(p, "ListenerArn").to_owned(),
                    priority: text(p, "Priority").to_owned(),
                    forwards: forwards(p, "Actions"),
                };
                self.rules.insert(text(&first("Rules"), "RuleArn").to_owned(), rule);
            }
            "ModifyRule" if !list(p, "Actions").is_empty() => {
                self.rules.entry(text(p, "RuleArn").to_owned()).or_default().forwards =
                    forwards(p, "Actions");
            }
            "SetRulePriorities" => {
                for pair in list(p, "RulePriorities") {
                    if let Some(rule) = self.rules.get_mut(text(pair, "RuleArn")) {
                        text(pair, "Priority").clone_into(&mut rule.priority);
                    }
                }
            }
            "DeleteRule" => {
                self.rules.remove(text(p, "RuleArn"));
            }
            _ => {}
        }
    }

    fn forget_balancer(&mut self, arn: &str, now: f64) {
        if let Some(balancer) = self.balancers.get_mut(arn) {
            balancer.deleted.get_or_insert(now);
        }
        let listeners: Vec<String> = self
            .listeners
            .iter()
            .filter(|(_, l)| l.balancer == arn)
            .map(|(arn, _)| arn.clone())
            .collect();
        for listener in listeners {
            self.listeners.remove(&listener);
            self.rules.retain(|_, r| r.listener != listener);
            self.gone.insert(listener);
        }
    }
}

impl Balancer {
    fn new(p: &Value, content: &Content, now: f64) -> Self {
        Self {
            name: text(p, "Name").to_owned(),
            public: text(p, "Scheme") != "internal",
            subnets: subnets(p),
            groups: texts(p, "SecurityGroups").into_iter().collect(),
            protected: false,
            created: now,
            deleted: None,
            asked: settings(p),
            answer: content.clone(),
        }
    }
}

/// What decides whether a repeated create is the same one: everything but the tags.
pub(super) fn settings(p: &Value) -> Value {
    let mut settings = p.clone();
    if let Some(map) = settings.as_object_mut() {
        map.remove("Tags");
    }
    settings
}

pub(crate) fn subnets(p: &Value) -> Vec<String> {
    let mapped = list(p, "SubnetMappings").iter().map(|m| text(m, "SubnetId").to_owned());
    texts(p, "Subnets").into_iter().chain(mapped).collect()
}

fn attribute(p: &Value, key: &str) -> Option<String> {
    list(p, "Attributes")
        .iter()
        .find(|a| text(a, "Key") == key)
        .map(|a| text(a, "Value").to_owned())
}

/// The target groups that actions forward to.
pub(crate) fn forwards(p: &Value, key: &str) -> BTreeSet<String> {
    let mut groups = BTreeSet::new();
    for action in list(p, key) {
        groups.insert(text(action, "TargetGroupArn").to_owned());
        let weighted = action.get("ForwardConfig").map_or(&[][..], |f| list(f, "TargetGroups"));
        groups.extend(weighted.iter().map(|g| text(g, "TargetGroupArn").to_owned()));
    }
    groups.remove("");
    groups
}
