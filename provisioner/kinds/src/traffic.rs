//! The way in: load balancer, listener, rules, target groups.

use std::collections::BTreeSet;

use engine::{Input, Pace, Replace, Resource, Shared};
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
    const IMMUTABLE: &'static [&'static str] = &["name", "vpc", "port", "protocol"];
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
    const PACE: Pace = Pace::QUICK;
    type Outputs = ListenerOutputs;
}
