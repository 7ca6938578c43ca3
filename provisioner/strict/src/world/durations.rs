//! How long AWS takes, in seconds: medians seen in public logs of real runs.

/// NAT gateway: created to `available` (85 to 124 seen).
pub const NAT_CREATE: f64 = 111.0;
/// NAT gateway: delete to `deleted` (37 to 80 seen).
pub const NAT_DELETE: f64 = 56.0;
/// NAT gateway that cannot work: created to `failed`.
pub const NAT_FAIL: f64 = 20.0;
/// Load balancer: created to `active` (126 to 187 seen).
pub const LOAD_BALANCER_CREATE: f64 = 150.0;
/// Network interfaces of a deleted load balancer (25 to 150 seen).
pub const LOAD_BALANCER_LINGER: f64 = 90.0;
/// Interface endpoint: created to `available` (60 to 180 known).
pub const INTERFACE_ENDPOINT_CREATE: f64 = 90.0;
/// Gateway endpoint: created to `available` (3 to 7 seen).
pub const GATEWAY_ENDPOINT_CREATE: f64 = 5.0;
/// Interface endpoint: delete to gone.
pub const ENDPOINT_DELETE: f64 = 60.0;
/// Service: a deployment's tasks from `PENDING` to steady (60 to 75 seen).
pub const TASKS_START: f64 = 60.0;
/// A task that cannot reach its registry: `PENDING` to `STOPPED` (289 seen).
pub const TASK_STRANDED: f64 = 289.0;
/// A task from `SIGTERM` to `STOPPED` (ECS's default `stopTimeout` is 30).
pub const TASK_STOP: f64 = 30.0;
/// Network interface of a stopped task.
pub const TASK_LINGER: f64 = 15.0;
/// Target group's deregistration delay when nobody sets it.
pub const DEREGISTRATION_DEFAULT: f64 = 300.0;
/// A target from its registration to its first health checks' verdict (two checks of the default 5 to 30 seconds).
pub const TARGET_INITIAL: f64 = 15.0;
/// How long deleted NAT gateways, services and clusters stay visible.
pub const TOMBSTONE: f64 = 3600.0;
/// How long a new role or policy is unknown to other services.
pub const IAM_PROPAGATION: f64 = 10.0;
/// DynamoDB table: `CREATING` to `ACTIVE`.
pub const TABLE_CREATE: f64 = 10.0;
/// How long after a table's creation its backups are still being enabled.
pub const TABLE_BACKUPS: f64 = 20.0;
/// How long a name stays taken after a secret was deleted without recovery.
pub const SECRET_FORCED: f64 = 5.0;
/// How long a fresh id may be unknown to reads.
pub const STALE: f64 = 5.0;
/// How long DescribeTasks does not know a task that RunTask has just started (about a second seen: boto3#842,
/// dagster#4448, dask-cloudprovider#483).
pub const TASK_UNSEEN: f64 = 1.0;
