//! AWS's pages on failures.

pub(super) const CIRCUIT_BREAKER: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html";
pub(super) const CREATE_SERVICE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html";
pub(super) const EVENTS: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html";
pub(super) const FAILED_TO_START: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/failed-to-start-error.html";
pub(super) const HEALTH_COMMAND: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html";
pub(super) const INIT: &str = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html";
pub(super) const LOGS: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html";
pub(super) const MEMORY: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/out-of-memory.html";
pub(super) const NETWORK: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/verify-connectivity.html";
pub(super) const PULL: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html";
pub(super) const QUOTAS: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html";
pub(super) const ROLE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html";
pub(super) const SECRETS: &str = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html";
pub(super) const SIZES: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html";
pub(super) const SPOT: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/spot-interruption-errors.html";
pub(super) const START: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cannot-start-container.html";
pub(super) const STOPPED: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html";
pub(super) const STORAGE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html";
pub(super) const TARGETS: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html";
pub(super) const THROTTLE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html";
pub(super) const UNHEALTHY: &str = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-unhealthy-event-messages.html";
