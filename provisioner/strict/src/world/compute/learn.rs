//! What a successful ECS call changes.

use serde_json::Value;

use super::{Cluster, Compute, Deployment, Service, cluster_name, fargate_units, tail};
use crate::wire::Request;
use crate::world::Chance;
use crate::world::durations::{IAM_PROPAGATION, STALE, TASK_STOP, TASK_UNSEEN, TASKS_START};
use crate::world::identity::Identity;
use crate::world::traffic::Traffic;
use crate::world::value::{list, number, text, texts};

impl Compute {
    pub(crate) fn learn(
        &mut self,
        request: &Request,
        answer: &Value,
        traffic: &Traffic,
        identity: &Identity,
        chance: Chance,
        now: f64,
    ) {
        let p = &request.parameters;
        match request.operation.as_str() {
            "CreateCluster" => {
                let json = answer["cluster"].clone();
                self.clusters
                    .insert(text(&json, "clusterName").to_owned(), Cluster { json, deleted: None });
            }
            "DeleteCluster" => {
                if let Some(cluster) = self.clusters.get_mut(&cluster_name(p)) {
                    cluster.deleted = Some(now);
                }
            }
            "RegisterTaskDefinition" => {
                let definition = answer["taskDefinition"].clone();
                self.definitions
                    .insert(text(&definition, "taskDefinitionArn").to_owned(), definition);
            }
            "CreateService" => {
                let service = self.created(p, answer, identity, now);
                self.services.insert((cluster_name(p), text(p, "serviceName").to_owned()), service);
            }
            "UpdateService" => {
                let key = (cluster_name(p), tail(text(p, "service")).to_owned());
                let units = self.definition(text(p, "taskDefinition")).map(fargate_units);
                let lag = self.lag(request, chance);
                if let Some(service) = self.services.get_mut(&key) {
                    service.behind = (lag > 0.0).then(|| (service.settled(), now + lag));
                    service.update(p, answer, traffic, now);
                    service.cpu = units.unwrap_or(service.cpu);
                }
            }
            "RunTask" => {
                let lag = self.lag(request, chance).max(TASK_UNSEEN);
                let arns = list(answer, "tasks").iter().map(|task| text(task, "taskArn"));
                self.young.extend(arns.map(|arn| (arn.to_owned(), now + lag)));
            }
            "DeleteService" => {
                let key = (cluster_name(p), tail(text(p, "service")).to_owned());
                if let Some(service) = self.services.get_mut(&key)
                    && service.deleted.is_none()
                {
                    let until = now + traffic.deregistration(&service.target_groups) + TASK_STOP;
                    if service.desired > 0 {
                        service.stopping.push((service.desired, until));
                    }
                    service.desired = 0;
                    service.deleted = Some(now);
                }
            }
            _ => {}
        }
    }

    /// For how long reads do not know of a call.
    fn lag(&mut self, request: &Request, chance: Chance) -> f64 {
        self.drawn += 1;
        if chance.seed.draw(&request.name(), self.drawn) < chance.stale { STALE } else { 0.0 }
    }

    fn created(&self, p: &Value, answer: &Value, identity: &Identity, now: f64) -> Service {
        let definition = self.definition(text(p, "taskDefinition"));
        let roles = self.roles(text(p, "taskDefinition"));
        let unassumable = roles.into_iter().find(|arn| identity.fresh(arn, now));
        let wait = if unassumable.is_some() { IAM_PROPAGATION } else { 0.0 };
        let running = now + wait + TASKS_START;
        let network = awsvpc(p);
        Service {
            json: answer["service"].clone(),
            desired: number(p, "desiredCount").unwrap_or(1),
            deployment: Deployment {
                before: 0,
                old: None,
                running,
                complete: running,
                broken: None,
            },
            deleted: None,
            stopping: Vec::new(),
            target_groups: target_groups(p),
            subnets: texts(&network, "subnets"),
            groups: texts(&network, "securityGroups").into_iter().collect(),
            public: text(&network, "assignPublicIp") == "ENABLED",
            cpu: definition.map_or(0, fargate_units),
            unassumable,
            behind: None,
        }
    }
}

impl Service {
    /// As it was described when its last rollout was over.
    fn settled(&self) -> Value {
        let mut json = self.json.clone();
        json["runningCount"] = self.desired.into();
        json["pendingCount"] = 0.into();
        if let Some(deployments) = json.get_mut("deployments").and_then(Value::as_array_mut) {
            deployments.truncate(1);
            for one in deployments {
                one["rolloutState"] = "COMPLETED".into();
                one["rolloutStateReason"] = "ECS deployment completed.".into();
                one["runningCount"] = self.desired.into();
                one["pendingCount"] = 0.into();
            }
        }
        json
    }

    fn update(&mut self, p: &Value, answer: &Value, traffic: &Traffic, now: f64) {
        let before = self.desired;
        let desired = number(p, "desiredCount").unwrap_or(before);
        let leave = now + traffic.deregistration(&self.target_groups) + TASK_STOP;
        if desired < before {
            self.stopping.push((before - desired, leave));
        }
        let starts = [
            "taskDefinition",
            "networkConfiguration",
            "loadBalancers",
            "serviceRegistries",
            "serviceConnectConfiguration",
        ];
        let rollout =
            starts.iter().any(|k| p.get(k).is_some_and(|v| !v.is_null() && *v != self.json[*k]))
                || p.get("forceNewDeployment").and_then(Value::as_bool) == Some(true);
        let running = now + TASKS_START;
        if rollout {
            let complete = running + traffic.deregistration(&self.target_groups) + TASK_STOP;
            self.stopping.push((before.min(desired), complete));
            let old = Some(text(&self.json, "taskDefinition").to_owned());
            self.deployment = Deployment {
                before,
                old,
                running,
                complete: if before > 0 { complete } else { running },
                broken: None,
            };
        } else if desired > before {
            self.deployment =
                Deployment { before, old: None, running, complete: running, broken: None };
        }
        self.desired = desired;
        self.json = answer["service"].clone();
        let network = awsvpc(p);
        if !network.is_null() {
            self.subnets = texts(&network, "subnets");
            self.groups = texts(&network, "securityGroups").into_iter().collect();
            self.public = text(&network, "assignPublicIp") == "ENABLED";
        }
        if p.get("loadBalancers").is_some() {
            self.target_groups = target_groups(p);
        }
    }
}

fn awsvpc(p: &Value) -> Value {
    p.pointer("/networkConfiguration/awsvpcConfiguration").cloned().unwrap_or(Value::Null)
}

pub(super) fn target_groups(p: &Value) -> std::collections::BTreeSet<String> {
    list(p, "loadBalancers")
        .iter()
        .map(|l| text(l, "targetGroupArn").to_owned())
        .filter(|g| !g.is_empty())
        .collect()
}
