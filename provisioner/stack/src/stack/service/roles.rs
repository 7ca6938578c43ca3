//! What a service may do, and what ECS may do for it.

use std::collections::BTreeSet;

use engine::{Input, Node, Result};
use kinds::{InlinePolicy, LogGroup, Policy, Repository, Role, Secret};
use serde_json::{Value, json};

use crate::ecr;
use crate::environment::Service;
use crate::stack::{Image, Stack};

impl Stack<'_> {
    /// What ECS needs to start a task: pull, log, read the secrets.
    pub(super) fn execution_role(
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
        let named = self.facts.images.get(name).and_then(Image::reference);
        let foreign = named.as_deref().and_then(ecr::Registry::of_reference);
        if repository.is_some() || foreign.is_some() {
            statements.push(allow(&["ecr:GetAuthorizationToken"], [Input::from("*")]));
        }
        if let Some(repository) = repository {
            statements.push(allow(&pull, [repository.arn.clone()]));
        }
        if let Some((registry, name)) = foreign {
            // The repository may be one of a pull through cache: who pulls what is not there yet fetches
            // it and makes the repository (ECR user guide, "IAM permissions required to sync an upstream
            // registry with an Amazon ECR private registry").
            let fetch = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"];
            let arn = Input::from(registry.repository_arn(name));
            statements.push(allow(&[&pull[..], &fetch].concat(), [arn]));
        }
        let arns: BTreeSet<Input> = secrets.iter().map(|(_, secret)| secret.arn.clone()).collect();
        if !arns.is_empty() {
            statements.push(allow(&["secretsmanager:GetSecretValue"], arns));
        }
        self.role(name, "execution", &statements)
    }

    /// What the service itself may do; nothing, unless it says so.
    pub(super) fn task_role(
        &mut self,
        name: &str,
        service: &Service,
    ) -> Result<Option<Node<Role>>> {
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
}

fn allow(actions: &[&str], resources: impl IntoIterator<Item = Input>) -> Value {
    let resources: Vec<Input> = resources.into_iter().collect();
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}
