//! Rules of services: what a service needs before it starts, and what must wait until it is gone.

use serde_json::Value;

use super::Report;
use super::create::{egress, fronted, private_subnets};
use super::history::{History, names};
use super::kinds::SERVICE;
use crate::call::Call;
use crate::world::compute::tail;
use crate::world::value::{list, text};

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    match call.operation.as_str() {
        "CreateService" => create(history, call, report),
        "UpdateService" => {
            revision(call, report);
        }
        "RegisterScalableTarget" => {
            let active = history
                .known(call, &SERVICE)
                .into_iter()
                .any(|(arn, s)| scales(p, arn) && text(s, "status") == "ACTIVE");
            report.require(active, 15, call, "the service was not seen `ACTIVE`");
        }
        "PutScalingPolicy" => {
            let id = text(p, "ResourceId");
            let registered = history.did(call, "RegisterScalableTarget", "ResourceId", id)
                || shown(history, call, "DescribeScalableTargets", id);
            report.require(registered, 15, call, "its scalable target was not registered before");
        }
        _ => {}
    }
}

fn create(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    revision(call, report);
    for group in
        list(p, "loadBalancers").iter().map(|l| text(l, "targetGroupArn")).filter(|g| !g.is_empty())
    {
        report.require(
            fronted(history, call, group),
            12,
            call,
            &format!("no listener or rule forwards to {group}"),
        );
    }
    if let Some(definition) = definition(history, call, text(p, "taskDefinition")) {
        for group in log_groups(definition) {
            let exists = history.did(call, "CreateLogGroup", "logGroupName", &group)
                || shown(history, call, "DescribeLogGroups", &group);
            report.require(
                exists,
                13,
                call,
                &format!("log group {group} was not created or seen before"),
            );
        }
        for secret in secrets(definition) {
            let valued = history
                .before(call)
                .filter(|c| c.took_effect() && c.service == "secretsmanager")
                .any(|c| {
                    let known = names(&c.parameters, "SecretId", &secret)
                        || c.response.to_string().contains(&secret);
                    known
                        && (c.operation != "CreateSecret"
                            || c.parameters.get("SecretString").is_some()
                            || c.parameters.get("SecretBinary").is_some())
                });
            report.require(
                valued,
                13,
                call,
                &format!("secret {secret} has no value that was seen"),
            );
        }
        for role in ["executionRoleArn", "taskRoleArn"]
            .map(|k| tail(text(definition, k)))
            .into_iter()
            .filter(|r| !r.is_empty())
        {
            let made =
                history.done(call, "CreateRole").any(|c| text(&c.parameters, "RoleName") == role);
            let granted = ["AttachRolePolicy", "PutRolePolicy"]
                .iter()
                .any(|o| history.did(call, o, "RoleName", role));
            let execution = tail(text(definition, "executionRoleArn")) == role;
            let complete = if made {
                granted || !execution
            } else {
                history.before(call).any(|c| {
                    c.delivered()
                        && !c.mutating
                        && c.service == "iam"
                        && (text(&c.parameters, "RoleName") == role
                            || c.response.to_string().contains(&format!("\"{role}\"")))
                })
            };
            report.require(
                complete,
                13,
                call,
                &format!("role {role} was not seen with its policies"),
            );
        }
    }
    for subnet in private_subnets(p) {
        if egress(history, call, &subnet) == Some(false) {
            report.add(
                14,
                call,
                format!("{subnet} has no NAT gateway or endpoints that were seen `available`"),
            );
        }
    }
}

fn revision(call: &Call, report: &mut Report) {
    let named = tail(text(&call.parameters, "taskDefinition"));
    report.require(
        named.is_empty() || named.contains(':'),
        17,
        call,
        "names a bare family instead of a revision",
    );
}

/// The task definition as registered or described.
pub(super) fn definition<'a>(history: &History<'a>, at: &Call, name: &str) -> Option<&'a Value> {
    history
        .before(at)
        .filter(|c| c.delivered())
        .filter_map(|c| c.response.get("taskDefinition").filter(|d| d.is_object()))
        .rfind(|d| tail(text(d, "taskDefinitionArn")) == tail(name) || text(d, "family") == name)
}

pub(super) fn log_groups(definition: &Value) -> Vec<String> {
    let containers = list(definition, "containerDefinitions").iter();
    containers
        .filter_map(|c| c.pointer("/logConfiguration/options/awslogs-group")?.as_str())
        .map(str::to_owned)
        .collect()
}

/// The ARNs of the secrets, without JSON key and version.
pub(super) fn secrets(definition: &Value) -> Vec<String> {
    let containers = list(definition, "containerDefinitions").iter();
    let from = containers.flat_map(|c| list(c, "secrets")).map(|s| text(s, "valueFrom"));
    from.filter(|v| v.contains(":secretsmanager:"))
        .map(|v| v.split(':').take(7).collect::<Vec<_>>().join(":"))
        .collect()
}

pub(super) fn scales(p: &Value, arn: &str) -> bool {
    text(p, "ResourceId")
        .strip_prefix("service/")
        .is_some_and(|id| arn.ends_with(&format!("/{id}")))
}

pub(super) fn shown(history: &History<'_>, at: &Call, operation: &str, id: &str) -> bool {
    history.before(at).any(|c| {
        c.operation == operation
            && c.delivered()
            && c.response.to_string().contains(&format!("\"{id}\""))
    })
}
