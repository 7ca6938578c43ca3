//! A service: what runs, how much of it, and what reaches it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Build, Ingress, Override, Seconds};
use crate::environment::fargate::CPUS;

/// One service: a container image, kept running in some number of copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The image to run, such as `ghcr.io/acme/payments:1.4.2`. Either this or `build`.
    #[serde(default)]
    pub image: Option<String>,
    /// How to make the image: `{ dockerfile: Dockerfile }` or `{ binary: target/release/app }`. Either this or `image`.
    #[serde(default)]
    pub build: Option<Build>,
    /// The TCP port that the container listens on. A service with a `route` needs one.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// The command with its arguments, instead of the image's own: `[/app, serve]`.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// CPU units for one task; 1024 are one vCPU.
    #[serde(default = "cpu")]
    #[schemars(extend("enum" = CPUS))]
    pub cpu: u32,
    /// Memory for one task, in MiB. What Fargate takes depends on `cpu`.
    #[serde(default = "memory")]
    #[schemars(range(min = 512, max = 122_880))]
    pub memory: u32,
    /// The processor that the image is built for: `x86_64` or `arm64`.
    #[serde(default)]
    pub architecture: Architecture,
    /// Environment variables that are no secrets, such as `{ LOG_LEVEL: info }`.
    #[serde(default)]
    #[schemars(extend(
        "propertyNames" = {"pattern": "^[A-Za-z_.-][A-Za-z0-9_.-]*$"},
        "additionalProperties" = {"type": ["string", "number", "boolean"]}
    ))]
    pub environment: BTreeMap<String, String>,
    /// Environment variables that are secrets: each names one of the environment's `secrets`, as in `{ TOKEN: api-token }`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": "^[A-Za-z_.-][A-Za-z0-9_.-]*$"}))]
    pub secrets: BTreeMap<String, String>,
    /// How to tell that a task is healthy, such as `{ path: /status }`.
    #[serde(default)]
    pub health: Health,
    /// How many tasks to run: a number, or `{ min: 2, max: 6, cpu: 60 }` to follow the load.
    #[serde(default)]
    pub replicas: Replicas,
    /// Which requests the load balancer sends here: a path, a list of paths, or a map. Left out, the service is a worker.
    #[serde(default)]
    pub route: Option<Route>,
    /// Who else may connect to the tasks, such as `[{ port: 9100, from: 10.99.0.0/16, description: Prometheus }]`.
    #[serde(default)]
    pub ingress: Vec<Ingress>,
    /// How long a stopping task may finish the requests it has: 0s to 1h.
    #[serde(default = "deregistration")]
    pub deregistration: Seconds,
    /// How long a task may take to stop after its signal: 1s to 2m.
    #[serde(default = "stop")]
    pub stop: Seconds,
    /// Where the service's data is: `external` (a database, a bucket), or `ephemeral` (on the task's disk, lost with it).
    #[serde(default)]
    pub data: Data,
    /// A task to run to its end, with the new image, before a release is switched to: `{ command: [/app, migrate] }`.
    #[serde(default)]
    pub migration: Option<Migration>,
    /// A request that a new release must answer through the load balancer before it counts as good: `{ path: /status }`.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// What the service itself may do in AWS: a list of `{ actions: [..], resources: [..] }` and `{ policy: ARN }`.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// The ARN of a role that exists and that the service runs with, instead of one with `permissions`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role: Option<String>,
    /// Fields of the ECS API that have no name here, in the API's own spelling: `{ container: { user: "1000" } }`.
    #[serde(default, rename = "override")]
    pub overrides: Override,
}

fn cpu() -> u32 {
    256
}

fn memory() -> u32 {
    512
}

fn deregistration() -> Seconds {
    Seconds(15)
}

fn stop() -> Seconds {
    Seconds(30)
}

/// The processor that an image is built for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    Arm64,
}

/// How to tell that a task is healthy: the load balancer's check, and optionally the container's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The path that the load balancer asks for.
    #[schemars(regex(pattern = "^/"), length(max = 1024))]
    pub path: String,
    /// The time between two checks: 5s to 5m.
    pub interval: Seconds,
    /// How long an answer may take: 2s to 2m, and less than `interval`.
    pub timeout: Seconds,
    /// Good answers in a row that make a task healthy.
    #[schemars(range(min = 2, max = 10))]
    pub healthy: u8,
    /// Bad answers in a row that make a task unhealthy.
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy: u8,
    /// The status codes of a good answer: `"200"`, `"200,204"` or `"200-299"`.
    #[schemars(extend("type" = ["string", "number"]), regex(pattern = "^[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*$"))]
    pub codes: String,
    /// How long after its start a task may be unhealthy without being replaced.
    pub grace: Seconds,
    /// A command inside the container that says whether it is healthy, such as `[/app, health]`.
    pub command: Option<Vec<String>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: "/".into(),
            interval: Seconds(10),
            timeout: Seconds(5),
            healthy: 2,
            unhealthy: 2,
            codes: "200".into(),
            grace: Seconds(60),
            command: None,
        }
    }
}

/// How many tasks run. With `max` over `min` their number follows the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replicas {
    /// The fewest tasks: 2 or more survive the loss of a zone.
    #[schemars(range(min = 1, max = 1000))]
    pub min: u16,
    /// The most tasks. The same as `min` unless said otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub max: u16,
    /// The average CPU use to aim at by adding and removing tasks, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub cpu: u8,
}

impl Default for Replicas {
    fn default() -> Self {
        Self { min: 2, max: 2, cpu: 60 }
    }
}

impl Replicas {
    /// Whether the number of tasks follows the load.
    #[must_use]
    pub fn scales(&self) -> bool {
        self.max > self.min
    }
}

/// Which requests the load balancer sends to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// The paths, with `*` and `?` as wildcards: one or a list. `/*` is every path.
    #[schemars(inner(regex(pattern = "^/"), length(max = 128)))]
    pub path: Vec<String>,
    /// The host names, with `*` and `?` as wildcards: one or a list. Left out, the environment's `domain`, or every host.
    #[schemars(inner(length(max = 128)))]
    pub host: Vec<String>,
    /// The place among the rules, from 1; lower is tried first. Left out, what is more specific is tried first.
    #[schemars(range(min = 1, max = 50_000))]
    pub priority: Option<u16>,
}

impl Default for Route {
    fn default() -> Self {
        Self { path: vec!["/*".into()], host: Vec::new(), priority: None }
    }
}

/// Where a service's data is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// Outside the task: a database, a bucket. A task's disk is gone with the task, so SQLite is refused.
    #[default]
    External,
    /// On the task's disk, and it may vanish with the task: SQLite is allowed.
    Ephemeral,
}

/// A one-off task of the new image, before anything is switched to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// The command with its arguments. It must end with exit code 0.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// How long it may take before it is stopped and the release is refused: 1m to 24h.
    #[serde(default = "migration_timeout")]
    pub timeout: Seconds,
}

fn migration_timeout() -> Seconds {
    Seconds(30 * 60)
}

/// A request through the load balancer that a release must answer with success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The path to ask for.
    #[schemars(regex(pattern = "^/"), length(max = 1024))]
    pub path: String,
    /// A text that must be in the answer.
    #[serde(default)]
    pub contains: Option<String>,
}

/// One statement of the task role: actions that are allowed on resources. Or a policy of the account's that the role gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Permission {
    /// The actions, such as `s3:GetObject`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub actions: Vec<String>,
    /// The ARNs that they are allowed on, such as `arn:aws:s3:::receipts/*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub resources: Vec<String>,
    /// The ARN of a managed policy, such as `arn:aws:iam::123456789012:policy/receipts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = super::account::POLICY))]
    pub policy: Option<String>,
}
