//! One-off tasks: a migration before a deployment, a command with a service's environment.

use std::collections::BTreeMap;

use engine::{Class, Error, Result};
use kinds::Tags;
use serde_json::{Value, json};

use crate::Aws;
use crate::adapters::ecs::{self, list, tags_json, text};
use crate::error::refusal;
use crate::operations::tasks::{Standing, TaskFilter};

/// A task to run once.
#[derive(Clone, Debug, Default)]
pub struct RunTask {
    pub cluster: String,
    /// A revision's ARN, or `family:revision`.
    pub task_definition: String,
    /// Names this run and no other, in at most 36 characters: the token by which ECS knows a
    /// repetition, and `startedBy`, by which the task is found after a lost answer.
    pub token: String,
    /// As ECS takes it: [`crate::operations::services::ServiceView::network_configuration`].
    pub network_configuration: Value,
    /// As ECS takes it. Empty: on Fargate, on demand.
    pub capacity_provider_strategy: Vec<Value>,
    /// The service's, where it has one of its own.
    pub platform_version: Option<String>,
    pub overrides: Vec<Override>,
    pub tags: Tags,
}

/// What a container does otherwise than its definition says.
#[derive(Clone, Debug, Default)]
pub struct Override {
    pub container: String,
    /// `None`: the definition's.
    pub command: Option<Vec<String>>,
    /// In addition to the definition's.
    pub environment: BTreeMap<String, String>,
}

impl Aws {
    /// Starts a task and returns its ARN. May be repeated with the same token.
    ///
    /// # Errors
    /// What ECS gives as the reason not to start it: [`Class::Transient`] while Fargate has no
    /// capacity, [`Class::Quota`] when the account's vCPUs are used up. [`Class::Lost`] when no
    /// answer came and no such task is there.
    pub async fn run_task(&self, task: &RunTask) -> Result<String> {
        let (clients, body) = (self.write()?, body(task));
        let answer = ecs::call("ecs:RunTask", &body, |json| {
            clients.ecs.run_task().customize().interceptor(json).send()
        });
        match answer.await {
            Ok(answer) => started(&answer),
            Err(e) if e.is(Class::Lost) => self.started_task(task).await?.ok_or(e),
            Err(e) => Err(e),
        }
    }

    /// The task that an unanswered call may have started.
    async fn started_task(&self, task: &RunTask) -> Result<Option<String>> {
        let (definition, cluster) = (task.task_definition.as_str(), task.cluster.as_str());
        let family = definition.rsplit('/').next().unwrap_or_default();
        let family = family.split(':').next().unwrap_or_default();
        for standing in [Standing::Running, Standing::Stopped] {
            let arns = self.task_arns(cluster, TaskFilter::Family(family), standing).await?;
            let found = self.describe_tasks(cluster, &arns).await?;
            let ours = found.into_iter().find(|t| t.started_by.as_deref() == Some(&task.token));
            if let Some(ours) = ours {
                return Ok(Some(ours.task_arn));
            }
        }
        Ok(None)
    }
}

fn body(task: &RunTask) -> Value {
    let overrides = task.overrides.iter().map(|o| {
        let environment = o.environment.iter().map(|(k, v)| json!({"name": k, "value": v}));
        let mut one = json!({"name": o.container, "environment": environment.collect::<Value>()});
        if let Some(command) = &o.command {
            one["command"] = json!(command);
        }
        one
    });
    let mut body = json!({
        "cluster": task.cluster,
        "taskDefinition": task.task_definition,
        "count": 1,
        "clientToken": task.token,
        "startedBy": task.token,
        "overrides": {"containerOverrides": overrides.collect::<Value>()},
        "tags": tags_json(task.tags.for_create(&task.token)),
    });
    if task.capacity_provider_strategy.is_empty() {
        body["launchType"] = "FARGATE".into();
    } else {
        body["capacityProviderStrategy"] = task.capacity_provider_strategy.clone().into();
    }
    if let Some(version) = &task.platform_version {
        body["platformVersion"] = version.as_str().into();
    }
    if !task.network_configuration.is_null() {
        body["networkConfiguration"] = task.network_configuration.clone();
    }
    body
}

/// RunTask answers with success, and with failures inside.
fn started(answer: &Value) -> Result<String> {
    if let Some(task) = list(answer, "tasks").first() {
        return Ok(text(task, "taskArn").into());
    }
    let Some(failure) = list(answer, "failures").first() else {
        return Err(Error::new(Class::Lost, "ecs:RunTask answered with neither task nor failure"));
    };
    let (reason, detail) = (text(failure, "reason"), text(failure, "detail"));
    let mut error = refusal("ecs:RunTask", Some(reason), Some(detail));
    error.class = class_of(reason);
    if detail.is_empty() {
        error.message = reason.into();
        error.code = None;
    }
    Err(error)
}

/// Source: "API failures messages" and "Service event messages" of the ECS developer guide.
fn class_of(reason: &str) -> Class {
    if reason.contains("number of vCPUs") || reason.contains("LIMIT") {
        Class::Quota
    } else if reason.contains("Capacity is unavailable") || reason.starts_with("RESOURCE:") {
        Class::Transient
    } else if reason == "MISSING" {
        Class::Absent
    } else {
        Class::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_inside_of_success_are_failures() {
        let failed =
            |reason: &str| started(&json!({"tasks": [], "failures": [{"reason": reason}]}));
        let quota = "You've reached the limit on the number of vCPUs you can run concurrently";
        assert!(failed(quota).unwrap_err().is(Class::Quota));
        let full = failed("Capacity is unavailable at this time.").unwrap_err();
        assert!(full.is(Class::Transient));
        assert_eq!(full.to_string(), "ecs:RunTask: Capacity is unavailable at this time.");
        assert!(failed("ACCESS_DENIED").unwrap_err().is(Class::Invalid));
        let made = json!({"tasks": [{"taskArn": "arn:task/1"}], "failures": []});
        assert_eq!(started(&made).unwrap(), "arn:task/1");
    }

    #[test]
    fn the_launch_type_gives_way_to_a_strategy() {
        let mut task = RunTask { token: "t".into(), ..RunTask::default() };
        assert_eq!(body(&task).get("platformVersion"), None);
        task.platform_version = Some("1.4.0".into());
        assert_eq!(body(&task)["platformVersion"], "1.4.0");
        assert_eq!(body(&task)["launchType"], "FARGATE");
        task.capacity_provider_strategy = vec![json!({"capacityProvider": "FARGATE_SPOT"})];
        assert_eq!(body(&task)["launchType"], Value::Null);
    }
}
