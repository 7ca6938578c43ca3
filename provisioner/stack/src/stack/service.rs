//! One service: where its images are, what it may do, how it runs, how many there are.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Error, Input, Node, Result};
use kinds::{
    Cluster, InlinePolicy, LogGroup, Policy, Repository, Role, ScalableTarget, ScalingPolicy,
    Secret, SecurityGroup, TaskDefinition,
};
use serde_json::{Map, Value, json};

use super::network::Network;
use super::traffic::Entrance;
use super::{Image, Stack};
use crate::environment::{Architecture, Service};

/// What the security groups need to know of a service.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) group: Node<SecurityGroup>,
    pub(super) node: Node<kinds::Service>,
    /// The port that the load balancer talks to.
    pub(super) routed_port: Option<u16>,
}

/// What a service is granted and made of, before it runs.
struct Parts<'a> {
    name: &'a str,
    service: &'a Service,
    image: Input,
    execution: Node<Role>,
    task_role: Option<Node<Role>>,
    logs: Node<LogGroup>,
    secrets: Vec<(&'a str, &'a Node<Secret>)>,
}

impl Stack<'_> {
    pub(super) fn service(
        &mut self,
        name: &str,
        network: &Network,
        entrance: Option<&Entrance>,
        cluster: &Node<Cluster>,
        secrets: &BTreeMap<String, Node<Secret>>,
    ) -> Result<Running> {
        let service = &self.environment.services[name];
        let repository = self.repository(name, service)?;
        let logs = self.log_group(name)?;
        let group = self.security_group(name, &format!("Tasks of {name}"), network)?;
        let used: Vec<(&str, &Node<Secret>)> = service
            .secrets
            .iter()
            .filter_map(|(variable, secret)| Some((variable.as_str(), secrets.get(secret)?)))
            .collect();
        let execution = self.execution_role(name, repository.as_ref(), &logs, &used)?;
        let parts = Parts {
            name,
            service,
            image: self.image(name, repository.as_ref())?,
            execution,
            task_role: self.task_role(name, service)?,
            logs,
            secrets: used,
        };
        let definition = self.task_definition(&parts)?;
        let target = entrance.and_then(|e| e.targets.iter().find(|(of, _)| of == name));
        let mut settings = json!({
            "taskDefinition": definition.arn,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": network.tasks,
                "securityGroups": [group.id],
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
        if let (Some((_, target)), Some(port)) = (target, service.port) {
            settings["loadBalancers"] = json!([
                {"targetGroupArn": target.arn, "containerName": name, "containerPort": port}
            ]);
            settings["healthCheckGracePeriodSeconds"] = json!(service.health.grace.0);
        }
        if !service.replicas.scales() {
            settings["desiredCount"] = json!(service.replicas.min);
        }
        let node = kinds::Service {
            name: name.into(),
            cluster: cluster.name.clone(),
            initial_count: u32::from(service.replicas.min),
            settings: merged(object(settings), &service.overrides.service),
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

    fn repository(&mut self, name: &str, service: &Service) -> Result<Option<Node<Repository>>> {
        if service.build.is_none() {
            return Ok(None);
        }
        let full = self.names.repository(name);
        // Untagged images are what failed pushes leave; tagged ones may be wanted for a rollback.
        let expiry = |priority: u32, status: &str, kind: &str, count: u32, extra: Value| {
            let mut selection =
                json!({"tagStatus": status, "countType": kind, "countNumber": count});
            if let (Some(selection), Value::Object(extra)) = (selection.as_object_mut(), extra) {
                selection.extend(extra);
            }
            json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
        };
        let repository = Repository {
            name: full.clone(),
            immutable_tags: true,
            scan_on_push: true,
            lifecycle: Policy::new(json!({"rules": [
                expiry(1, "untagged", "sinceImagePushed", 14, json!({"countUnit": "days"})),
                expiry(2, "any", "imageCountMoreThan", 100, json!({})),
            ]})),
            tags: self.tags::<Repository>(name, &full),
        };
        self.graph.add(name, &repository).map(Some)
    }

    fn image(&self, name: &str, repository: Option<&Node<Repository>>) -> Result<Input> {
        match (self.facts.images.get(name), repository) {
            (Some(Image::Reference(reference)), _) => Ok(reference.as_str().into()),
            (Some(Image::Built(digest)), Some(repository)) => {
                Ok(Input::join([repository.uri.clone(), format!("@{digest}").into()]))
            }
            (Some(Image::Tagged(tag)), Some(repository)) => {
                Ok(Input::join([repository.uri.clone(), format!(":{tag}").into()]))
            }
            _ => Err(Error::other(format!("the image of {name} is not known"))),
        }
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

    /// What ECS needs to start a task: pull, log, read the secrets.
    fn execution_role(
        &mut self,
        name: &str,
        repository: Option<&Node<Repository>>,
        logs: &Node<LogGroup>,
        secrets: &[(&str, &Node<Secret>)],
    ) -> Result<Node<Role>> {
        let mut statements = vec![allow(
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            [logs.arn.with_suffix(":*")],
        )];
        let pull =
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
        let foreign = self.facts.images.get(name).and_then(|image| match image {
            Image::Reference(reference) => ecr_repository(reference),
            Image::Built(_) | Image::Tagged(_) => None,
        });
        if let Some(arn) = repository.map(|r| r.arn.clone()).or(foreign) {
            statements.push(allow(&["ecr:GetAuthorizationToken"], [Input::from("*")]));
            statements.push(allow(&pull, [arn]));
        }
        let arns: BTreeSet<Input> = secrets.iter().map(|(_, secret)| secret.arn.clone()).collect();
        if !arns.is_empty() {
            statements.push(allow(&["secretsmanager:GetSecretValue"], arns));
        }
        self.role(name, "execution", &statements)
    }

    /// What the service itself may do; nothing, unless it says so.
    fn task_role(&mut self, name: &str, service: &Service) -> Result<Option<Node<Role>>> {
        if service.permissions.is_empty() {
            return Ok(None);
        }
        let statements = service.permissions.iter().map(|permission| {
            let actions: Vec<&str> = permission.actions.iter().map(String::as_str).collect();
            allow(&actions, permission.resources.iter().map(|arn| Input::from(arn.as_str())))
        });
        let statements: Vec<Value> = statements.collect();
        self.role(name, "task", &statements).map(Some)
    }

    fn role(&mut self, name: &str, purpose: &str, statements: &[Value]) -> Result<Node<Role>> {
        let full = self.names.role(name, purpose);
        let node = format!("{name}-{purpose}");
        let role = Role {
            name: full.clone(),
            description: format!("{purpose} role of {}", self.names.of(name)),
            trust: Policy::new(json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            }]})),
            managed: BTreeSet::new(),
            inline: vec![InlinePolicy {
                name: purpose.into(),
                document: Policy::new(json!({"Version": "2012-10-17", "Statement": statements})),
            }],
            tags: self.tags::<Role>(&node, &full),
        };
        self.graph.add(&node, &role)
    }

    fn task_definition(&mut self, parts: &Parts<'_>) -> Result<Node<TaskDefinition>> {
        let Parts { name, service, image, execution, task_role, logs, secrets } = parts;
        if let Some(pinned) = self.facts.pinned.get(*name) {
            return self.graph.add(name, pinned);
        }
        let mut settings = json!({
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": service.cpu.to_string(),
            "memory": service.memory.to_string(),
            "executionRoleArn": execution.arn,
            "runtimePlatform": {
                "operatingSystemFamily": "LINUX",
                "cpuArchitecture": match service.architecture {
                    Architecture::X86 => "X86_64",
                    Architecture::Arm64 => "ARM64",
                },
            },
        });
        if let Some(role) = task_role {
            settings["taskRoleArn"] = json!(role.arn);
        }
        let mut container = json!({
            "image": image,
            "essential": true,
            "environment": service.environment.iter()
                .map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            // The version is part of it: a changed secret makes a new revision and rolls the tasks.
            "secrets": secrets.iter().map(|(variable, secret)| json!({
                "name": variable,
                "valueFrom": Input::join([secret.arn.clone(), ":::".into(), secret.version.clone()]),
            })).collect::<Vec<_>>(),
            "stopTimeout": service.stop.0,
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": logs.name,
                "awslogs-region": self.environment.region,
                "awslogs-stream-prefix": name,
            }},
        });
        if let Some(port) = service.port {
            container["portMappings"] =
                json!([{"containerPort": port, "hostPort": port, "protocol": "tcp"}]);
        }
        if let Some(command) = &service.command {
            container["command"] = json!(command);
        }
        if let Some(command) = &service.health.command {
            let health = &service.health;
            let command: Vec<&str> =
                ["CMD"].into_iter().chain(command.iter().map(String::as_str)).collect();
            container["healthCheck"] = json!({
                "command": command,
                "interval": health.interval.0,
                "timeout": health.timeout.0,
                "retries": health.unhealthy,
                "startPeriod": health.grace.0.min(300),
            });
        }
        let container = merged(object(container), &service.overrides.container);
        let definition = TaskDefinition {
            family: self.names.of(name),
            settings: merged(object(settings), &service.overrides.task_definition),
            containers: BTreeMap::from([((*name).to_owned(), container)]),
            tags: self.tags::<TaskDefinition>(name, &self.names.of(name)),
        };
        self.graph.add(name, &definition)
    }

    fn scaling(
        &mut self,
        name: &str,
        service: &Service,
        cluster: &Node<Cluster>,
        node: &Node<kinds::Service>,
    ) -> Result<()> {
        let target = ScalableTarget {
            cluster: cluster.name.clone(),
            service: node.name.clone(),
            min: u32::from(service.replicas.min),
            max: u32::from(service.replicas.max),
        };
        let target = self.graph.add(name, &target)?;
        let policy = ScalingPolicy {
            target: target.resource.clone(),
            name: "cpu".into(),
            metric: "ECSServiceAverageCPUUtilization".into(),
            value: f64::from(service.replicas.cpu),
            scale_in_cooldown: 300,
            scale_out_cooldown: 60,
        };
        self.graph.add(name, &policy).map(drop)
    }
}

/// The full name of a secret: `payments/prod/database-url`.
#[must_use]
pub fn secret_name(project: &str, environment: &str, secret: &str) -> String {
    format!("{project}/{environment}/{secret}")
}

fn allow(actions: &[&str], resources: impl IntoIterator<Item = Input>) -> Value {
    let resources: Vec<Input> = resources.into_iter().collect();
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

/// The ARN of the ECR repository that an image reference names, if it names one.
fn ecr_repository(reference: &str) -> Option<Input> {
    let (host, rest) = reference.split_once('/')?;
    let (account, host) = host.split_once(".dkr.ecr.")?;
    let (region, _) = host.split_once('.')?;
    let name = rest.split(['@', ':']).next()?;
    Some(format!("arn:aws:ecr:{region}:{account}:repository/{name}").into())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Lays the user's fields over ours; objects are merged, everything else is replaced.
fn merged(mut ours: Map<String, Value>, theirs: &BTreeMap<String, Value>) -> Map<String, Value> {
    fn lay(under: &mut Value, over: &Value) {
        match (under, over) {
            (Value::Object(under), Value::Object(over)) => {
                for (key, value) in over {
                    lay(under.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
            (under, over) => *under = over.clone(),
        }
    }
    for (key, value) in theirs {
        lay(ours.entry(key.clone()).or_insert(Value::Null), value);
    }
    ours
}
