//! One service: where its images are, what it may do, how it runs, how many there are.

mod images;
mod needs;
mod overrides;
mod roles;
mod scaling;
mod task_definition;

use std::collections::BTreeMap;

use engine::{Input, Node, Result};
use kinds::{Cluster, LogGroup, SecurityGroup, TargetGroup};
use serde_json::{Map, Value, json};

use super::Stack;
use super::network::Network;
use super::secrets::Source;
use super::traffic::Entrance;
use overrides::overridden;
use task_definition::Parts;

/// What the security groups need to know of a service.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) group: Node<SecurityGroup>,
    pub(super) node: Node<kinds::Service>,
    /// The port that the load balancer talks to.
    pub(super) routed_port: Option<u16>,
}

impl Stack<'_> {
    pub(super) fn service(
        &mut self,
        name: &str,
        network: &Network,
        entrance: Option<&Entrance>,
        cluster: &Node<Cluster>,
        secrets: &BTreeMap<String, Source>,
    ) -> Result<Running> {
        let service = &self.environment.services[name];
        let repository = self.repository(name, service)?;
        let logs = self.log_group(name)?;
        let group = self.security_group(name, &format!("Tasks of {name}"), network)?;
        let used: Vec<(&str, &str, &Source)> = service
            .secrets
            .iter()
            .filter_map(|(variable, name)| {
                Some((variable.as_str(), name.as_str(), secrets.get(name)?))
            })
            .collect();
        let execution = self.execution_role(name, service, repository.as_ref(), &logs, &used)?;
        let parts = Parts {
            name,
            service,
            image: self.image(name, repository.as_ref())?,
            execution,
            task_role: self.task_role(name, service)?,
            logs,
            secrets: &used,
        };
        let definition = self.task_definition(&parts)?;
        let target = entrance.and_then(|entrance| entrance.targets.get(name));
        let node = kinds::Service {
            name: name.into(),
            cluster: cluster.name.clone(),
            initial_count: u32::from(service.replicas.min),
            settings: self.settings(name, &definition.arn, &group.id, network, target),
            tags: self.tags::<kinds::Service>(name, &self.names.of(name)),
        };
        let node = self.graph.add(name, &node)?;
        for table in &network.ways_out {
            self.graph.after(&node, table);
        }
        if let (Some(entrance), Some(_)) = (entrance, target) {
            // ECS refuses a target group that no listener leads to.
            self.graph.after(&node, &entrance.rules);
        }
        if service.replicas.scales() {
            self.scaling(name, service, cluster, &node)?;
        }
        let routed_port = target.and(service.port);
        Ok(Running { name: name.into(), group, node, routed_port })
    }

    /// What ECS is told of the service: what runs, where, behind what, and how it is replaced.
    fn settings(
        &self,
        name: &str,
        definition: &Input,
        group: &Input,
        network: &Network,
        target: Option<&Node<TargetGroup>>,
    ) -> Map<String, Value> {
        let service = &self.environment.services[name];
        let mut settings = json!({
            "taskDefinition": definition,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": network.tasks,
                "securityGroups": [group],
                "assignPublicIp": if self.environment.network.public_tasks() { "ENABLED" } else { "DISABLED" },
            }},
            "deploymentConfiguration": {
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            },
            "enableECSManagedTags": true,
            "propagateTags": "SERVICE",
        });
        if let (Some(target), Some(port)) = (target, service.port) {
            settings["loadBalancers"] = json!([
                {"targetGroupArn": target.arn, "containerName": name, "containerPort": port}
            ]);
            settings["healthCheckGracePeriodSeconds"] = json!(service.health.grace.0);
        }
        if !service.replicas.scales() {
            settings["desiredCount"] = json!(service.replicas.min);
        }
        let mut settings = overridden(settings, &service.overrides.service);
        // ECS enables it for new services, and refuses it where no task may come before another goes (ECS Developer
        // Guide, "Balancing an Amazon ECS service across Availability Zones").
        let most = settings["deploymentConfiguration"]["maximumPercent"].as_u64();
        if most.is_some_and(|most| most <= 100) {
            settings.entry("availabilityZoneRebalancing").or_insert_with(|| "DISABLED".into());
        }
        settings
    }

    fn log_group(&mut self, name: &str) -> Result<Node<LogGroup>> {
        let full = self.names.log_group(name);
        let group = LogGroup {
            name: full.clone(),
            retention: u32::from(self.environment.logs.retention),
            tags: self.tags::<LogGroup>(name, &full),
        };
        self.graph.add(name, &group)
    }
}
