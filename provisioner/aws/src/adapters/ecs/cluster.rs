//! ECS clusters.

use aws_sdk_ecs::types::{self, ClusterField, ClusterSetting, ClusterSettingName};
use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::Cluster;
use kinds::compute::ClusterOutputs;

use crate::Aws;
use crate::adapters::ecs::{name_of, seen_tags, tag_list, text};
use crate::error::{error, gone};

/// How many clusters DescribeClusters takes.
const BATCH: usize = 100;
/// How many things a message names before it only counts them.
const NAMED: usize = 5;

impl Adapter<Cluster> for Aws {
    async fn observe(&self, which: Which<'_, Cluster>) -> Result<Vec<Seen<Cluster>>> {
        let names: Vec<String> = match &which {
            Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
            Which::Ours(owner) => {
                let ours = self.clusters_of(owner).await?;
                ours.into_iter().filter_map(|cluster| cluster.cluster_name).collect()
            }
            Which::Named(desired) => desired.iter().map(|cluster| cluster.name.clone()).collect(),
            Which::Lost(desired, _) => vec![desired.name.clone()],
        };
        Ok(self.describe_clusters(&names).await?.into_iter().filter_map(seen).collect())
    }

    async fn create(&self, desired: &Cluster, op: &Op) -> Result<Id> {
        self.write()?
            .ecs
            .create_cluster()
            .cluster_name(&desired.name)
            .settings(insights(desired))
            .set_capacity_providers(Some(desired.capacity_providers.iter().cloned().collect()))
            .set_tags(Some(tag_list(desired.tags.for_create(&op.id))))
            .send()
            .await
            .map_err(|e| error("ecs:CreateCluster", e))?;
        Ok(desired.name.as_str().into())
    }

    async fn update(&self, desired: &Cluster, seen: &Seen<Cluster>) -> Result<Id> {
        let name = seen.id.as_str();
        if desired.container_insights != seen.spec.container_insights {
            let call = self.write()?.ecs.update_cluster_settings().cluster(name);
            call.settings(insights(desired))
                .send()
                .await
                .map_err(|e| error("ecs:UpdateClusterSettings", e))?;
        }
        if desired.capacity_providers != seen.spec.capacity_providers {
            self.put_capacity_providers(desired).await?;
        }
        self.retag_ecs(seen.outputs.arn.get()?, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<Cluster>) -> Result<()> {
        let name = seen.id.as_str();
        match self.dependents_of_cluster(name).await {
            Ok(None) => {}
            Ok(Some(who)) => {
                return Err(Error::new(Class::Blocked, format!("cluster {name} still has {who}")));
            }
            Err(e) if e.is(Class::Absent) => return Ok(()),
            Err(e) => return Err(e),
        }
        let call = self.write()?.ecs.delete_cluster().cluster(name);
        gone(call.send().await.map_err(|e| error("ecs:DeleteCluster", e)).map(drop))
    }
}

fn insights(desired: &Cluster) -> ClusterSetting {
    ClusterSetting::builder()
        .name(ClusterSettingName::ContainerInsights)
        .value(&desired.container_insights)
        .build()
}

/// `None` for the tombstone that a deleted cluster leaves.
fn seen(cluster: types::Cluster) -> Option<Seen<Cluster>> {
    let ready = match cluster.status.as_deref().unwrap_or_default() {
        "INACTIVE" => return None,
        "ACTIVE" => match cluster.attachments_status.as_deref() {
            Some("UPDATE_IN_PROGRESS") => Ready::Wait("capacity providers are being set".into()),
            _ => Ready::Yes,
        },
        "DEPROVISIONING" => Ready::Leaving("deprovisioning".into()),
        "FAILED" => Ready::Never("the cluster's capacity could not be provisioned".into()),
        status => Ready::Wait(status.to_lowercase()),
    };
    let (owner, tags) = seen_tags(cluster.tags());
    let setting = cluster
        .settings()
        .iter()
        .find(|setting| setting.name == Some(ClusterSettingName::ContainerInsights));
    let container_insights =
        setting.and_then(ClusterSetting::value).unwrap_or("disabled").to_owned();
    let name = cluster.cluster_name.unwrap_or_default();
    Some(Seen {
        id: name.as_str().into(),
        owner,
        spec: Cluster {
            name: name.clone(),
            container_insights,
            capacity_providers: cluster
                .capacity_providers
                .unwrap_or_default()
                .into_iter()
                .collect(),
            tags,
        },
        outputs: ClusterOutputs {
            arn: cluster.cluster_arn.unwrap_or_default().into(),
            name: name.into(),
        },
        ready,
    })
}

impl Aws {
    /// Those that exist, whatever their state.
    async fn describe_clusters(&self, names: &[String]) -> Result<Vec<types::Cluster>> {
        let calls = names.chunks(BATCH).map(|names| {
            self.read()
                .ecs
                .describe_clusters()
                .set_clusters(Some(names.to_vec()))
                .include(ClusterField::Tags)
                .include(ClusterField::Settings)
                .include(ClusterField::Attachments)
                .send()
        });
        let found = try_join_all(calls).await.map_err(|e| error("ecs:DescribeClusters", e))?;
        Ok(found.into_iter().flat_map(|answer| answer.clusters.unwrap_or_default()).collect())
    }

    /// The active clusters of an environment.
    pub(super) async fn clusters_of(&self, owner: &Owner) -> Result<Vec<types::Cluster>> {
        let pages = self.read().ecs.list_clusters().into_paginator().items().send();
        let arns =
            pages.collect::<Result<Vec<_>, _>>().await.map_err(|e| error("ecs:ListClusters", e))?;
        let mut found = self.describe_clusters(&arns).await?;
        found.retain(|cluster| {
            seen_tags(cluster.tags()).0.is_some_and(|other| other.same_environment(owner))
        });
        Ok(found)
    }

    /// Sets the providers and keeps the default strategy, which the call would otherwise clear.
    async fn put_capacity_providers(&self, desired: &Cluster) -> Result<()> {
        let now = self.describe_clusters(std::slice::from_ref(&desired.name)).await?;
        let mut strategy = now
            .into_iter()
            .next()
            .and_then(|cluster| cluster.default_capacity_provider_strategy)
            .unwrap_or_default();
        strategy.retain(|item| desired.capacity_providers.contains(item.capacity_provider()));
        self.write()?
            .ecs
            .put_cluster_capacity_providers()
            .cluster(&desired.name)
            .set_capacity_providers(Some(desired.capacity_providers.iter().cloned().collect()))
            .set_default_capacity_provider_strategy(Some(strategy))
            .send()
            .await
            .map_err(|e| error("ecs:PutClusterCapacityProviders", e))?;
        Ok(())
    }

    /// Who keeps a cluster from being deleted.
    async fn dependents_of_cluster(&self, cluster: &str) -> Result<Option<String>> {
        let names = self.service_names(cluster).await?;
        let services = self.describe_services(cluster, &names).await?;
        let services: Vec<_> = services
            .iter()
            .filter(|service| text(service, "status") != "INACTIVE")
            .map(|service| text(service, "serviceName"))
            .collect();
        if !services.is_empty() {
            return Ok(Some(format!("the services {}", several(&services))));
        }
        let tasks = self.read().ecs.list_tasks().cluster(cluster).send().await;
        let tasks = tasks.map_err(|e| error("ecs:ListTasks", e))?;
        let tasks: Vec<_> = tasks.task_arns().iter().map(|arn| name_of(arn)).collect();
        Ok((!tasks.is_empty()).then(|| format!("the tasks {}", several(&tasks))))
    }
}

/// Some names, and how many more there are.
fn several(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
