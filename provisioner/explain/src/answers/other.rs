//! `DescribeTargetHealth`, `DescribeTargetGroups` and `FilterLogEvents`.

use jiff::Timestamp;
use serde_json::Value;

use super::{list, number, text};
use crate::picture::{HealthCheck, LogLine, Target};

pub(super) fn targets(answer: &Value) -> Vec<Target> {
    let described = list(answer, "TargetHealthDescriptions").iter();
    described
        .map(|it| {
            let (target, health) = (&it["Target"], &it["TargetHealth"]);
            Target {
                id: text(target, "Id"),
                port: number(target, "Port"),
                state: text(health, "State"),
                reason: text(health, "Reason"),
                description: text(health, "Description"),
            }
        })
        .collect()
}

pub(super) fn health_check(answer: &Value) -> Option<HealthCheck> {
    let group = list(answer, "TargetGroups").first()?;
    Some(HealthCheck {
        path: text(group, "HealthCheckPath"),
        port: text(group, "HealthCheckPort"),
        codes: text(&group["Matcher"], "HttpCode"),
        interval: number(group, "HealthCheckIntervalSeconds"),
        timeout: number(group, "HealthCheckTimeoutSeconds"),
        healthy: number(group, "HealthyThresholdCount"),
        unhealthy: number(group, "UnhealthyThresholdCount"),
    })
}

pub(super) fn logs(answer: &Value) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = list(answer, "events")
        .iter()
        .map(|it| {
            let stream = text(it, "logStreamName");
            let mut parts = stream.rsplit('/');
            let task = parts.next().unwrap_or_default().into();
            let container = parts.next().unwrap_or_default().into();
            let at = it["timestamp"].as_i64().and_then(|at| Timestamp::from_millisecond(at).ok());
            LogLine { at, task, container, line: text(it, "message") }
        })
        .collect();
    lines.sort_by_key(|line| line.at);
    lines
}
