//! Application Auto Scaling: how many tasks a service may have, and what decides.

use engine::{Input, Resource};
use serde::{Deserialize, Serialize};

/// A service's desired count as something that may be scaled. Known as
/// `service/<cluster>/<service>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTarget {
    pub cluster: Input,
    pub service: Input,
    pub min: u32,
    pub max: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTargetOutputs {
    /// `service/<cluster>/<service>`.
    pub resource: Input,
}

impl Resource for ScalableTarget {
    const KIND: &'static str = "scalable-target";
    const IMMUTABLE: &'static [&'static str] = &["cluster", "service"];
    type Outputs = ScalableTargetOutputs;
}

/// A target-tracking policy. Known as `service/<cluster>/<service>/<name>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// The scalable target's `service/<cluster>/<service>`.
    pub target: Input,
    pub name: String,
    /// A predefined metric: `ECSServiceAverageCPUUtilization`, …
    pub metric: String,
    pub value: f64,
    /// Seconds.
    pub scale_in_cooldown: u32,
    /// Seconds.
    pub scale_out_cooldown: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalingPolicyOutputs {
    pub arn: Input,
}

impl Resource for ScalingPolicy {
    const KIND: &'static str = "scaling-policy";
    const IMMUTABLE: &'static [&'static str] = &["target", "name"];
    type Outputs = ScalingPolicyOutputs;
}
