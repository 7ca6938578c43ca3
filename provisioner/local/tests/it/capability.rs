//! Asks a running MiniStack about every row of the table. A row without a question fails, so does a new release that
//! behaves otherwise.

mod account;
mod compute;
mod network;
mod stack;

use local::{Level, capabilities};
use serde_json::{Value, json};

use crate::support::Project;
use stack::Stack;

/// What the running one shows for a row.
fn measured(stack: &Stack, service: &str, operation: &str) -> Option<Level> {
    Some(match service {
        "ec2" => network::ec2(stack, operation)?,
        "elasticloadbalancing" => network::elasticloadbalancing(stack, operation)?,
        "ecs" => compute::ecs(stack, operation)?,
        "ecr" => compute::ecr(stack, operation)?,
        "logs" => compute::logs(stack, operation),
        "application-autoscaling" => absent(stack.aws.json(
            "application-autoscaling",
            "AnyScaleFrontendService.DescribeScalableTargets",
            &json!({ "ServiceNamespace": "ecs" }),
        )),
        "servicequotas" => absent(stack.aws.json(
            "servicequotas",
            "ServiceQuotasV20190624.GetServiceQuota",
            &json!({ "ServiceCode": "vpc", "QuotaCode": "L-F678F1CE" }),
        )),
        "secretsmanager" => account::secrets(stack),
        "iam" => account::users(stack),
        "s3" => account::objects(stack),
        "dynamodb" => account::rows(stack),
        "tagging" => account::tags(stack),
        _ => return None,
    })
}

/// Whether the effect is there, where the call itself is accepted.
fn level(emulated: bool) -> Level {
    if emulated { Level::Emulated } else { Level::StoredOnly }
}

fn absent((status, answer): (u16, Value)) -> Level {
    let unsupported = status == 400 && answer.to_string().contains("Unsupported service");
    if unsupported { Level::Absent } else { Level::Emulated }
}

#[tokio::test]
async fn every_row_is_what_a_running_one_shows() {
    let project = Project::new();
    let started = project.start().await;
    let stack = Stack::new(started.running.port);
    let mut wrong = Vec::new();
    for row in capabilities(false) {
        let measured = measured(&stack, row.service, row.operation);
        if measured != Some(row.level) {
            wrong.push(format!(
                "{} {}: says {:?}, shows {measured:?}",
                row.service, row.operation, row.level
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn docker_changes_the_rows_about_tasks_and_no_others() {
    let (without, with) = (capabilities(false), capabilities(true));
    let changed: Vec<&str> = std::iter::zip(&without, &with)
        .filter(|(one, other)| one != other)
        .map(|(_, other)| {
            assert_eq!(other.level, Level::Emulated);
            other.operation
        })
        .collect();
    let expected = [
        "service tasks",
        "one-off tasks",
        "target registration",
        "secrets of tasks",
        "task output",
    ];
    assert_eq!(changed, expected);
    let names: std::collections::BTreeSet<_> =
        with.iter().map(|row| (row.service, row.operation)).collect();
    assert_eq!(names.len(), with.len());
}
