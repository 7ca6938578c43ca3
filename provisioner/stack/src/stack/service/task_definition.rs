//! What a task is: its size, its container, and what the container is given.

use std::collections::BTreeMap;

use engine::{Input, Node, Result};
use kinds::{LogGroup, Role, TaskDefinition};
use serde_json::{Value, json};

use super::overrides::overridden;
use crate::environment::{Architecture, Delivery, Service};
use crate::stack::Stack;
use crate::stack::secrets::{self, Used};

/// What a service is granted and made of, before it runs.
pub(super) struct Parts<'a> {
    pub(super) name: &'a str,
    pub(super) service: &'a Service,
    pub(super) image: Input,
    pub(super) execution: Node<Role>,
    pub(super) task_role: Option<Input>,
    pub(super) logs: Node<LogGroup>,
    pub(super) secrets: &'a Used<'a>,
}

impl Stack<'_> {
    /// The options of the `awslogs` driver (ECS API reference, LogConfiguration).
    fn log_options(&self, name: &str, group: &Node<LogGroup>) -> Value {
        let logs = &self.environment.logs;
        let mut options = json!({
            "awslogs-group": group.name,
            "awslogs-region": self.environment.region,
            "awslogs-stream-prefix": name,
            "mode": logs.mode.name(),
        });
        if logs.mode == Delivery::NonBlocking {
            options["max-buffer-size"] = json!(logs.buffer);
        }
        if let Some(pattern) = &logs.multiline {
            options["awslogs-multiline-pattern"] = json!(pattern);
        }
        options
    }

    pub(super) fn task_definition(&mut self, parts: &Parts<'_>) -> Result<Node<TaskDefinition>> {
        let Parts { name, service, image, execution, task_role, logs, secrets } = parts;
        if let Some(pinned) = self.facts.pinned.get(*name) {
            let mut pinned = pinned.clone();
            secrets::renew(&mut pinned, secrets);
            return self.graph.add(name, &pinned);
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
            settings["taskRoleArn"] = json!(role);
        }
        let mut container = json!({
            "image": image,
            "essential": true,
            "environment": service.environment.iter()
                .map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            "secrets": secrets::entries(secrets),
            "stopTimeout": service.stop.0,
            "logConfiguration": {"logDriver": "awslogs", "options": self.log_options(name, logs)},
        });
        if !secrets.is_empty() {
            container["dockerLabels"] = secrets::labels(secrets).into();
        }
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
        let container = overridden(container, &service.overrides.container);
        let definition = TaskDefinition {
            family: self.names.of(name),
            settings: overridden(settings, &service.overrides.task_definition),
            containers: BTreeMap::from([((*name).to_owned(), container)]),
            tags: self.tags::<TaskDefinition>(name, &self.names.of(name)),
        };
        self.graph.add(name, &definition)
    }
}
