//! What the local cloud really does of what the stack uses, as data to be printed by `up --env local`, so that nothing
//! pretends. Measured against the pinned MiniStack; a test asks a running one about every row.

use crate::venv::MINISTACK;
use Level::{Absent, Emulated, StoredOnly};
use serde::Serialize;

/// How much of an operation there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It has the effect that it has on AWS.
    Emulated,
    /// It is accepted and described again, without the effect.
    StoredOnly,
    /// It is refused, or dropped without a word.
    Absent,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// The AWS service, as its endpoint prefix: `ec2`, `elasticloadbalancing`.
    pub service: &'static str,
    /// What of it, in the stack's words.
    pub operation: &'static str,
    /// How much of it there is.
    pub level: Level,
    /// What that means here, in one line.
    pub note: &'static str,
}

/// The table, for tasks that are containers (`docker`) or local processes.
#[must_use]
pub fn capabilities(docker: bool) -> Vec<Capability> {
    let mut rows = [BOTH, if docker { CONTAINERS } else { PROCESSES }].concat();
    // By service, in the order in which the stack is built.
    rows.sort_by_key(|row| SERVICES.iter().position(|service| *service == row.service));
    rows
}

const SERVICES: &[&str] = &[
    "ec2",
    "elasticloadbalancing",
    "ecs",
    "application-autoscaling",
    "ecr",
    "secretsmanager",
    "iam",
    "logs",
    "s3",
    "dynamodb",
    "tagging",
    "servicequotas",
];

const fn row(
    service: &'static str,
    operation: &'static str,
    level: Level,
    note: &'static str,
) -> Capability {
    Capability { service, operation, level, note }
}

#[rustfmt::skip]
const BOTH: &[Capability] = &[
    row("ec2", "VPC, subnets and routes", StoredOnly, "no packet is routed; everything listens on loopback"),
    row("ec2", "NAT gateways", StoredOnly, "available at once, without an address"),
    row("ec2", "security groups", StoredOnly, "rules are kept and not enforced"),
    row("ec2", "VPC endpoints", StoredOnly, "kept; no route is added"),
    row("elasticloadbalancing", "listeners and rules", Emulated, "real requests by path, host and priority; no TLS"),
    row("elasticloadbalancing", "target health checks", StoredOnly, "every target is called healthy; provisioner asks itself"),
    row("elasticloadbalancing", "weighted target groups", Absent, "a forward action with weights is dropped without a word"),
    row("elasticloadbalancing", "deletion protection", StoredOnly, "a protected load balancer can be deleted"),
    row("ecs", "container health checks", StoredOnly, "never run: health stays UNKNOWN"),
    row("application-autoscaling", "scaling targets and policies", Absent, "the service is not there; the desired count stays"),
    row("ecr", "repositories and registry", Emulated, "push and pull over HTTP on the local cloud's port, immutable tags too"),
    row("ecr", "lifecycle and scanning", StoredOnly, "nothing expires, nothing is scanned"),
    row("secretsmanager", "values, versions and recovery", Emulated, "create, change, delete with a window, restore"),
    row("iam", "roles and policies", StoredOnly, "kept; no call is refused"),
    row("logs", "log groups and events", Emulated, "events can be written and read; nothing expires"),
    row("s3", "state with conditional writes", Emulated, "If-Match and If-None-Match, versions; kept across a clean stop"),
    row("dynamodb", "the lock's conditional writes", Emulated, "refused writes answer with the present row"),
    row("tagging", "search by tag", Absent, "finds S3, DynamoDB and ECR only; provisioner asks the other services"),
    row("servicequotas", "quotas", Absent, "the service is not there; quotas are not checked"),
];

#[rustfmt::skip]
const CONTAINERS: &[Capability] = &[
    row("ecs", "service tasks", Emulated, "real containers; limits, user, entry point and read-only root are ignored"),
    row("ecs", "one-off tasks", Emulated, "a real container with its exit code"),
    row("ecs", "target registration", Emulated, "the service's containers are registered by their own address"),
    row("ecs", "secrets of tasks", Emulated, "handed to containers; always the current version, whatever the reference names"),
    row("logs", "task output", Emulated, "containers' output arrives in the log group"),
];

#[rustfmt::skip]
const PROCESSES: &[Capability] = &[
    row("ecs", "service tasks", StoredOnly, "recorded as RUNNING; provisioner runs the service as local processes"),
    row("ecs", "one-off tasks", StoredOnly, "recorded as RUNNING for ever; provisioner runs the program and takes its exit code"),
    row("ecs", "target registration", StoredOnly, "the service registers nothing; provisioner registers the local processes"),
    row("ecs", "secrets of tasks", StoredOnly, "provisioner hands the current values to the local processes"),
    row("logs", "task output", StoredOnly, "local processes write to files, which provisioner shows"),
];

impl Capability {
    /// What the table was measured against, for its title.
    #[must_use]
    pub fn measured_against() -> String {
        format!("MiniStack {MINISTACK}")
    }
}
