//! ECS, and Application Auto Scaling, which touches services and alarms in the caller's name ("IAM
//! permissions required for Amazon ECS service auto scaling").

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::need::{Need, Place, tags};
use crate::wire::Request;
use crate::world::value::{text, texts};

/// The roles that a task definition's tasks get: whoever starts one passes them.
#[derive(Debug, Default)]
pub(super) struct Roles(BTreeMap<String, BTreeSet<String>>);

impl Roles {
    pub(super) fn learn(&mut self, request: &Request, answer: &Value) {
        if request.operation == "RegisterTaskDefinition" {
            let definition = &answer["taskDefinition"];
            let arn = text(definition, "taskDefinitionArn").to_owned();
            self.0.insert(arn, passed(definition));
        }
    }

    /// Of a revision, by its ARN or as `family:revision`.
    fn of(&self, definition: &str) -> BTreeSet<String> {
        let name = last(definition);
        let found = self.0.iter().find(|(arn, _)| last(arn) == name);
        found.map(|(_, roles)| roles.clone()).unwrap_or_default()
    }
}

fn passed(of: &Value) -> BTreeSet<String> {
    let roles = ["executionRoleArn", "taskRoleArn"].map(|name| text(of, name).to_owned());
    roles.into_iter().filter(|arn| !arn.is_empty()).collect()
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn needs(request: &Request, action: &str, roles: &Roles) -> Option<Vec<Need>> {
    if request.service == "application-autoscaling" {
        return scaling(request, action);
    }
    let (p, place) = (&request.parameters, Place::of(request));
    let ecs = |rest: String| place.arn("ecs", &rest);
    let cluster = match last(text(p, "cluster")) {
        "" => "default",
        name => name,
    };
    let inside = ecs(format!("cluster/{cluster}"));
    let in_cluster = |kind: &str, name: &str| {
        let resource = ecs(format!("{kind}/{cluster}/{}", last(name)));
        Need::new(action, resource).with("ecs:cluster", &*inside)
    };
    let definition = |name: &str| {
        let (family, revision) = last(name).split_once(':').unwrap_or((last(name), "*"));
        ecs(format!("task-definition/{family}:{revision}"))
    };
    let found = match request.operation.as_str() {
        "CreateCluster" => {
            let resource = ecs(format!("cluster/{}", text(p, "clusterName")));
            making(request, vec![Need::new(action, &*resource)], &resource)
        }
        "DescribeClusters" => {
            let clusters = texts(p, "clusters").into_iter();
            clusters.map(|one| Need::new(action, ecs(format!("cluster/{}", last(&one))))).collect()
        }
        "DeleteCluster" | "UpdateClusterSettings" | "PutClusterCapacityProviders" => {
            vec![Need::new(action, inside)]
        }
        "CreateService" => {
            let need = in_cluster("service", text(p, "serviceName"));
            let resource = need.resource.clone();
            making(request, vec![need], &resource)
        }
        "UpdateService" | "DeleteService" => vec![in_cluster("service", text(p, "service"))],
        "DescribeServices" => {
            texts(p, "services").iter().map(|one| in_cluster("service", one)).collect()
        }
        "DescribeTasks" => texts(p, "tasks").iter().map(|one| in_cluster("task", one)).collect(),
        "StopTask" => vec![in_cluster("task", text(p, "task"))],
        "ListTasks" | "ListServices" => vec![Need::new(action, "*").with("ecs:cluster", inside)],
        "RegisterTaskDefinition" => {
            let resource = ecs(format!("task-definition/{}:*", text(p, "family")));
            let own = Need::new(action, &*resource).tagged("Request", tags(p, "tags"));
            let mut found = making(request, vec![own], &resource);
            found.extend(passed(p).into_iter().map(pass));
            found
        }
        "RunTask" => {
            let name = text(p, "taskDefinition");
            let need = Need::new(action, definition(name)).with("ecs:cluster", &*inside);
            let tasks = ecs(format!("task/{cluster}/*"));
            let mut found = making(request, vec![need], &tasks);
            let over = passed(&p["overrides"]);
            found.extend(roles.of(name).union(&over).cloned().map(pass));
            found
        }
        "DeleteTaskDefinitions" => {
            let all = texts(p, "taskDefinitions").into_iter();
            all.map(|one| Need::new(action, definition(&one))).collect()
        }
        "TagResource" | "UntagResource" => vec![Need::new(action, text(p, "resourceArn"))],
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// With the right to tag, when the call carries tags.
fn making(request: &Request, mut needs: Vec<Need>, made: &str) -> Vec<Need> {
    let carried = tags(&request.parameters, "tags");
    if !carried.is_empty() {
        let tagging = Need::new("ecs:TagResource", made);
        needs
            .push(tagging.with("ecs:CreateAction", &*request.operation).tagged("Request", carried));
    }
    needs
}

fn pass(role: String) -> Need {
    Need::new("iam:PassRole", role).with("iam:PassedToService", "ecs-tasks.amazonaws.com")
}

fn scaling(request: &Request, action: &str) -> Option<Vec<Need>> {
    let (p, place) = (&request.parameters, Place::of(request));
    if request.operation.starts_with("Describe") {
        return None;
    }
    let own = Need::new(action, place.arn("application-autoscaling", "scalable-target/*"))
        .with("application-autoscaling:service-namespace", text(p, "ServiceNamespace"))
        .with("application-autoscaling:scalable-dimension", text(p, "ScalableDimension"));
    let service = place.arn("ecs", text(p, "ResourceId"));
    let alarm =
        place.arn("cloudwatch", &format!("alarm:TargetTracking-{}-*", text(p, "ResourceId")));
    let alarms = place.arn("cloudwatch", "alarm:*");
    let mut found = vec![own];
    match request.operation.as_str() {
        "RegisterScalableTarget" => found.extend([
            Need::new("ecs:DescribeServices", &*service),
            Need::new("ecs:UpdateService", service),
        ]),
        "PutScalingPolicy" => found.extend([
            Need::new("cloudwatch:DescribeAlarms", alarms),
            Need::new("cloudwatch:PutMetricAlarm", &*alarm),
            Need::new("cloudwatch:DeleteAlarms", alarm),
        ]),
        "DeleteScalingPolicy" => found.extend([
            Need::new("cloudwatch:DescribeAlarms", alarms),
            Need::new("cloudwatch:DeleteAlarms", alarm),
        ]),
        _ => {}
    }
    Some(found)
}
