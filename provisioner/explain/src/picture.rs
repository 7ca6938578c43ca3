//! What is known of a service when it is asked why it fails. The caller gathers it: from AWS's own
//! answers through [`Answers`](crate::Answers), or by filling the fields.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One service, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Picture {
    /// The service's name in the environment file: `api`.
    pub service: String,
    /// The environment's name: `prod`.
    pub environment: String,
    /// The image that was asked for, when this follows a deployment.
    pub asked: Option<String>,
    /// When the deployment began; what is older explains nothing. Without it, our own deployment's
    /// beginning counts.
    pub since: Option<Timestamp>,
    /// The revision that should run.
    pub revision: Revision,
    pub counts: Counts,
    pub deployments: Vec<Deployment>,
    pub events: Vec<Event>,
    /// Running and stopped ones, of other revisions too.
    pub tasks: Vec<Task>,
    pub targets: Vec<Target>,
    pub health_check: Option<HealthCheck>,
    /// Seconds after its start in which ECS ignores a task's health.
    pub grace: Option<u32>,
    /// The last lines of the containers, oldest first.
    pub logs: Vec<LogLine>,
    /// What our own request through the load balancer got.
    pub probe: Option<Probe>,
    /// How tasks reach what is outside their network.
    pub way_out: Option<WayOut>,
    /// What served before, if anything did.
    pub before: Option<Before>,
    /// The error with which AWS refused the call that should have begun it all.
    pub refusal: Option<Refusal>,
}

/// A task definition's revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Revision {
    /// The ARN, or `family:number`.
    pub arn: String,
    /// The task definition as `DescribeTaskDefinition` gives it: `cpu`, `containerDefinitions`, and so on.
    pub definition: Value,
}

/// How many tasks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Counts {
    pub desired: u32,
    pub running: u32,
    pub pending: u32,
}

/// One of the service's deployments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deployment {
    /// `ecs-svc/1234567890123456789`
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    pub rollout_state: String,
    pub rollout_reason: String,
    pub failed_tasks: u32,
    pub counts: Counts,
    pub created_at: Option<Timestamp>,
}

/// One of the service's events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Event {
    pub at: Option<Timestamp>,
    pub message: String,
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Task {
    /// The last part of its ARN.
    pub id: String,
    pub task_definition: String,
    /// `PROVISIONING`, `PENDING`, `ACTIVATING`, `RUNNING`, .. `STOPPED`.
    pub last_status: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `ServiceSchedulerInitiated`, ..
    pub stop_code: String,
    pub stopped_reason: String,
    pub containers: Vec<Container>,
    /// Its private address.
    pub address: Option<String>,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
}

/// One container of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Container {
    pub name: String,
    pub last_status: String,
    pub exit_code: Option<i32>,
    pub reason: String,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub health: String,
}

/// One target of the service's target group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// Its address.
    pub id: String,
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining` or `unavailable`.
    pub state: String,
    /// `Target.ResponseCodeMismatch`, `Target.Timeout`, ..
    pub reason: String,
    /// `Health checks failed with these codes: [404]`
    pub description: String,
}

/// The target group's health check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    pub path: String,
    /// A number, or `traffic-port`.
    pub port: String,
    /// The status codes of a good answer: `200` or `200-299`.
    pub codes: String,
    /// Seconds.
    pub interval: u32,
    /// Seconds.
    pub timeout: u32,
    pub healthy: u32,
    pub unhealthy: u32,
}

/// One line of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogLine {
    pub at: Option<Timestamp>,
    /// The task's id; empty when the log is not one task's.
    pub task: String,
    pub container: String,
    pub line: String,
}

/// The answer to our own request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    pub path: String,
    /// The host that it asked for, where it is not the load balancer's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// None when there was no answer.
    pub status: Option<u16>,
    /// The beginning of the body, or why there was no answer.
    pub body: String,
    /// The version that answered, as its header says.
    pub version: Option<String>,
    /// The version that should have.
    pub wanted: Option<String>,
    /// A text that should have been in the body.
    pub contains: Option<String>,
    /// Whether this is the answer that was wanted.
    pub passed: bool,
}

/// How tasks reach the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayOut {
    /// Private subnets with a route to a NAT gateway.
    Nat,
    /// Public subnets, public addresses.
    PublicAddress,
    /// Interface and gateway endpoints only.
    Endpoints,
    /// None at all.
    Closed,
    /// Processes of this machine: there is no network in between.
    Local,
}

/// What the service was before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Before {
    /// The older revision.
    pub revision: String,
    /// How many of its tasks run.
    pub running: u32,
}

/// AWS's refusal of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refusal {
    /// `ecs:CreateService`
    pub operation: String,
    /// `InvalidParameterException`
    pub code: String,
    pub message: String,
}

impl Picture {
    /// Whether a task definition, as an ARN or as `family:number`, is the revision that should run.
    /// Without one that should, every one is.
    #[must_use]
    pub fn is_ours(&self, task_definition: &str) -> bool {
        let wanted = short(&self.revision.arn);
        wanted.is_empty() || task_definition.is_empty() || short(task_definition) == wanted
    }

    /// The newest deployment of our revision.
    pub(crate) fn our_deployment(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| self.is_ours(&deployment.task_definition))
    }

    /// The deployment that ECS calls the service's own.
    pub(crate) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// The time before which nothing counts.
    pub(crate) fn begin(&self) -> Option<Timestamp> {
        let ours = || self.our_deployment().and_then(|deployment| deployment.created_at);
        let tasks = || {
            let ours = self.tasks.iter().filter(|task| self.is_ours(&task.task_definition));
            ours.filter_map(|task| task.created_at).min()
        };
        self.since.or_else(ours).or_else(tasks)
    }

    pub(crate) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| !id.is_empty() && task.id == id)
    }

    pub(crate) fn task_at(&self, address: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.address.as_deref() == Some(address))
    }
}

/// What follows the last slash of an ARN: `family:number` of a revision, the id of a task.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
