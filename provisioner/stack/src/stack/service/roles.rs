//! What a service may do, and what ECS may do for it.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Input, Node, Result};
use kinds::partition;
use kinds::{InlinePolicy, LogGroup, Policy, Repository, Role};
use serde_json::{Value, json};

use super::needs;
use crate::ecr;
use crate::environment::Service;
use crate::stack::secrets::Used;
use crate::stack::{Image, Stack};

/// Who assumes the roles of tasks, in every partition.
const TASKS: &str = "ecs-tasks.amazonaws.com";

impl Stack<'_> {
    /// The partition of ARNs here.
    fn partition(&self) -> &str {
        let region = &self.environment.region;
        self.facts.partition.as_deref().unwrap_or_else(|| partition::of_region(region))
    }

    /// What ECS needs to start a task: pull, log, read the secrets.
    pub(super) fn execution_role(
        &mut self,
        name: &str,
        service: &Service,
        repository: Option<&Node<Repository>>,
        logs: &Node<LogGroup>,
        secrets: &Used<'_>,
    ) -> Result<Node<Role>> {
        let mut statements = vec![allow(
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            [logs.arn.with_suffix(":*")],
        )];
        let pull =
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
        let named = self.facts.images.get(name).and_then(Image::reference);
        let foreign = named.as_deref().and_then(ecr::Registry::of_reference);
        // Also for images from elsewhere: GuardDuty's Runtime Monitoring adds its agent to every task. Whose
        // account its repository is in differs by Region; its name does not (GuardDuty user guide,
        // "Prerequisites for AWS Fargate" and "Hosting GuardDuty agent on Amazon ECR").
        let agent = format!(
            "arn:{}:ecr:{}:*:repository/aws-guardduty-agent-fargate",
            self.partition(),
            self.environment.region
        );
        statements.push(allow(&["ecr:GetAuthorizationToken"], [Input::from("*")]));
        statements.push(allow(&pull, [Input::from(agent)]));
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
        let mut reads: BTreeMap<&str, BTreeSet<Input>> = BTreeMap::new();
        for (action, resource) in secrets.iter().flat_map(|(.., source)| source.grants()) {
            reads.entry(action).or_default().insert(resource);
        }
        statements.extend(reads.into_iter().map(|(action, on)| allow(&[action], on)));
        let needs = needs::to_start(service).into_iter();
        statements.extend(needs.map(|(actions, on)| allow(actions, on)));
        let trust = json!({
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": TASKS},
        });
        self.role(name, "execution", trust, &statements, BTreeSet::new())
    }

    /// The ARN of the role that the service itself has; none, unless it says what it may do or an override needs it.
    pub(super) fn task_role(&mut self, name: &str, service: &Service) -> Result<Option<Input>> {
        if let Some(role) = &service.role {
            return Ok(Some(role.as_str().into()));
        }
        let needs = needs::to_run(service, self.partition(), &self.environment.region);
        if service.permissions.is_empty() && needs.is_empty() {
            return Ok(None);
        }
        let own = service.permissions.iter().filter(|permission| permission.policy.is_none());
        let statements = own.map(|permission| {
            let actions: Vec<&str> = permission.actions.iter().map(String::as_str).collect();
            allow(&actions, permission.resources.iter().map(|arn| Input::from(arn.as_str())))
        });
        let needs = needs.into_iter().map(|(actions, on)| allow(actions, on));
        let statements: Vec<Value> = statements.chain(needs).collect();
        let managed = service.permissions.iter().filter_map(|permission| permission.policy.clone());
        let trust = self.task_trust();
        let role = self.role(name, "task", trust, &statements, managed.collect())?;
        Ok(Some(role.arn.clone()))
    }

    /// Trusts ECS for this account's tasks only, against the confused deputy (ECS developer guide, "Amazon
    /// ECS task IAM role", which has both conditions for task roles, and none for execution roles).
    fn task_trust(&self) -> Value {
        let mut trust = json!({
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": TASKS},
        });
        if let Some(account) = &self.facts.account {
            let source =
                format!("arn:{}:ecs:{}:{account}:*", self.partition(), self.environment.region);
            trust["Condition"] = json!({
                "ArnLike": {"aws:SourceArn": source},
                "StringEquals": {"aws:SourceAccount": account},
            });
        }
        trust
    }

    fn role(
        &mut self,
        name: &str,
        purpose: &str,
        trust: Value,
        statements: &[Value],
        managed: BTreeSet<String>,
    ) -> Result<Node<Role>> {
        let full = self.names.role(name, purpose);
        let node = format!("{name}-{purpose}");
        // IAM takes no document without a statement.
        let inline = (!statements.is_empty()).then(|| InlinePolicy {
            name: purpose.into(),
            document: Policy::new(json!({"Version": "2012-10-17", "Statement": statements})),
        });
        let role = Role {
            name: full.clone(),
            description: format!("{purpose} role of {}", self.names.of(name)),
            path: self.environment.iam.path.clone(),
            boundary: self.environment.iam.boundary.clone(),
            trust: Policy::new(json!({"Version": "2012-10-17", "Statement": [trust]})),
            managed,
            inline: inline.into_iter().collect(),
            tags: self.tags::<Role>(&node, &full),
        };
        self.graph.add(&node, &role)
    }
}

fn allow(actions: &[&str], resources: impl IntoIterator<Item = Input>) -> Value {
    let resources: Vec<Input> = resources.into_iter().collect();
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}
