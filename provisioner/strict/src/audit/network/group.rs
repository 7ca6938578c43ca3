//! Security groups: who is behind one, and who names it.

use serde_json::Value;

use super::{balancer_gone, endpoint_gone};
use crate::audit::Report;
use crate::audit::history::History;
use crate::audit::kinds::{BALANCER, ENDPOINT, GROUP};
use crate::call::Call;
use crate::world::value::{list, text, texts};

pub(super) fn delete(history: &History<'_>, call: &Call, report: &mut Report) {
    let id = text(&call.parameters, "GroupId");
    let made =
        history.done(call, "CreateSecurityGroup").find(|c| text(&c.response, "groupId") == id);
    let vpc = match (history.seen(call, &GROUP, id), made) {
        (Some(group), _) => text(group, "vpcId"),
        (None, Some(made)) => text(&made.parameters, "VpcId"),
        (None, None) => "",
    };
    let place = [("group-id", id), ("vpc-id", vpc)];
    for (arn, balancer) in history.known(call, &BALANCER) {
        if texts(balancer, "SecurityGroups").iter().any(|g| g == id) {
            let clear = balancer_gone(history, call, arn, &place);
            report.require(clear, 34, call, &format!("the interfaces of {arn} were not seen gone"));
        }
    }
    for other in naming(history, call, id) {
        report.add(35, call, format!("{other} still has a rule that names {id}"));
    }
    let used = history.before(call).filter(|c| {
        matches!(c.operation.as_str(), "CreateService" | "UpdateService" | "DescribeServices")
    });
    if used.into_iter().any(|c| in_tasks(&c.parameters, id) || in_tasks(&c.response, id)) {
        let enis = history.interfaces(call, &place);
        let free = enis.is_some_and(|enis| {
            !enis.iter().any(|e| list(e, "groupSet").iter().any(|g| text(g, "groupId") == id))
        });
        report.require(
            free,
            36,
            call,
            &format!("no look for interfaces with {id} came back empty"),
        );
    }
    for (endpoint, object) in history.known(call, &ENDPOINT) {
        let with = object.get("groupSet").is_some_and(|s| s.to_string().contains(id))
            || history.done(call, "CreateVpcEndpoint").any(|c| {
                c.response_ids.iter().any(|i| i == endpoint)
                    && texts(&c.parameters, "SecurityGroupId").iter().any(|g| g == id)
            });
        if with {
            endpoint_gone(history, call, endpoint, report);
        }
    }
}

fn in_tasks(value: &Value, group: &str) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(k, v)| {
            (k == "securityGroups" && v.as_array().is_some_and(|g| g.iter().any(|g| g == group)))
                || in_tasks(v, group)
        }),
        Value::Array(items) => items.iter().any(|v| in_tasks(v, group)),
        _ => false,
    }
}

/// Groups with a rule, never revoked, that names another group.
fn naming(history: &History<'_>, at: &Call, id: &str) -> Vec<String> {
    let granted = history
        .before(at)
        .filter(|c| c.took_effect() && c.operation.starts_with("AuthorizeSecurityGroup"));
    let granted = granted
        .filter(|c| peers(&c.parameters).iter().any(|g| g == id))
        .map(|c| (text(&c.parameters, "GroupId"), c.seq));
    let groups = history.known(at, &GROUP);
    let described =
        groups.iter().filter(|(_, g)| peers(g).iter().any(|p| p == id)).map(|(id, _)| (*id, 0));
    let mut found: Vec<String> = granted
        .chain(described)
        .filter(|(other, since)| {
            let revoked = history.before(at).any(|c| {
                c.seq > *since
                    && c.operation.starts_with("RevokeSecurityGroup")
                    && (c.took_effect() || c.code.as_deref() == Some("InvalidPermission.NotFound"))
                    && text(&c.parameters, "GroupId") == *other
            });
            let clean = *since > 0
                && groups.get(other).is_some_and(|g| {
                    g.get("ipPermissions").is_some() && !peers(g).iter().any(|p| p == id)
                });
            *other != id && !revoked && !clean && !history.gone(at, &GROUP, other)
        })
        .map(|(other, _)| other.to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The groups that a request's or a description's rules name.
fn peers(value: &Value) -> Vec<String> {
    let sets = ["IpPermissions", "ipPermissions", "ipPermissionsEgress"];
    let permissions = sets.iter().flat_map(|k| list(value, k));
    permissions
        .flat_map(|p| list(p, "Groups").iter().chain(list(p, "groups")))
        .map(|g| text(g, "GroupId").to_owned() + text(g, "groupId"))
        .collect()
}
