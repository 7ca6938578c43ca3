//! The way in: load balancer, listener, rules, target groups.

use std::collections::BTreeSet;

use engine::{Input, Pace, Replace, Resource, Shared, TakesAway};
use serde::{Deserialize, Serialize};

use crate::Tags;

/// An application load balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// At most 32 characters.
    pub name: String,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    pub subnets: BTreeSet<Input>,
    pub security_groups: BTreeSet<Input>,
    pub attributes: LoadBalancerAttributes,
    pub tags: Tags,
}

/// The attributes that we set; AWS's keys are in the adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerAttributes {
    pub deletion_protection: bool,
    pub drop_invalid_headers: bool,
    /// Seconds.
    pub idle_timeout: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadBalancerOutputs {
    pub arn: Input,
    pub dns_name: Input,
    /// The Route 53 zone of the DNS name, for alias records.
    pub zone: Input,
    /// `app/<name>/<id>`, as CloudWatch and Application Auto Scaling name it.
    pub full_name: Input,
}

impl Resource for LoadBalancer {
    const KIND: &'static str = "load-balancer";
    const IMMUTABLE: &'static [&'static str] = &["name", "scheme"];
    // Others' DNS records lead to its name, which does not come back.
    const GUARD: Option<&'static str> = Some("/attributes/deletion_protection");
    const REPLACE: Replace = Replace::CreateFirst;
    // Its network interfaces linger for 25 to 150 seconds.
    const PACE: Pace = Pace::seconds(150, 90, 187);
    type Outputs = LoadBalancerOutputs;
}

/// How a target group asks its targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    pub path: String,
    /// Accepted status codes: `200`, `200-299`, `200,204`.
    pub codes: String,
    /// Seconds.
    pub interval: u32,
    /// Seconds.
    pub timeout: u32,
    pub healthy: u32,
    pub unhealthy: u32,
}

/// A target group of addresses (`ip`: Fargate's network mode needs it).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroup {
    /// At most 32 characters.
    pub name: String,
    pub vpc: Input,
    /// Where a target gets requests that was registered without a port. ECS registers each task's address with its
    /// container's port (ECS API, LoadBalancer: `containerPort`), and health checks follow that one (ELB API,
    /// CreateTargetGroup: `traffic-port`), so this one means nothing and never changes.
    pub port: u16,
    /// `HTTP`.
    pub protocol: String,
    pub health: HealthCheck,
    /// Seconds that a target keeps its connections after it was taken out.
    pub deregistration_delay: u32,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroupOutputs {
    pub arn: Input,
    /// `targetgroup/<name>/<id>`.
    pub full_name: Input,
}

impl Resource for TargetGroup {
    const KIND: &'static str = "target-group";
    const IMMUTABLE: &'static [&'static str] = &["vpc", "protocol"];
    // Groups of earlier versions have the container's port, in their names too: they stay as they are.
    const CREATE_ONLY: &'static [&'static str] = &["name", "port"];
    const REPLACE: Replace = Replace::CreateFirst;
    const PACE: Pace = Pace::seconds(1, 1, 60);
    type Outputs = TargetGroupOutputs;
}

/// What a listener does when no rule matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum DefaultAction {
    /// Answers by itself.
    FixedResponse { status: u16, content_type: String, body: String },
    /// To the same URL over HTTPS on port 443, permanently.
    RedirectToHttps,
    /// To a target group.
    Forward { target_group: Input },
    /// Something that we never set.
    Other { description: String },
}

/// A port on which a load balancer listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    pub load_balancer: Input,
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    pub default: DefaultAction,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerOutputs {
    pub arn: Input,
}

impl Resource for Listener {
    const KIND: &'static str = "listener";
    const IMMUTABLE: &'static [&'static str] = &["load_balancer"];
    const PACE: Pace = Pace::QUICK;
    type Outputs = ListenerOutputs;
}

/// The highest priority number of a rule (ELB API, CreateRule).
const LAST_PRIORITY: u32 = 50_000;
/// A name that no host has (RFC 6761: `.invalid`).
const NO_HOST: &str = "not-yet.invalid";

/// Which requests go to which target group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerRule {
    /// 1 to 50,000; the lowest that matches wins.
    pub priority: u32,
    /// Path patterns; may be empty.
    pub paths: BTreeSet<String>,
    /// Host names; may be empty.
    pub hosts: BTreeSet<String>,
    /// The target group's ARN; seen as an empty string when somebody made the rule do something else.
    pub target_group: Input,
}

/// The rules of one listener but its default. Known by the listener's ARN; a listener without rules
/// has no set of rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerRules {
    pub listener: Input,
    pub rules: BTreeSet<ListenerRule>,
    /// Set on each rule when it is created.
    pub tags: Tags,
}

impl Resource for ListenerRules {
    const KIND: &'static str = "listener-rules";
    const IMMUTABLE: &'static [&'static str] = &["listener"];
    const SHARED: &'static [Shared] = &[Shared::new("rules", &["priority"])];
    const CREATE_ONLY: &'static [&'static str] = &["tags"];
    // A request goes where it went until its new target group has healthy targets.
    const TAKES_AWAY: TakesAway = TakesAway::Between;
    const PACE: Pace = Pace::QUICK;
    type Outputs = ListenerOutputs;

    /// The rules as they are, while target groups are new: ECS wants a group to be attached to a load balancer before it
    /// fills it, so each new one gets a rule that no request matches.
    fn meanwhile(&self, seen: &Self) -> Self {
        let is_attached = |group: &Input, rules: &BTreeSet<ListenerRule>| {
            rules.iter().any(|rule| rule.target_group == *group)
        };
        let serving = seen.rules.iter().filter(|rule| !rule.only_attaches()).cloned().collect();
        let wanted = self.rules.iter().map(|rule| &rule.target_group);
        let new: BTreeSet<&Input> = wanted.filter(|group| !is_attached(group, &serving)).collect();
        if new.is_empty() || serving.is_empty() {
            return self.clone();
        }
        let mut rules = seen.rules.clone();
        for group in new {
            if !is_attached(group, &rules) {
                let taken = |priority: &u32| rules.iter().any(|rule| rule.priority == *priority);
                let priority = (1..=LAST_PRIORITY).rev().find(|priority| !taken(priority));
                rules.extend(priority.map(|priority| ListenerRule::attaching(priority, group)));
            }
        }
        Self { rules, ..self.clone() }
    }
}

impl ListenerRule {
    /// A rule that attaches a target group to the load balancer and sends it nothing.
    fn attaching(priority: u32, group: &Input) -> Self {
        Self {
            priority,
            paths: BTreeSet::new(),
            hosts: BTreeSet::from([NO_HOST.into()]),
            target_group: group.clone(),
        }
    }

    fn only_attaches(&self) -> bool {
        self.hosts.iter().eq([NO_HOST])
    }
}
