//! Target-tracking policies.

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension,
    ScalingPolicy as Found, ServiceNamespace, TargetTrackingScalingPolicyConfiguration,
};
use engine::{Adapter, Error, Id, Op, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::ScalingPolicy;
use kinds::scaling::ScalingPolicyOutputs;

use super::{gone, is_of};
use crate::Aws;
use crate::error::error;

/// How many policies DescribeScalingPolicies takes.
const BATCH: usize = 50;

impl Adapter<ScalingPolicy> for Aws {
    async fn observe(&self, which: Which<'_, ScalingPolicy>) -> Result<Vec<Seen<ScalingPolicy>>> {
        let wanted: BTreeSet<String> = match &which {
            Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
            Which::Named(desired) => desired.iter().map(id).collect::<Result<_>>()?,
            Which::Lost(desired, _) => [id(desired)?].into(),
            Which::Ours(owner) => {
                let found = self.list_scaling_policies(&[]).await?;
                let ours = |found: &Found| is_of(owner, &found.resource_id);
                return Ok(found.into_iter().filter(ours).map(seen).collect());
            }
        };
        // By name, whatever they belong to: one call for all services' policies.
        let names: BTreeSet<&str> =
            wanted.iter().filter_map(|id| Some(id.rsplit_once('/')?.1)).collect();
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let batches = names.chunks(BATCH).map(|names| self.list_scaling_policies(names));
        let found = try_join_all(batches).await?.into_iter().flatten().map(seen);
        Ok(found.filter(|seen| wanted.contains(seen.id.as_str())).collect())
    }

    async fn create(&self, desired: &ScalingPolicy, _: &Op) -> Result<Id> {
        self.put_scaling_policy(desired).await
    }

    async fn update(&self, desired: &ScalingPolicy, _: &Seen<ScalingPolicy>) -> Result<Id> {
        self.put_scaling_policy(desired).await
    }

    /// Its alarms go with it.
    async fn delete(&self, seen: &Seen<ScalingPolicy>) -> Result<()> {
        let call = self.write()?.scaling.delete_scaling_policy();
        let call = call
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(seen.spec.target.get()?)
            .policy_name(&seen.spec.name);
        let operation = "application-autoscaling:DeleteScalingPolicy";
        gone(call.send().await.map_err(|e| error(operation, e)).map(drop))
    }
}

/// `service/<cluster>/<service>/<policy>`.
fn id(desired: &ScalingPolicy) -> Result<String> {
    Ok(format!("{}/{}", desired.target.get()?, desired.name))
}

/// One that tracks no predefined metric is seen without a metric, which is never desired.
fn seen(found: Found) -> Seen<ScalingPolicy> {
    let tracking = found.target_tracking_scaling_policy_configuration.as_ref();
    let metric = tracking.and_then(|tracking| tracking.predefined_metric_specification.as_ref());
    let cooldown = |seconds: Option<i32>| seconds.and_then(|s| s.try_into().ok()).unwrap_or(300);
    let spec = ScalingPolicy {
        target: found.resource_id.as_str().into(),
        metric: metric.map(|m| m.predefined_metric_type.to_string()).unwrap_or_default(),
        value: tracking.map(|tracking| tracking.target_value).unwrap_or_default(),
        scale_in_cooldown: cooldown(tracking.and_then(|t| t.scale_in_cooldown)),
        scale_out_cooldown: cooldown(tracking.and_then(|t| t.scale_out_cooldown)),
        name: found.policy_name,
    };
    Seen {
        id: format!("{}/{}", found.resource_id, spec.name).into(),
        owner: None,
        spec,
        outputs: ScalingPolicyOutputs { arn: found.policy_arn.into() },
        ready: Ready::Yes,
    }
}

impl Aws {
    /// PutScalingPolicy creates and updates.
    async fn put_scaling_policy(&self, desired: &ScalingPolicy) -> Result<Id> {
        let seconds = |seconds: u32| i32::try_from(seconds).unwrap_or(i32::MAX);
        let wrong = |e| Error::other(format!("scaling policy {}: {e}", desired.name));
        let metric = PredefinedMetricSpecification::builder()
            .predefined_metric_type(MetricType::from(desired.metric.as_str()))
            .build()
            .map_err(wrong)?;
        let tracking = TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(desired.value)
            .predefined_metric_specification(metric)
            .scale_in_cooldown(seconds(desired.scale_in_cooldown))
            .scale_out_cooldown(seconds(desired.scale_out_cooldown))
            .build()
            .map_err(wrong)?;
        self.write()?
            .scaling
            .put_scaling_policy()
            .policy_name(&desired.name)
            .policy_type(PolicyType::TargetTrackingScaling)
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(desired.target.get()?)
            .target_tracking_scaling_policy_configuration(tracking)
            .send()
            .await
            .map_err(|e| error("application-autoscaling:PutScalingPolicy", e))?;
        Ok(id(desired)?.into())
    }

    /// Those of these names, of any service; all when there are none.
    async fn list_scaling_policies(&self, names: &[String]) -> Result<Vec<Found>> {
        let call = self.read().scaling.describe_scaling_policies();
        let pages = call
            .service_namespace(ServiceNamespace::Ecs)
            .set_policy_names((!names.is_empty()).then(|| names.to_vec()))
            .into_paginator()
            .items()
            .send();
        let found = pages.collect::<Result<Vec<_>, _>>().await;
        found.map_err(|e| error("application-autoscaling:DescribeScalingPolicies", e))
    }
}
