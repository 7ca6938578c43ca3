//! Rules that hold for every call: tags and repeats of creates, the end of a run, retries, secrets.

use serde_json::Value;

use super::Report;
use super::history::{History, is_absence};
use crate::call::Call;
use crate::world::value::text;

/// Creates without an idempotency token, and the lists that look for what they make.
const UNTOKENED: [(&str, &str); 9] = [
    ("CreateVpc", "DescribeVpcs"),
    ("CreateSubnet", "DescribeSubnets"),
    ("CreateInternetGateway", "DescribeInternetGateways"),
    ("AllocateAddress", "DescribeAddresses"),
    ("CreateSecurityGroup", "DescribeSecurityGroups"),
    ("CreateNetworkInterface", "DescribeNetworkInterfaces"),
    ("RegisterTaskDefinition", "ListTaskDefinitions"),
    ("CreateLoadBalancer", "DescribeLoadBalancers"),
    ("CreateTargetGroup", "DescribeTargetGroups"),
];

/// Creates that take tags.
const TAGGED: [&str; 19] = [
    "CreateVpc",
    "CreateSubnet",
    "CreateInternetGateway",
    "AllocateAddress",
    "CreateNatGateway",
    "CreateRouteTable",
    "CreateVpcEndpoint",
    "CreateSecurityGroup",
    "CreateLoadBalancer",
    "CreateTargetGroup",
    "CreateListener",
    "CreateRule",
    "CreateCluster",
    "RegisterTaskDefinition",
    "CreateService",
    "CreateRepository",
    "CreateRole",
    "CreateSecret",
    "CreateLogGroup",
];

/// Codes after which the same call may be made again: throttling, our fault, things on their way in or out.
const RETRYABLE: [&str; 46] = [
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "SlowDown",
    "PriorRequestNotComplete",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "OperationAborted",
    "OperationAbortedException",
    "InternalError",
    "InternalFailure",
    "Unavailable",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ServerException",
    "InternalServiceError",
    "InternalServiceException",
    "InternalServerError",
    "ServiceException",
    "DependencyViolation",
    "InvalidIPAddress.InUse",
    "AuthFailure",
    "InvalidGroup.InUse",
    "ResourceInUse",
    "ResourceInUseException",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "UpdateInProgressException",
    "DeleteConflict",
    "MalformedPolicyDocument",
    "MalformedPolicyDocumentException",
    "InvalidParameterException",
    "InvalidParameter",
    "InvalidRequestException",
    "ValidationException",
    "ConcurrentUpdateException",
    "FailedResourceAccessException",
    "LimitExceededException",
    "ContinuousBackupsUnavailableException",
    "NoSuchBucket",
    "MalformedPolicy",
    "ConditionalRequestConflict",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
];

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    let p = &call.parameters;
    if TAGGED.contains(&call.operation.as_str()) {
        let tagged = ["TagSpecification", "Tags", "tags"].iter().any(|k| match p.get(k) {
            Some(Value::Array(tags)) => !tags.is_empty(),
            Some(Value::Object(tags)) => !tags.is_empty(),
            _ => false,
        });
        report.require(tagged, 21, call, "carries no tags");
    }
    repeated(history, call, report);
    known_target(history, call, report);
    retried(history, call, report);
    if call.operation == "DeleteRole" {
        role(history, call, report);
    }
    if call.operation == "DeletePolicy" {
        let arn = text(p, "PolicyArn");
        let versions = history
            .done(call, "CreatePolicyVersion")
            .filter(|c| text(&c.parameters, "PolicyArn") == arn)
            .count();
        let deleted = history
            .done(call, "DeletePolicyVersion")
            .filter(|c| text(&c.parameters, "PolicyArn") == arn)
            .count();
        report.require(
            deleted >= versions,
            56,
            call,
            "a version that is not the default was not deleted before",
        );
    }
    if call.leaks_secret {
        report.add(67, call, "the request carries the value of a secret");
    }
}

/// Rule 21: a create whose answer was lost is looked for before it is made again.
fn repeated(history: &History<'_>, call: &Call, report: &mut Report) {
    let Some((_, lookup)) = UNTOKENED.iter().find(|(o, _)| *o == call.operation) else { return };
    let same = |c: &&Call| c.operation == call.operation && c.parameters == call.parameters;
    let Some(last) = history.before(call).rfind(same) else { return };
    let unclear = !last.delivered() && (last.code.is_none() || last.status >= 500);
    let looked =
        history.before(call).any(|c| c.seq > last.seq && c.operation == *lookup && c.delivered());
    let soon = call.clock - last.answered < 30.0;
    report.require(
        !unclear || !soon || looked,
        21,
        call,
        &format!("repeated after a lost answer without a look by {lookup}"),
    );
}

/// Rule 61: nothing is deleted that no answer showed.
fn known_target(history: &History<'_>, call: &Call, report: &mut Report) {
    let destroys = ["Delete", "Release", "Detach", "Terminate", "Deregister"]
        .iter()
        .any(|v| call.operation.starts_with(v));
    if !destroys || matches!(call.service.as_str(), "s3" | "dynamodb") {
        return;
    }
    for id in call.request_ids.iter().filter(|id| !id.contains(":aws:policy/")) {
        report.require(
            history.heard_of(call, id),
            61,
            call,
            &format!("{id} was in no answer before"),
        );
    }
}

/// Rule 64: the same call again only after a code that may pass.
fn retried(history: &History<'_>, call: &Call, report: &mut Report) {
    let same = |c: &&Call| {
        c.mutating
            && c.operation == call.operation
            && c.parameters == call.parameters
            && c.principal == call.principal
    };
    let Some(last) = history.before(call).rfind(same) else { return };
    let Some(code) = last.code.as_deref().filter(|_| last.status >= 400 && last.status < 500)
    else {
        return;
    };
    // The state store and the lock use conditions on purpose.
    if matches!(call.service.as_str(), "s3" | "dynamodb") {
        return;
    }
    report.require(
        RETRYABLE.contains(&code) || is_absence(code),
        64,
        call,
        &format!("repeated after {code}, which does not pass"),
    );
}

fn role(history: &History<'_>, call: &Call, report: &mut Report) {
    let name = text(&call.parameters, "RoleName");
    for (give, take, key) in [
        ("AttachRolePolicy", "DetachRolePolicy", "PolicyArn"),
        ("PutRolePolicy", "DeleteRolePolicy", "PolicyName"),
    ] {
        let given = history.done(call, give).filter(|c| text(&c.parameters, "RoleName") == name);
        for policy in given.map(|c| text(&c.parameters, key)) {
            let taken = history.before(call).any(|c| {
                c.operation == take
                    && text(&c.parameters, "RoleName") == name
                    && text(&c.parameters, key) == policy
            });
            report.require(
                taken,
                56,
                call,
                &format!("{policy} was not taken from the role before"),
            );
        }
    }
}

/// Rules about a whole log.
pub(super) fn check_whole(history: &History<'_>, report: &mut Report) {
    endpoint_rate(history, report);
    let store = |c: &Call| matches!(c.service.as_str(), "s3" | "dynamodb");
    let ends = |c: &&Call| {
        c.took_effect() && matches!(c.operation.as_str(), "DeleteBucket" | "DeleteTable")
    };
    if let Some(end) = history.calls().find(ends)
        && let Some(late) = history.calls().find(|c| c.seq > end.seq && c.mutating && !store(c))
    {
        report.add(
            58,
            late,
            format!(
                "made after {} {}",
                end.operation,
                text(&end.parameters, "Bucket").to_owned() + text(&end.parameters, "TableName")
            ),
        );
    }
}

/// Rule 7: endpoint calls come in at most four at once, then one per 3.3 seconds.
fn endpoint_rate(history: &History<'_>, report: &mut Report) {
    let (mut left, mut since): (f64, f64) = (4.0, 0.0);
    for call in history.calls() {
        if !matches!(
            call.operation.as_str(),
            "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints"
        ) {
            continue;
        }
        left = (left + (call.clock - since).max(0.0) * 0.3).min(4.0);
        since = call.clock;
        if left < 1.0 {
            report.add(7, call, "more endpoint calls than 4 at once and 0.3 a second");
        } else {
            left -= 1.0;
        }
    }
}
