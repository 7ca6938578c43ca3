//! What overridden fields need of a service's roles: AWS takes the fields without, and then no task starts.

use std::collections::BTreeMap;

use engine::Input;
use serde_json::Value;

use crate::environment::{Override, Service};

/// Actions and the resources that they are needed on.
pub(super) type Needs = Vec<(&'static [&'static str], Vec<Input>)>;

/// What ECS needs before it starts the container: the execution role's part (ECS Developer Guide, "Amazon ECS task
/// execution IAM role", "Required IAM permissions for environment files" and "for private registry authentication").
pub(super) fn to_start(service: &Service) -> Needs {
    let container = &service.overrides.container;
    let mut needs = Needs::new();
    for file in members(container, "environmentFiles") {
        let Some(object) = file["value"].as_str() else { continue };
        let bucket = object.split('/').next().unwrap_or(object);
        needs.push((&["s3:GetObject"], vec![object.into()]));
        needs.push((&["s3:GetBucketLocation"], vec![bucket.into()]));
    }
    let credentials = container.get("repositoryCredentials");
    if let Some(secret) = credentials.and_then(|it| it["credentialsParameter"].as_str()) {
        needs.push((&["secretsmanager:GetSecretValue"], vec![secret.into()]));
    }
    needs
}

/// What the task itself needs: the task role's part.
pub(super) fn to_run(service: &Service, partition: &str, region: &str) -> Needs {
    let mut needs = Needs::new();
    // ECS Developer Guide, "ECS Exec permissions". A service without a task role is refused.
    if service.overrides.service.get("enableExecuteCommand") == Some(&Value::Bool(true)) {
        needs.push((
            &[
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            vec!["*".into()],
        ));
    }
    // EFS User Guide, "Using IAM to control access to file systems". Without `iam: ENABLED` no right is asked for.
    for volume in members(&service.overrides.task_definition, "volumes") {
        let efs = &volume["efsVolumeConfiguration"];
        let (Some(system), Some("ENABLED")) =
            (efs["fileSystemId"].as_str(), efs["authorizationConfig"]["iam"].as_str())
        else {
            continue;
        };
        // The id is unique in AWS, whichever account has it.
        let arn = format!("arn:{partition}:elasticfilesystem:{region}:*:file-system/{system}");
        let actions: &[&str] = if is_written(&service.overrides, &volume["name"]) {
            &["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
        } else {
            &["elasticfilesystem:ClientMount"]
        };
        needs.push((actions, vec![arn.into()]));
    }
    needs
}

fn is_written(overrides: &Override, volume: &Value) -> bool {
    let mounts = members(&overrides.container, "mountPoints");
    let mut mounts = mounts.iter().filter(|mount| mount["sourceVolume"] == *volume);
    mounts.any(|mount| mount["readOnly"] != true)
}

fn members<'a>(fields: &'a BTreeMap<String, Value>, key: &str) -> &'a [Value] {
    fields.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
