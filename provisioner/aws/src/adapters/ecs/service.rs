//! Services: created, updated and read in ECS's own JSON. How far a deployment has come is judged in
//! [`rollout`].

mod deployment;
mod rollout;
mod settings;
mod stopped;

use std::collections::{BTreeMap, BTreeSet};

use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::Service;
use kinds::compute::ServiceOutputs;
use serde_json::{Map, Value, json};

use crate::Aws;
use crate::adapters::ecs::{self, list, name_of, seen_json, tags_json, text};
use crate::error::{error, gone};
use crate::observe::tags;

/// How many services DescribeServices takes.
const BATCH: usize = 10;

impl Adapter<Service> for Aws {
    async fn observe(&self, which: Which<'_, Service>) -> Result<Vec<Seen<Service>>> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        match &which {
            Which::Ids(ids) => {
                for (cluster, name) in ids.iter().filter_map(|id| id.0.split_once('/')) {
                    wanted.entry(cluster.into()).or_default().insert(name.into());
                }
            }
            Which::Named(desired) => {
                for service in *desired {
                    let cluster = service.cluster.get()?.into();
                    wanted.entry(cluster).or_default().insert(service.name.clone());
                }
            }
            Which::Lost(desired, _) => {
                let names = [desired.name.clone()].into();
                wanted.insert(desired.cluster.get()?.into(), names);
            }
            Which::Ours(owner) => wanted = self.services_of(owner).await?,
        }
        let found = try_join_all(wanted.iter().map(async |(cluster, names)| {
            let names: Vec<String> = names.iter().cloned().collect();
            self.describe_services(cluster, &names).await
        }))
        .await?;
        let seen = found.iter().flatten().map(|service| self.seen_service(service));
        let mut seen: Vec<_> = try_join_all(seen).await?.into_iter().flatten().collect();
        seen.retain(|seen| tags::is_asked_owner(&which, seen.owner.as_ref()));
        Ok(seen)
    }

    async fn create(&self, desired: &Service, op: &Op) -> Result<Id> {
        let cluster = desired.cluster.get()?;
        let mut body = desired.settings.clone();
        body.entry("desiredCount").or_insert_with(|| desired.initial_count.into());
        body.insert("cluster".into(), cluster.into());
        body.insert("serviceName".into(), desired.name.as_str().into());
        body.insert("clientToken".into(), op.id.as_str().into());
        body.insert("tags".into(), tags_json(desired.tags.for_create(&op.id)));
        let clients = self.write()?;
        let id = id(cluster, &desired.name);
        self.read_cache.unsettle(id.as_str());
        ecs::call("ecs:CreateService", &Value::Object(body), |json| {
            clients.ecs.create_service().customize().interceptor(json).send()
        })
        .await?;
        Ok(id)
    }

    /// Sends the fields that differ. One whose deployment failed is deployed again even when nothing
    /// differs: what was wrong may have been put right elsewhere.
    async fn update(&self, desired: &Service, seen: &Seen<Service>) -> Result<Id> {
        let mut body = settings::changes(&desired.settings, &seen.spec.settings)?;
        if matches!(seen.ready, Ready::Never(_)) {
            body.insert("forceNewDeployment".into(), true.into());
        }
        if !body.is_empty() {
            body.insert("cluster".into(), desired.cluster.get()?.into());
            body.insert("service".into(), desired.name.as_str().into());
            let clients = self.write()?;
            self.read_cache.unsettle(seen.id.as_str());
            ecs::call("ecs:UpdateService", &Value::Object(body), |json| {
                clients.ecs.update_service().customize().interceptor(json).send()
            })
            .await?;
        }
        self.retag_ecs(seen.outputs.arn.get()?, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    /// Takes the tasks with it; it drains for as long as its target group says.
    async fn delete(&self, seen: &Seen<Service>) -> Result<()> {
        if matches!(seen.ready, Ready::Leaving(_)) {
            return Ok(());
        }
        let call = self.write()?.ecs.delete_service().force(true);
        let call = call.cluster(seen.spec.cluster.get()?).service(&seen.spec.name);
        gone(call.send().await.map_err(|e| error("ecs:DeleteService", e)).map(drop))
    }
}

fn id(cluster: &str, name: &str) -> Id {
    format!("{cluster}/{name}").into()
}

impl Aws {
    /// `None` for the tombstone that a deleted service leaves.
    async fn seen_service(&self, service: &Value) -> Result<Option<Seen<Service>>> {
        if text(service, "status") == "INACTIVE" {
            return Ok(None);
        }
        let (cluster, name) = (name_of(text(service, "clusterArn")), text(service, "serviceName"));
        let (owner, tags) = seen_json(service);
        let id = id(cluster, name);
        Ok(Some(Seen {
            ready: self.rollout(id.as_str(), service).await?,
            id,
            owner,
            spec: Service {
                name: name.into(),
                cluster: cluster.into(),
                initial_count: 0,
                settings: settings::seen(service, self.is_emulated("ECS")),
                tags,
            },
            outputs: ServiceOutputs { arn: text(service, "serviceArn").into(), name: name.into() },
        }))
    }

    /// Services of one cluster, tombstones among them; those that are missing are left out.
    pub(crate) async fn describe_services(
        &self,
        cluster: &str,
        names: &[String],
    ) -> Result<Vec<Value>> {
        let calls = names.chunks(BATCH).map(async |names| {
            let body = json!({"cluster": cluster, "services": names, "include": ["TAGS"]});
            let answer = ecs::call("ecs:DescribeServices", &body, |json| {
                self.read().ecs.describe_services().customize().interceptor(json).send()
            });
            match answer.await {
                Err(e) if e.is(Class::Absent) => Ok(vec![]),
                Err(e) => Err(e),
                Ok(answer) => {
                    let refused = list(&answer, "failures")
                        .iter()
                        .find(|failure| text(failure, "reason") != "MISSING");
                    refused.map_or_else(
                        || Ok(list(&answer, "services").to_vec()),
                        |failure| Err(Error::other(format!("ecs:DescribeServices: {failure}"))),
                    )
                }
            }
        });
        Ok(try_join_all(calls).await?.into_iter().flatten().collect())
    }

    /// The names of a cluster's services.
    pub(super) async fn service_names(&self, cluster: &str) -> Result<Vec<String>> {
        let pages = self.read().ecs.list_services().cluster(cluster).max_results(100);
        let arns = pages
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("ecs:ListServices", e))?;
        Ok(arns.iter().map(|arn| name_of(arn).to_owned()).collect())
    }

    /// What runs in the clusters of an environment: services are never put into others' clusters.
    async fn services_of(&self, owner: &Owner) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let clusters = self.clusters_of(owner).await?;
        let names =
            clusters.into_iter().filter_map(|cluster| cluster.cluster_name).map(async |cluster| {
                let names = self.service_names(&cluster).await?.into_iter().collect();
                Ok::<_, Error>((cluster, names))
            });
        Ok(try_join_all(names).await?.into_iter().collect())
    }
}

/// An object's fields, for building request bodies.
type Fields = Map<String, Value>;
