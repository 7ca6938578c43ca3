//! Rules of what serves requests: they go on reaching healthy tasks while something changes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Report;
use super::history::History;
use super::kinds::{RULE, SERVICE};
use crate::call::Call;
use crate::world::traffic::learn::forwards;
use crate::world::value::{list, number, text, texts};

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    match call.operation.as_str() {
        "ModifyRule" => {
            let before = history.seen(call, &RULE, text(&call.parameters, "RuleArn"));
            if let Some(before) = before {
                switched(history, call, before, report);
            }
        }
        "CreateRule" => {
            let same = |rule: &&Value| conditions(rule) == conditions(&call.parameters);
            let known = history.known(call, &RULE);
            let here =
                |arn: &str| arn.starts_with(&rules_of(text(&call.parameters, "ListenerArn")));
            let before =
                known.iter().filter(|(arn, _)| here(arn)).map(|(_, rule)| *rule).find(same);
            if let Some(before) = before {
                switched(history, call, before, report);
            }
        }
        "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => {
            revoked(history, call, report);
        }
        _ => {}
    }
}

/// What the ARNs of a listener's rules begin with.
fn rules_of(listener: &str) -> String {
    listener.replace(":listener/", ":listener-rule/") + "/"
}

/// Rule 68: requests that reach running tasks go to another group only when it has running tasks too.
fn switched(history: &History<'_>, call: &Call, before: &Value, report: &mut Report) {
    let (old, new) = (forwards(before, "Actions"), forwards(&call.parameters, "Actions"));
    let served =
        |groups: &BTreeSet<String>| groups.iter().any(|group| is_filled(history, call, group));
    let leaves = !new.is_empty() && old.is_disjoint(&new) && served(&old);
    report.require(
        !leaves || served(&new),
        68,
        call,
        "it leads requests from a group with running tasks to one where none were seen",
    );
}

/// Whether a service was seen that runs tasks in a target group.
fn is_filled(history: &History<'_>, at: &Call, group: &str) -> bool {
    history.known(at, &SERVICE).iter().any(|(arn, service)| {
        let registers =
            list(service, "loadBalancers").iter().any(|one| text(one, "targetGroupArn") == group);
        registers && is_live(history, at, arn, service) && is_settled(service)
    })
}

fn is_live(history: &History<'_>, at: &Call, arn: &str, service: &Value) -> bool {
    text(service, "status") == "ACTIVE"
        && service["runningCount"].as_u64().unwrap_or_default() > 0
        && !history.missed(at, &SERVICE, arn)
}

/// Whether its last deployment is the only one left.
fn is_settled(service: &Value) -> bool {
    list(service, "deployments").len() <= 1
}

/// Rule 69: the ports of a live service stay open, the old ones until its new tasks have taken their place.
fn revoked(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    let ids = texts(p, "SecurityGroupRuleId");
    let rules: Vec<&Value> = ids.iter().filter_map(|id| described(history, call, id)).collect();
    for (arn, service) in history.known(call, &SERVICE) {
        if !is_live(history, call, arn, service) {
            continue;
        }
        let groups = service.pointer("/networkConfiguration/awsvpcConfiguration/securityGroups");
        let groups: Vec<&str> = groups
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let ports = ports(history, call, arn);
        let carries = |rule: &&Value| {
            let peer = rule.pointer("/referencedGroupInfo/groupId").and_then(Value::as_str);
            let own =
                if call.operation.ends_with("Egress") { peer } else { Some(text(rule, "groupId")) };
            own.is_some_and(|own| groups.contains(&own))
                && number(rule, "fromPort").is_some_and(|port| ports.contains(&port))
        };
        report.require(
            !rules.iter().any(carries),
            69,
            call,
            &format!("{arn} has running tasks that are reached by it"),
        );
    }
}

/// A rule of a security group as last shown.
fn described<'a>(history: &History<'a>, at: &Call, id: &str) -> Option<&'a Value> {
    let looks =
        history.before(at).filter(|c| c.operation == "DescribeSecurityGroupRules" && c.delivered());
    looks
        .flat_map(|c| list(&c.response, "securityGroupRuleSet"))
        .filter(|rule| text(rule, "securityGroupRuleId") == id)
        .last()
}

/// The ports of a service's tasks since it was last seen with one deployment only.
fn ports(history: &History<'_>, at: &Call, arn: &str) -> BTreeSet<i64> {
    let mut ports = BTreeSet::new();
    for service in history.shows(at, &SERVICE, arn) {
        if is_settled(service) {
            ports.clear();
        }
        ports.extend(
            list(service, "loadBalancers").iter().filter_map(|one| number(one, "containerPort")),
        );
    }
    ports
}

/// The conditions of a rule: pairs of field and value.
fn conditions(rule: &Value) -> BTreeSet<(String, String)> {
    let pairs = list(rule, "Conditions").iter().flat_map(|condition| {
        let field = text(condition, "Field").to_owned();
        let mut values = texts(condition, "Values");
        for config in ["PathPatternConfig", "HostHeaderConfig"] {
            values
                .extend(condition.get(config).map(|one| texts(one, "Values")).unwrap_or_default());
        }
        values.into_iter().map(move |value| (field.clone(), value))
    });
    pairs.collect()
}
