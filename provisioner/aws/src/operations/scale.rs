//! The bounds between which a service's number of tasks is scaled, outside of the graph.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use engine::Result;
use serde::{Deserialize, Serialize};

use crate::Aws;
use crate::error::error;

/// How a service is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    pub min: u32,
    pub max: u32,
    /// Nobody adds or removes tasks but for the bounds.
    pub suspended: bool,
}

/// What to change about it; `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScalingChange {
    /// A service that has fewer tasks gets them at once.
    pub min: Option<u32>,
    /// A service that has more tasks loses them at once.
    pub max: Option<u32>,
    pub suspended: Option<bool>,
}

impl Aws {
    /// How a service is scaled; `None` when it is not.
    ///
    /// # Errors
    /// [`engine::Class::NotEmulated`] from an endpoint without Application Auto Scaling.
    pub async fn scaling(&self, cluster: &str, service: &str) -> Result<Option<Scaling>> {
        let found = self.list_scalable_targets(&[resource(cluster, service)]).await?;
        Ok(found.into_iter().next().map(|found| {
            let bound = |bound: i32| u32::try_from(bound).unwrap_or_default();
            let suspended = found.suspended_state.is_some_and(|state| {
                state.dynamic_scaling_in_suspended == Some(true)
                    && state.dynamic_scaling_out_suspended == Some(true)
            });
            Scaling { min: bound(found.min_capacity), max: bound(found.max_capacity), suspended }
        }))
    }

    /// Changes how a service is scaled.
    ///
    /// # Errors
    /// When it is not scaled at all and a bound is missing.
    pub async fn set_scaling(
        &self,
        cluster: &str,
        service: &str,
        change: ScalingChange,
    ) -> Result<()> {
        let bound = |bound: u32| i32::try_from(bound).unwrap_or(i32::MAX);
        let suspended = change.suspended.map(|suspended| {
            SuspendedState::builder()
                .dynamic_scaling_in_suspended(suspended)
                .dynamic_scaling_out_suspended(suspended)
                .scheduled_scaling_suspended(suspended)
                .build()
        });
        self.write()?
            .scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(resource(cluster, service))
            .set_min_capacity(change.min.map(bound))
            .set_max_capacity(change.max.map(bound))
            .set_suspended_state(suspended)
            .send()
            .await
            .map_err(|e| error("application-autoscaling:RegisterScalableTarget", e))?;
        Ok(())
    }
}

fn resource(cluster: &str, service: &str) -> String {
    format!("service/{cluster}/{service}")
}
