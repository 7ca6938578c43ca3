//! Rights that the life of an environment here does not use, by name.

use aws::permissions::Role;

/// Asked for in vain by who may only read or ship: roles are then looked up by name.
pub(crate) const IN_PLAN: &[&str] = &["iam:GetAccountAuthorizationDetails", "iam:ListRoles"];

/// What MiniStack has not, or keeps as it was: moto has it, and the strict cloud judges there.
pub(crate) const ON_MOTO: &[&str] = &[
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
    "ec2:ModifySecurityGroupRules",
];

const FETCHED: &str = "asked for when an image is looked at or copied";
const PLAIN: &str = "not asked for over plain HTTP, which every emulator here speaks";
const UNDER_WAY: &str = "a plan asks only while a deployment is under way or has failed";

const ELEVENTH: &str =
    "only the eleventh deploy of a service deletes a revision: `superseded.rs` makes it";

const NO_TARGETS: &str = "asked of targets that are known: here there are none, on moto there are";

/// What nothing here can exercise, and why: the first role that has it, and the action.
pub(crate) const NEVER: &[(Role, &str, &str)] = &[
    (Role::Plan, "application-autoscaling:DescribeScalableTargets", NO_TARGETS),
    (Role::Plan, "application-autoscaling:DescribeScalingPolicies", NO_TARGETS),
    (Role::Plan, "ecs:DescribeTasks", UNDER_WAY),
    (Role::Plan, "ecs:ListTasks", UNDER_WAY),
    (Role::Deploy, "ecr:GetDownloadUrlForLayer", FETCHED),
    (Role::Deploy, "ecs:DeleteTaskDefinitions", ELEVENTH),
    (Role::Up, "s3:GetBucketPolicy", PLAIN),
    (Role::Up, "s3:PutBucketPolicy", PLAIN),
    (Role::Up, "s3:PutEncryptionConfiguration", "every bucket is encrypted nowadays, here too"),
];
