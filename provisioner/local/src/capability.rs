//! What the local cloud really does of what the stack uses, as data to be printed by `up --env local`, so that nothing
//! pretends. Measured against the pinned MiniStack; a test asks a running one about every row.

use crate::venv::MINISTACK;
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
    use Level::{Absent, Emulated, StoredOnly};
    let with =
        |yes: (Level, &'static str), no: (Level, &'static str)| if docker { yes } else { no };
    let (tasks, tasks_note) = with(
        (
            Emulated,
            "real containers on the Docker engine; limits, user, entry point and read-only root are ignored",
        ),
        (
            StoredOnly,
            "recorded as RUNNING; the service itself runs as local processes that provisioner starts",
        ),
    );
    let (once, once_note) = with(
        (Emulated, "a real container with its exit code"),
        (
            StoredOnly,
            "recorded as RUNNING for ever; provisioner runs the program itself and takes its exit code",
        ),
    );
    let (targets, targets_note) = with(
        (Emulated, "the service's containers are registered by their own address"),
        (StoredOnly, "the service registers nothing; provisioner registers the local processes"),
    );
    let (lines, lines_note) = with(
        (Emulated, "containers' output arrives in the log group"),
        (StoredOnly, "the group is there; local processes write to files that provisioner shows"),
    );
    let (secrets, secrets_note) = with(
        (
            Emulated,
            "handed to containers; always the current version, whatever version the reference names",
        ),
        (StoredOnly, "provisioner hands the current values to the local processes"),
    );
    let rows: [(&str, &str, Level, &str); 24] = [
        (
            "ec2",
            "VPC, subnets and routes",
            StoredOnly,
            "no packet is routed; everything listens on loopback",
        ),
        ("ec2", "NAT gateways", StoredOnly, "available at once, without an address"),
        ("ec2", "security groups", StoredOnly, "rules are kept and not enforced"),
        ("ec2", "VPC endpoints", StoredOnly, "kept; no route is added"),
        (
            "elasticloadbalancing",
            "listeners and rules",
            Emulated,
            "real requests by path, host and priority; no TLS",
        ),
        (
            "elasticloadbalancing",
            "target health checks",
            StoredOnly,
            "every target is called healthy; provisioner asks itself",
        ),
        (
            "elasticloadbalancing",
            "weighted target groups",
            Absent,
            "a forward action with weights is dropped without a word",
        ),
        (
            "elasticloadbalancing",
            "deletion protection",
            StoredOnly,
            "a protected load balancer can be deleted",
        ),
        ("ecs", "service tasks", tasks, tasks_note),
        ("ecs", "one-off tasks", once, once_note),
        ("ecs", "target registration", targets, targets_note),
        ("ecs", "secrets of tasks", secrets, secrets_note),
        ("ecs", "container health checks", StoredOnly, "never run: health stays UNKNOWN"),
        (
            "application-autoscaling",
            "scaling targets and policies",
            Absent,
            "the service is not there; the desired count stays",
        ),
        (
            "ecr",
            "repositories and registry",
            Emulated,
            "push and pull over HTTP on the local cloud's port, immutable tags too",
        ),
        ("ecr", "lifecycle and scanning", StoredOnly, "nothing expires, nothing is scanned"),
        (
            "secretsmanager",
            "values, versions and recovery",
            Emulated,
            "create, change, delete with a window, restore",
        ),
        ("iam", "roles and policies", StoredOnly, "kept; no call is refused"),
        (
            "logs",
            "log groups and events",
            Emulated,
            "events can be written and read; nothing expires",
        ),
        ("logs", "task output", lines, lines_note),
        (
            "s3",
            "state with conditional writes",
            Emulated,
            "If-Match and If-None-Match, versions; kept across a clean stop",
        ),
        (
            "dynamodb",
            "the lock's conditional writes",
            Emulated,
            "refused writes answer with the present row",
        ),
        (
            "tagging",
            "search by tag",
            Absent,
            "finds S3, DynamoDB and ECR only; provisioner lists by service",
        ),
        ("servicequotas", "quotas", Absent, "the service is not there; quotas are not checked"),
    ];
    rows.map(|(service, operation, level, note)| Capability { service, operation, level, note })
        .into()
}

impl Capability {
    /// What the table was measured against, for its title.
    #[must_use]
    pub fn measured_against() -> String {
        format!("MiniStack {MINISTACK}")
    }
}
