//! Targets of a target group, put in and taken out by hand: for processes that no ECS looks after, and
//! for deployments that shift traffic themselves.

use std::net::SocketAddr;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use engine::Result;

use crate::Aws;
use crate::error::error;

/// A registered target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub id: String,
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining` or `unavailable`.
    pub state: String,
    /// `Target.ResponseCodeMismatch: Health checks failed with these codes: [404]`; empty for a
    /// healthy one.
    pub reason: String,
}

impl Aws {
    /// Puts addresses into a target group. Those that are in it already stay.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the target group is gone.
    pub async fn register_targets(&self, group: &str, targets: &[SocketAddr]) -> Result<()> {
        let call = self.write()?.elb.register_targets().target_group_arn(group);
        let call = call.set_targets(Some(targets.iter().map(description).collect()));
        call.send().await.map_err(|e| error("elasticloadbalancing:RegisterTargets", e))?;
        Ok(())
    }

    /// Takes addresses out of a target group; they drain for its deregistration delay.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the target group is gone.
    pub async fn deregister_targets(&self, group: &str, targets: &[SocketAddr]) -> Result<()> {
        let call = self.write()?.elb.deregister_targets().target_group_arn(group);
        let call = call.set_targets(Some(targets.iter().map(description).collect()));
        call.send().await.map_err(|e| error("elasticloadbalancing:DeregisterTargets", e))?;
        Ok(())
    }

    /// All targets of a target group.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the target group is gone.
    pub async fn target_health(&self, group: &str) -> Result<Vec<Target>> {
        let call = self.read().elb.describe_target_health().target_group_arn(group);
        let answer =
            call.send().await.map_err(|e| error("elasticloadbalancing:DescribeTargetHealth", e))?;
        let targets = answer.target_health_descriptions.unwrap_or_default();
        Ok(targets
            .into_iter()
            .filter_map(|found| {
                let (target, health) = (found.target?, found.target_health?);
                let reason = [health.reason.map(|code| code.to_string()), health.description];
                Some(Target {
                    id: target.id.unwrap_or_default(),
                    port: target.port.and_then(|port| port.try_into().ok()).unwrap_or_default(),
                    state: health.state.map(|state| state.to_string()).unwrap_or_default(),
                    reason: reason.into_iter().flatten().collect::<Vec<_>>().join(": "),
                })
            })
            .collect())
    }
}

fn description(target: &SocketAddr) -> TargetDescription {
    TargetDescription::builder().id(target.ip().to_string()).port(target.port().into()).build()
}
