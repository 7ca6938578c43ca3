//! Each start of a task: what its definition asks of the roles, against the policies that they were last given. AWS takes
//! the definition and the service, and then no task starts. Sources: ECS Developer Guide, "Amazon ECS task execution IAM
//! role" and "ECS Exec permissions".

use std::collections::BTreeMap;

use serde_json::Value;

use super::Report;
use super::history::History;
use super::service::definition;
use crate::call::Call;
use crate::world::compute::tail;
use crate::world::value::{like, list, text};

const PULL: [&str; 3] =
    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const EXEC: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    if !matches!(call.operation.as_str(), "CreateService" | "UpdateService" | "RunTask") {
        return;
    }
    let p = &call.parameters;
    let Some(definition) = definition(history, call, text(p, "taskDefinition")) else { return };
    let execution = tail(text(definition, "executionRoleArn"));
    for (action, on) in to_start(definition) {
        lacks(history, call, execution, &action, &on, report);
    }
    if p.get("enableExecuteCommand").and_then(Value::as_bool) == Some(true) {
        let role = tail(text(definition, "taskRoleArn"));
        report.require(!role.is_empty(), 70, call, "ECS Exec without a task role");
        for action in EXEC.iter().filter(|_| !role.is_empty()) {
            lacks(history, call, role, action, "*", report);
        }
    }
}

/// Actions with their resources that ECS takes in the name of the execution role.
fn to_start(definition: &Value) -> Vec<(String, String)> {
    let mut needs = Vec::new();
    let mut need = |action: &str, on: &str| needs.push((action.to_owned(), on.to_owned()));
    for container in list(definition, "containerDefinitions") {
        if let Some(repository) = repository(text(container, "image")) {
            need("ecr:GetAuthorizationToken", "*");
            PULL.iter().for_each(|action| need(action, &repository));
        }
        for secret in list(container, "secrets") {
            let from = text(secret, "valueFrom");
            if from.contains(":secretsmanager:") {
                let arn: Vec<&str> = from.split(':').take(7).collect();
                need("secretsmanager:GetSecretValue", &arn.join(":"));
            } else if from.starts_with("arn:") {
                need("ssm:GetParameters", from);
            }
        }
        for file in list(container, "environmentFiles") {
            let object = text(file, "value");
            need("s3:GetObject", object);
            need("s3:GetBucketLocation", object.split('/').next().unwrap_or(object));
        }
        let credentials = container.pointer("/repositoryCredentials/credentialsParameter");
        if let Some(secret) = credentials.and_then(Value::as_str) {
            need("secretsmanager:GetSecretValue", secret);
        }
    }
    needs
}

/// The ARN of the ECR repository that an image is in.
fn repository(image: &str) -> Option<String> {
    let (host, path) = image.split_once('/')?;
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let (region, domain) = rest.split_once('.')?;
    let partition = match (domain, region.starts_with("us-gov-")) {
        ("amazonaws.com.cn", _) => "aws-cn",
        (_, true) => "aws-us-gov",
        _ => "aws",
    };
    let name = path.split(['@', ':']).next()?;
    Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

/// Complains when none of the role's policies allows an action. Judges only roles whose every policy the log shows: those
/// that were made in it, and got inline policies only.
fn lacks(
    history: &History<'_>,
    call: &Call,
    role: &str,
    action: &str,
    on: &str,
    report: &mut Report,
) {
    let of_role = |operation| {
        history.done(call, operation).filter(|c| text(&c.parameters, "RoleName") == role)
    };
    if of_role("CreateRole").next().is_none() || of_role("AttachRolePolicy").next().is_some() {
        return;
    }
    let mut policies: BTreeMap<&str, Option<Value>> = BTreeMap::new();
    let changes = history.before(call).filter(|c| {
        c.took_effect()
            && matches!(c.operation.as_str(), "PutRolePolicy" | "DeleteRolePolicy")
            && text(&c.parameters, "RoleName") == role
    });
    for change in changes {
        let document = serde_json::from_str(text(&change.parameters, "PolicyDocument")).ok();
        policies.insert(text(&change.parameters, "PolicyName"), document);
    }
    // A role without a policy is rule 13's.
    if policies.is_empty() {
        return;
    }
    let mut statements =
        policies.values().flatten().flat_map(|policy| match &policy["Statement"] {
            Value::Array(many) => many.iter().collect::<Vec<_>>(),
            one => vec![one],
        });
    let allowed = statements.any(|statement| {
        let any = |key: &str, subject: &str| match &statement[key] {
            Value::Array(some) => {
                some.iter().filter_map(Value::as_str).any(|pattern| like(pattern, subject))
            }
            one => one.as_str().is_some_and(|pattern| like(pattern, subject)),
        };
        statement["Effect"] == "Allow" && any("Action", action) && any("Resource", on)
    });
    report.require(
        allowed,
        70,
        call,
        &format!("the role {role} may not {action} on {on}, which a task needs"),
    );
}
