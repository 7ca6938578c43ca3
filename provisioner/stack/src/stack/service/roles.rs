//! What a service may do, and what ECS may do for it.

use std::collections::BTreeSet;

use engine::{Input, Node, Result};
use kinds::{InlinePolicy, LogGroup, Policy, Repository, Role, Secret};
use serde_json::{Value, json};

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

/// The ARN of the ECR repository that an image reference names, if it names one.
fn ecr_repository(reference: &str) -> Option<Input> {
    let (host, rest) = reference.split_once('/')?;
    let (account, host) = host.split_once(".dkr.ecr.")?;
    let (region, _) = host.split_once('.')?;
    let name = rest.split(['@', ':']).next()?;
    Some(format!("arn:aws:ecr:{region}:{account}:repository/{name}").into())
}
