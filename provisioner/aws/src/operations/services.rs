//! A service as deployments see it: what runs, what should, and what ECS says about it.

use std::fmt;

use engine::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Aws;
use crate::adapters::ecs;
use crate::observe::moment;

/// A service. Reads ECS's own JSON, so that recorded answers of DescribeServices are fixtures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceView {
    pub service_name: String,
    pub service_arn: String,
    pub cluster_arn: String,
    /// `ACTIVE`, or `DRAINING` once it was deleted.
    pub status: String,
    pub desired_count: u32,
    pub running_count: u32,
    pub pending_count: u32,
    /// The revision that the service was last told to run.
    pub task_definition: String,
    /// The newest first: one alone when nothing is being deployed.
    pub deployments: Vec<Deployment>,
    /// The newest first; ECS keeps a hundred.
    pub events: Vec<Event>,
    pub load_balancers: Vec<LoadBalancer>,
    /// As ECS takes it: a one-off task runs where the service's tasks do.
    pub network_configuration: Value,
    pub launch_type: Option<String>,
    pub capacity_provider_strategy: Vec<Value>,
    pub platform_version: Option<String>,
    pub health_check_grace_period_seconds: Option<u32>,
    #[serde(deserialize_with = "moment::read")]
    pub created_at: Option<Timestamp>,
}

/// One attempt to run one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// `ecs-svc/1234567890`.
    pub id: String,
    /// `PRIMARY`: what the service is heading for; `ACTIVE`: on its way out.
    pub status: String,
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`. `COMPLETED` is also said of a deployment that ECS went
    /// back to, and by emulators of everything.
    pub rollout_state: String,
    pub rollout_state_reason: String,
    pub failed_tasks: u32,
    pub desired_count: u32,
    pub running_count: u32,
    pub pending_count: u32,
    #[serde(deserialize_with = "moment::read")]
    pub created_at: Option<Timestamp>,
    #[serde(deserialize_with = "moment::read")]
    pub updated_at: Option<Timestamp>,
}

/// What ECS says that it did, or could not do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    pub id: String,
    #[serde(deserialize_with = "moment::read")]
    pub created_at: Option<Timestamp>,
    pub message: String,
}

/// Where a service's tasks are registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    pub target_group_arn: String,
    pub container_name: String,
    pub container_port: u16,
}

/// How far one deployment has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// ECS does not list it yet.
    Unlisted,
    /// On its way, in words.
    Moving(String),
    /// All its tasks run and are healthy targets.
    Serves {
        /// What is not over yet all the same.
        left: Option<Left>,
    },
    /// ECS gave it up, or another one took its place; in words.
    Failed(String),
    /// It was listed once and is not any more; in words.
    Gone(String),
}

/// What a deployment that serves still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Older deployments, with so many running tasks.
    Old(u32),
    /// ECS calls it completed some moments later.
    Completion,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old(tasks) => write!(f, "{tasks} old ones still there"),
            Self::Completion => f.write_str("the deployment is not yet completed"),
        }
    }
}

impl ServiceView {
    /// Reads ECS's JSON of one service. Lists that AWS leaves out, or answers with `null`, are empty.
    ///
    /// # Errors
    /// When it is not what ECS documents.
    pub fn read(service: &Value) -> Result<Self> {
        Ok(serde_json::from_value(ecs::without_nulls(service))?)
    }

    /// The deployment that the service is heading for.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// The newest completed deployment: what runs while another one is on its way.
    #[must_use]
    pub fn completed(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.rollout_state == "COMPLETED")
    }

    /// The revision that the service is heading for. moto's primary deployment keeps the first one.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        let told = Some(self.task_definition.as_str()).filter(|arn| !arn.is_empty());
        told.or_else(|| self.primary().map(|primary| primary.task_definition.as_str()))
    }
}

impl Aws {
    /// One service as it is now; `None` when there is none, or only what a deleted one leaves behind.
    ///
    /// # Errors
    /// Whatever describing it answers.
    pub async fn service_view(&self, cluster: &str, service: &str) -> Result<Option<ServiceView>> {
        let found = self.describe_services(cluster, &[service.to_owned()]).await?;
        let found = found.iter().find(|found| found["status"] != "INACTIVE");
        found.map(ServiceView::read).transpose()
    }

    /// Gives a service another revision, another number of tasks, or new tasks of the same revision
    /// (`force`). What is `None` stays as it is. Returns the service with its new deployment.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the service is gone.
    pub async fn update_service(
        &self,
        cluster: &str,
        service: &str,
        task_definition: Option<&str>,
        desired: Option<u32>,
        force: bool,
    ) -> Result<ServiceView> {
        let mut body = json!({"cluster": cluster, "service": service});
        if let Some(arn) = task_definition {
            body["taskDefinition"] = arn.into();
        }
        if let Some(count) = desired {
            body["desiredCount"] = count.into();
        }
        if force {
            body["forceNewDeployment"] = true.into();
        }
        let clients = self.write()?;
        let answer = ecs::call("ecs:UpdateService", &body, |json| {
            clients.ecs.update_service().customize().interceptor(json).send()
        })
        .await?;
        ServiceView::read(&answer["service"])
    }
}
