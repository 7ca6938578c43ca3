//! A service's desired count as something that may be scaled.

use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget as Found, ServiceNamespace,
};
use engine::{Adapter, Id, Op, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::ScalableTarget;
use kinds::scaling::ScalableTargetOutputs;

use super::{gone, is_of};
use crate::Aws;
use crate::error::error;

/// How many targets DescribeScalableTargets takes.
const BATCH: usize = 50;

impl Adapter<ScalableTarget> for Aws {
    async fn observe(&self, which: Which<'_, ScalableTarget>) -> Result<Vec<Seen<ScalableTarget>>> {
        let found = match &which {
            Which::Ids(ids) => {
                let resources: Vec<String> = ids.iter().map(|id| id.0.clone()).collect();
                self.scalable_targets(&resources).await?
            }
            Which::Named(desired) => {
                let resources: Vec<String> = desired.iter().map(resource).collect::<Result<_>>()?;
                self.scalable_targets(&resources).await?
            }
            Which::Lost(desired, _) => self.scalable_targets(&[resource(desired)?]).await?,
            Which::Ours(owner) => {
                let mut found = self.list_scalable_targets(&[]).await?;
                found.retain(|target| is_of(owner, &target.resource_id));
                found
            }
        };
        Ok(found.into_iter().filter_map(seen).collect())
    }

    async fn create(&self, desired: &ScalableTarget, _: &Op) -> Result<Id> {
        self.register_scalable_target(desired).await
    }

    async fn update(&self, desired: &ScalableTarget, _: &Seen<ScalableTarget>) -> Result<Id> {
        self.register_scalable_target(desired).await
    }

    async fn delete(&self, seen: &Seen<ScalableTarget>) -> Result<()> {
        let call = self.write()?.scaling.deregister_scalable_target();
        let call = call
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(seen.id.as_str());
        let operation = "application-autoscaling:DeregisterScalableTarget";
        gone(call.send().await.map_err(|e| error(operation, e)).map(drop))
    }
}

/// `service/<cluster>/<service>`.
fn resource(desired: &ScalableTarget) -> Result<String> {
    Ok(format!("service/{}/{}", desired.cluster.get()?, desired.service.get()?))
}

fn seen(found: Found) -> Option<Seen<ScalableTarget>> {
    let (cluster, service) = found.resource_id.strip_prefix("service/")?.split_once('/')?;
    let bound = |bound: i32| u32::try_from(bound).unwrap_or_default();
    Some(Seen {
        id: found.resource_id.as_str().into(),
        owner: None,
        spec: ScalableTarget {
            cluster: cluster.into(),
            service: service.into(),
            min: bound(found.min_capacity),
            max: bound(found.max_capacity),
        },
        outputs: ScalableTargetOutputs { resource: found.resource_id.into() },
        ready: Ready::Yes,
    })
}

impl Aws {
    /// RegisterScalableTarget creates and updates.
    async fn register_scalable_target(&self, desired: &ScalableTarget) -> Result<Id> {
        let resource = resource(desired)?;
        let bound = |bound: u32| i32::try_from(bound).unwrap_or(i32::MAX);
        self.write()?
            .scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(&resource)
            .min_capacity(bound(desired.min))
            .max_capacity(bound(desired.max))
            .send()
            .await
            .map_err(|e| error("application-autoscaling:RegisterScalableTarget", e))?;
        Ok(resource.into())
    }

    async fn scalable_targets(&self, resources: &[String]) -> Result<Vec<Found>> {
        let batches =
            resources.chunks(BATCH).map(|resources| self.list_scalable_targets(resources));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    /// Those of these names; all when there are none.
    pub(crate) async fn list_scalable_targets(&self, resources: &[String]) -> Result<Vec<Found>> {
        let call = self.read().scaling.describe_scalable_targets();
        let pages = call
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .set_resource_ids((!resources.is_empty()).then(|| resources.to_vec()))
            .into_paginator()
            .items()
            .send();
        let found = pages.collect::<Result<Vec<_>, _>>().await;
        found.map_err(|e| error("application-autoscaling:DescribeScalableTargets", e))
    }
}
