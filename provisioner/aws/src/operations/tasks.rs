//! Tasks: what runs, what ran, and why it does not any more. ECS keeps stopped ones for about an hour.

use std::cmp::Reverse;

use engine::{Class, Error, Result};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Aws;
use crate::adapters::ecs::{self, list, name_of};
use crate::error::error;
use crate::observe::moment;

/// How many tasks DescribeTasks takes.
const BATCH: usize = 100;

/// A task. Reads ECS's own JSON, so that recorded answers of DescribeTasks are fixtures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    pub task_arn: String,
    pub task_definition_arn: String,
    /// `PROVISIONING`, `PENDING`, `ACTIVATING`, `RUNNING`, `DEACTIVATING`, `STOPPING`,
    /// `DEPROVISIONING` or `STOPPED`.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub health_status: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `ServiceSchedulerInitiated`, `UserInitiated`,
    /// `SpotInterruption` or `TerminationNotice`.
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    /// Of a service's task, the id of its deployment.
    pub started_by: Option<String>,
    pub availability_zone: Option<String>,
    #[serde(deserialize_with = "moment::read")]
    pub created_at: Option<Timestamp>,
    #[serde(deserialize_with = "moment::read")]
    pub started_at: Option<Timestamp>,
    #[serde(deserialize_with = "moment::read")]
    pub stopping_at: Option<Timestamp>,
    #[serde(deserialize_with = "moment::read")]
    pub stopped_at: Option<Timestamp>,
    pub containers: Vec<Container>,
    pub attachments: Vec<Attachment>,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub name: String,
    pub last_status: String,
    pub health_status: String,
    pub exit_code: Option<i32>,
    /// `OutOfMemoryError: Container killed due to memory usage`, for example.
    pub reason: Option<String>,
    pub image: String,
    pub image_digest: Option<String>,
}

/// Something that belongs to a task: its network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub details: Vec<Detail>,
}

/// `subnetId`, `networkInterfaceId`, `macAddress`, `privateIPv4Address` and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    pub name: String,
    pub value: String,
}

impl Task {
    /// Reads ECS's JSON of one task.
    ///
    /// # Errors
    /// When it is not what ECS documents.
    pub fn read(task: &Value) -> Result<Self> {
        Ok(serde_json::from_value(ecs::without_nulls(task))?)
    }

    /// What follows the last slash of its ARN: also a part of its log streams' names.
    #[must_use]
    pub fn id(&self) -> &str {
        name_of(&self.task_arn)
    }

    /// The address under which a load balancer reaches it, once it has one.
    #[must_use]
    pub fn private_ip(&self) -> Option<&str> {
        self.interface("privateIPv4Address")
    }

    /// The subnet that it was placed in.
    #[must_use]
    pub fn subnet(&self) -> Option<&str> {
        self.interface("subnetId")
    }

    fn interface(&self, name: &str) -> Option<&str> {
        let mut details = self.attachments.iter().flat_map(|attachment| &attachment.details);
        details.find(|detail| detail.name == name).map(|detail| detail.value.as_str())
    }
}

/// Which tasks to list: ECS tells what it wants to run from what it wants stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Running, or on its way there.
    Running,
    /// Stopped, or on its way there.
    Stopped,
}

/// Selects the tasks to list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TaskFilter<'a> {
    Service(&'a str),
    /// All revisions of a task definition.
    Family(&'a str),
}

impl Aws {
    /// A service's tasks, the newest first; none when the service or the cluster is gone.
    ///
    /// # Errors
    /// Whatever listing and describing them answers.
    pub async fn tasks(
        &self,
        cluster: &str,
        service: &str,
        standing: Standing,
    ) -> Result<Vec<Task>> {
        let arns = self.task_arns(cluster, TaskFilter::Service(service), standing).await?;
        self.describe_tasks(cluster, &arns).await
    }

    /// These tasks, the newest first. Those that ECS has forgotten are left out.
    ///
    /// # Errors
    /// Whatever describing them answers.
    pub async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>> {
        let calls = arns.chunks(BATCH).map(async |arns| {
            let body = json!({"cluster": cluster, "tasks": arns});
            let answer = ecs::call("ecs:DescribeTasks", &body, |json| {
                self.read().ecs.describe_tasks().customize().interceptor(json).send()
            })
            .await?;
            let mut failures = list(&answer, "failures").iter();
            if let Some(failure) = failures.find(|failure| failure["reason"] != "MISSING") {
                return Err(Error::other(format!("ecs:DescribeTasks: {failure}")));
            }
            list(&answer, "tasks").iter().map(Task::read).collect::<Result<Vec<_>>>()
        });
        let mut tasks: Vec<Task> = try_join_all(calls).await?.into_iter().flatten().collect();
        tasks.sort_by_key(|task| Reverse(task.created_at));
        Ok(tasks)
    }

    /// Stops a task: `SIGTERM`, and `SIGKILL` after its `stopTimeout`. Gone already is success.
    ///
    /// # Errors
    /// Whatever stopping it answers.
    pub async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<()> {
        let call = self.write()?.ecs.stop_task().cluster(cluster).task(arn).reason(reason);
        match call.send().await.map_err(|e| error("ecs:StopTask", e)) {
            Ok(_) => Ok(()),
            Err(e) if is_forgotten(&e) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// The ARNs of a service's or a family's tasks.
    pub(crate) async fn task_arns(
        &self,
        cluster: &str,
        filter: TaskFilter<'_>,
        standing: Standing,
    ) -> Result<Vec<String>> {
        use aws_sdk_ecs::types::DesiredStatus;
        let call = self.read().ecs.list_tasks().cluster(cluster).desired_status(match standing {
            Standing::Running => DesiredStatus::Running,
            Standing::Stopped => DesiredStatus::Stopped,
        });
        let call = match filter {
            TaskFilter::Service(name) => call.service_name(name),
            TaskFilter::Family(name) => call.family(name),
        };
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        match found.map_err(|e| error("ecs:ListTasks", e)) {
            Err(e) if e.is(Class::Absent) => Ok(vec![]),
            other => other,
        }
    }
}

/// Of a task that stopped more than an hour ago, ECS knows nothing any more.
fn is_forgotten(error: &Error) -> bool {
    error.is(Class::Absent)
        || (error.code.as_deref() == Some("InvalidParameterException")
            && error.message.contains("referenced task was not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read_and_survives() {
        let told = json!({
            "taskArn": "arn:aws:ecs:eu-west-1:1:task/shop/f00", "lastStatus": "STOPPED",
            "stopCode": "EssentialContainerExited", "startedBy": null, "createdAt": 1_795_261_600.5,
            "attachments": [{"type": "ElasticNetworkInterface", "status": "DELETED", "details": [
                {"name": "subnetId", "value": "subnet-1"},
                {"name": "privateIPv4Address", "value": "10.0.1.7"}]}],
            "containers": [{"name": "api", "exitCode": 137, "reason": "OutOfMemoryError: x"}]});
        let task = Task::read(&told).unwrap();
        assert_eq!(
            (task.id(), task.private_ip(), task.subnet()),
            ("f00", Some("10.0.1.7"), Some("subnet-1"))
        );
        assert_eq!(task.containers[0].exit_code, Some(137));
        assert_eq!(task.created_at, Some("2026-11-21T11:46:40.5Z".parse().unwrap()));
        let kept = serde_json::to_value(&task).unwrap();
        assert_eq!(Task::read(&kept).unwrap(), task);
    }
}
