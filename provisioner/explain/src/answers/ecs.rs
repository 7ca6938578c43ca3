//! `DescribeServices` and `DescribeTasks`.

use serde_json::Value;

use super::{list, number, text, time};
use crate::picture::{Container, Counts, Deployment, Event, Picture, Task, short};

/// Fills in what a service says of itself.
pub(super) fn service(service: &Value, picture: &mut Picture) {
    picture.counts = counts(service);
    picture.grace = service["healthCheckGracePeriodSeconds"]
        .as_u64()
        .and_then(|seconds| seconds.try_into().ok());
    picture.deployments = list(service, "deployments")
        .iter()
        .map(|it| Deployment {
            id: text(it, "id"),
            status: text(it, "status"),
            task_definition: text(it, "taskDefinition"),
            rollout_state: text(it, "rolloutState"),
            rollout_reason: text(it, "rolloutStateReason"),
            failed_tasks: number(it, "failedTasks"),
            counts: counts(it),
            created_at: time(it, "createdAt"),
        })
        .collect();
    picture.events = list(service, "events")
        .iter()
        .map(|it| Event { at: time(it, "createdAt"), message: text(it, "message") })
        .collect();
}

fn counts(value: &Value) -> Counts {
    Counts {
        desired: number(value, "desiredCount"),
        running: number(value, "runningCount"),
        pending: number(value, "pendingCount"),
    }
}

/// The tasks of one answer, or of a list of answers.
pub(super) fn tasks(answer: &Value) -> Vec<Task> {
    if let Some(answers) = answer.as_array() {
        return answers.iter().flat_map(tasks).collect();
    }
    list(answer, "tasks").iter().map(task).collect()
}

fn task(task: &Value) -> Task {
    let arn = text(task, "taskArn");
    Task {
        id: short(&arn).into(),
        task_definition: text(task, "taskDefinitionArn"),
        last_status: text(task, "lastStatus"),
        stop_code: text(task, "stopCode"),
        stopped_reason: text(task, "stoppedReason"),
        containers: list(task, "containers").iter().map(container).collect(),
        address: address(task),
        created_at: time(task, "createdAt"),
        started_at: time(task, "startedAt"),
        stopped_at: time(task, "stoppedAt"),
    }
}

fn container(container: &Value) -> Container {
    Container {
        name: text(container, "name"),
        last_status: text(container, "lastStatus"),
        exit_code: container["exitCode"].as_i64().and_then(|code| code.try_into().ok()),
        reason: text(container, "reason"),
        health: text(container, "healthStatus"),
    }
}

fn address(task: &Value) -> Option<String> {
    let details = list(task, "attachments").iter().flat_map(|it| list(it, "details"));
    let attached =
        details.filter(|it| it["name"] == "privateIPv4Address").map(|it| text(it, "value"));
    let interfaces = list(task, "containers").iter().flat_map(|it| list(it, "networkInterfaces"));
    attached
        .chain(interfaces.map(|it| text(it, "privateIpv4Address")))
        .find(|address| !address.is_empty())
}
