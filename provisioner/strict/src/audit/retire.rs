//! Rules of taking services down: what must wait until a service is gone.

use serde_json::Value;

use super::Report;
use super::history::History;
use super::kinds::{BALANCER, LISTENER, RULE, SERVICE};
use super::service::{definition, log_groups, secrets, shown};
use crate::call::Call;
use crate::world::compute::{cluster_name, tail};
use crate::world::traffic::learn::forwards;
use crate::world::value::{list, number, text};

/// What must wait until services are gone.
pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    match call.operation.as_str() {
        "UpdateService" if number(p, "desiredCount") == Some(0) => unscaled(history, call, report),
        "DeleteService" => {
            unscaled(history, call, report);
            let force = p.get("force").and_then(Value::as_bool) == Some(true);
            let emptied = history.done(call, "UpdateService").any(|c| {
                cluster_name(&c.parameters) == cluster_name(p)
                    && tail(text(&c.parameters, "service")) == tail(text(p, "service"))
                    && number(&c.parameters, "desiredCount") == Some(0)
            });
            let seen = service(history, call, &cluster_name(p), tail(text(p, "service")));
            let zero = seen.is_some_and(|s| number(s, "desiredCount") == Some(0));
            report.require(
                force || emptied || zero,
                27,
                call,
                "neither forced nor scaled to zero before",
            );
        }
        "DeregisterScalableTarget" => {
            let id = text(p, "ResourceId");
            let policies = history
                .done(call, "PutScalingPolicy")
                .filter(|c| text(&c.parameters, "ResourceId") == id);
            for name in policies.map(|c| text(&c.parameters, "PolicyName")) {
                let deleted = history.did(call, "DeleteScalingPolicy", "PolicyName", name);
                report.require(deleted, 26, call, &format!("policy {name} was not deleted before"));
            }
        }
        "DeleteCluster" => {
            let cluster = cluster_name(p);
            for (arn, _) in history
                .known(call, &SERVICE)
                .into_iter()
                .filter(|(arn, _)| in_cluster(arn, &cluster))
            {
                report.require(
                    inactive(history, call, arn),
                    28,
                    call,
                    &format!("{arn} was not seen `INACTIVE`"),
                );
            }
            let idle =
                history.done(call, "ListTasks").rfind(|c| cluster_name(&c.parameters) == cluster);
            report.require(
                idle.is_some_and(|c| list(&c.response, "taskArns").is_empty()),
                28,
                call,
                "its tasks were not seen gone by ListTasks",
            );
        }
        "DeregisterTaskDefinition" => {
            let named = tail(text(p, "taskDefinition"));
            for (arn, s) in history.known(call, &SERVICE) {
                let uses =
                    tail(text(s, "taskDefinition")) == named && !inactive(history, call, arn);
                report.require(!uses, 60, call, &format!("{arn} still runs this revision"));
            }
        }
        _ => used(history, call, report),
    }
}

/// What must wait until the services that use it are gone.
fn used(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    match call.operation.as_str() {
        "DeleteRole" | "DetachRolePolicy" | "DeleteRolePolicy" => {
            for arn in users(history, call, |d| {
                [text(d, "executionRoleArn"), text(d, "taskRoleArn")]
                    .iter()
                    .any(|r| tail(r) == text(p, "RoleName"))
            }) {
                report.require(
                    inactive(history, call, &arn),
                    29,
                    call,
                    &format!("{arn}, which uses the role, was not seen `INACTIVE`"),
                );
            }
        }
        "DeleteTargetGroup" => target_group(history, call, report),
        "DeleteLogGroup" => {
            let name = text(p, "logGroupName");
            for arn in users(history, call, |d| log_groups(d).iter().any(|g| g == name)) {
                report.require(
                    inactive(history, call, &arn),
                    49,
                    call,
                    &format!("{arn}, which writes to it, was not seen `INACTIVE`"),
                );
            }
        }
        "DeleteSecret" => {
            let id = text(p, "SecretId");
            for arn in users(history, call, |d| secrets(d).iter().any(|arn| is_secret(arn, id))) {
                report.require(
                    inactive(history, call, &arn),
                    71,
                    call,
                    &format!("{arn}, whose tasks start with it, was not seen `INACTIVE`"),
                );
            }
        }
        "DeleteRepository" => {
            let repository = format!("/{}", text(p, "repositoryName"));
            let from = |image: &str| {
                image.contains(".dkr.ecr.")
                    && image.split(['@', ':']).next().is_some_and(|i| i.ends_with(&repository))
            };
            for arn in users(history, call, |d| {
                list(d, "containerDefinitions").iter().any(|c| from(text(c, "image")))
            }) {
                report.require(
                    inactive(history, call, &arn),
                    59,
                    call,
                    &format!("{arn}, which runs its images, was not seen `INACTIVE`"),
                );
            }
        }
        _ => {}
    }
}

fn in_cluster(arn: &str, cluster: &str) -> bool {
    arn.rsplit('/').nth(1) == Some(cluster)
}

fn service<'a>(history: &History<'a>, at: &Call, cluster: &str, name: &str) -> Option<&'a Value> {
    history
        .known(at, &SERVICE)
        .into_iter()
        .find(|(arn, _)| in_cluster(arn, cluster) && tail(arn) == name)
        .map(|(_, s)| s)
}

/// Whether the client saw the service gone: `INACTIVE`, or looked for in vain.
fn inactive(history: &History<'_>, at: &Call, arn: &str) -> bool {
    let status = history.seen(at, &SERVICE, arn).map_or("", |s| text(s, "status"));
    status == "INACTIVE" || history.missed(at, &SERVICE, arn)
}

/// Services that run a task definition for which this holds, be it in a deployment that is not yet over.
fn users(history: &History<'_>, at: &Call, used: impl Fn(&Value) -> bool) -> Vec<String> {
    let services = history.known(at, &SERVICE).into_iter();
    services
        .filter(|(_, s)| {
            let deployments = list(s, "deployments").iter().map(|d| text(d, "taskDefinition"));
            let mut revisions = deployments.chain([text(s, "taskDefinition")]);
            revisions.any(|name| definition(history, at, name).is_some_and(&used))
        })
        .map(|(arn, _)| arn.to_owned())
        .collect()
}

/// Whether a secret's ARN is meant by the ARN or the name in a request.
fn is_secret(arn: &str, id: &str) -> bool {
    arn == id
        || arn
            .rsplit(':')
            .next()
            .and_then(|last| last.rsplit_once('-'))
            .is_some_and(|(n, _)| n == id)
}

/// Rule 25: a scaler must not raise what is being taken down.
fn unscaled(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    let id = format!("service/{}/{}", cluster_name(p), tail(text(p, "service")));
    let registered = history.did(call, "RegisterScalableTarget", "ResourceId", &id)
        || shown(history, call, "DescribeScalableTargets", &id);
    let removed = history.before(call).any(|c| {
        c.operation == "DeregisterScalableTarget"
            && text(&c.parameters, "ResourceId") == id
            && (c.took_effect() || c.code.as_deref() == Some("ObjectNotFoundException"))
    });
    report.require(
        !registered || removed,
        25,
        call,
        "its scalable target was not deregistered before",
    );
}

fn target_group(history: &History<'_>, call: &Call, report: &mut Report) {
    let group = text(&call.parameters, "TargetGroupArn");
    for (arn, listener) in history.known(call, &LISTENER) {
        if forwards(listener, "DefaultActions").contains(group) {
            let gone = history.gone(call, &LISTENER, arn)
                || history.gone(call, &BALANCER, text(listener, "LoadBalancerArn"));
            report.require(gone, 32, call, &format!("{arn} still forwards to it"));
        }
    }
    for (arn, rule) in history.known(call, &RULE) {
        if forwards(rule, "Actions").contains(group) {
            // arn:..:listener-rule/app/name/id/listener/rule belongs to arn:..:listener/app/name/id/listener.
            let listener = arn
                .rsplit_once('/')
                .map_or(arn, |(l, _)| l)
                .replace(":listener-rule/", ":listener/");
            let owner =
                history.seen(call, &LISTENER, &listener).map_or("", |l| text(l, "LoadBalancerArn"));
            let gone = history.gone(call, &RULE, arn)
                || history.gone(call, &LISTENER, &listener)
                || history.gone(call, &BALANCER, owner);
            report.require(gone, 32, call, &format!("{arn} still forwards to it"));
        }
    }
    let services = history.known(call, &SERVICE).into_iter();
    for (arn, _) in services.filter(|(_, s)| {
        list(s, "loadBalancers").iter().any(|l| text(l, "targetGroupArn") == group)
    }) {
        report.require(
            inactive(history, call, arn),
            32,
            call,
            &format!("{arn}, which registers targets in it, was not seen `INACTIVE`"),
        );
    }
}
