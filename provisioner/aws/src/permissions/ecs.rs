//! ECS, and the scaling of its services. Scaling touches service and alarms in the caller's name
//! (Application Auto Scaling: "Permissions validation for API calls on target resources").

use super::ResourceScope::{
    Alarm, AnyAlarm, AnyCluster, AnyTask, Cluster, EcsTags, Everything, InCluster,
    MadeTaskDefinition, ScalableTarget, Service, Task, TaskDefinition, TaskRole,
};
use super::{Call, DEPLOY, Need, PLAN, UP, call, need};

const TAGGED: Need = need("ecs:TagResource", UP, EcsTags);

/// A task definition names the roles that its tasks will have.
const PASSED: Need = need("iam:PassRole", DEPLOY, TaskRole);

pub(super) const CALLS: &[Call] = &[
    call!("ecs:CreateCluster", UP, Cluster, TAGGED),
    call!("ecs:CreateService", UP, Service, TAGGED),
    call!("ecs:DeleteCluster", UP, Cluster),
    call!("ecs:DeleteService", UP, Service),
    call!("ecs:DeleteTaskDefinitions", DEPLOY, TaskDefinition),
    call!("ecs:DeregisterTaskDefinition", DEPLOY, Everything),
    // A sweep looks for our tags on all clusters.
    call!("ecs:DescribeClusters", PLAN, Cluster, need("ecs:DescribeClusters", UP, AnyCluster)),
    call!("ecs:DescribeServices", PLAN, Service),
    call!("ecs:DescribeTaskDefinition", PLAN, Everything),
    // The quota of vCPU counts everybody's tasks.
    call!("ecs:DescribeTasks", PLAN, Task, need("ecs:DescribeTasks", DEPLOY, AnyTask)),
    call!("ecs:ListClusters", DEPLOY, Everything),
    call!("ecs:ListServices", UP, InCluster),
    call!("ecs:ListTaskDefinitionFamilies", UP, Everything),
    // Also looked through for a revision whose registration was not answered.
    call!("ecs:ListTaskDefinitions", DEPLOY, Everything),
    call!("ecs:ListTasks", PLAN, InCluster, need("ecs:ListTasks", DEPLOY, Everything)),
    call!("ecs:PutClusterCapacityProviders", UP, Cluster),
    call!(
        "ecs:RegisterTaskDefinition",
        DEPLOY,
        MadeTaskDefinition,
        PASSED,
        need("ecs:TagResource", DEPLOY, TaskDefinition),
    ),
    call!("ecs:RunTask", DEPLOY, TaskDefinition, PASSED, need("ecs:TagResource", DEPLOY, Task),),
    call!("ecs:StopTask", DEPLOY, Task),
    call!("ecs:TagResource", UP, EcsTags),
    call!("ecs:UntagResource", UP, EcsTags),
    call!("ecs:UpdateClusterSettings", UP, Cluster),
    call!("ecs:UpdateService", DEPLOY, Service),
    call!(
        "application-autoscaling:DeleteScalingPolicy",
        UP,
        ScalableTarget,
        need("cloudwatch:DeleteAlarms", UP, Alarm),
        need("cloudwatch:DescribeAlarms", UP, AnyAlarm),
    ),
    call!("application-autoscaling:DeregisterScalableTarget", UP, ScalableTarget),
    call!("application-autoscaling:DescribeScalableTargets", PLAN, Everything),
    call!("application-autoscaling:DescribeScalingPolicies", PLAN, Everything),
    call!(
        "application-autoscaling:PutScalingPolicy",
        UP,
        ScalableTarget,
        need("cloudwatch:DeleteAlarms", UP, Alarm),
        need("cloudwatch:DescribeAlarms", UP, AnyAlarm),
        need("cloudwatch:PutMetricAlarm", UP, Alarm),
    ),
    call!(
        "application-autoscaling:RegisterScalableTarget",
        DEPLOY,
        ScalableTarget,
        need("ecs:DescribeServices", DEPLOY, Service),
        need("ecs:UpdateService", DEPLOY, Service),
    ),
];
