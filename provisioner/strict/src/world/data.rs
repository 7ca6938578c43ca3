//! Secrets in their recovery window, tables on their way, scaling targets. Sources: Secrets Manager, DynamoDB and
//! Application Auto Scaling API references (error lists).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compute::Compute;
use super::durations::{SECRET_FORCED, TABLE_BACKUPS, TABLE_CREATE};
use super::value::{number, text};
use crate::wire::Request;
use crate::wire::error::Fault;

const DAY: f64 = 86_400.0;

#[derive(Debug, Default)]
pub(crate) struct Data {
    /// Secret name to its ARN and, when deleted, until when the name is taken.
    secrets: BTreeMap<String, (String, Option<f64>)>,
    /// Table name to its creation.
    tables: BTreeMap<String, f64>,
    /// Resource ids of scalable targets.
    targets: BTreeSet<String>,
    repositories: BTreeSet<String>,
    log_groups: BTreeSet<String>,
}

impl Data {
    /// Adds what exists to an inventory; secrets in their recovery window do not.
    pub(super) fn inventory(&self, add: &mut dyn FnMut(&str, Vec<String>)) {
        let kept = self.secrets.iter().filter(|(_, (_, until))| until.is_none());
        add("secret", kept.map(|(name, _)| name.clone()).collect());
        add("table", self.tables.keys().cloned().collect());
        add("scalable-target", self.targets.iter().cloned().collect());
        add("repository", self.repositories.iter().cloned().collect());
        add("log-group", self.log_groups.iter().cloned().collect());
    }

    fn secret(&self, p: &Value) -> Option<&(String, Option<f64>)> {
        let id = text(p, "SecretId");
        self.secrets.get(id).or_else(|| self.secrets.values().find(|(arn, _)| arn == id))
    }

    pub(crate) fn refuse(&self, request: &Request, compute: &Compute, now: f64) -> Option<Fault> {
        let p = &request.parameters;
        match (request.service.as_str(), request.operation.as_str()) {
            ("secretsmanager", "CreateSecret") => {
                let (_, until) = self.secrets.get(text(p, "Name"))?;
                until.is_some_and(|until| now < until).then(|| {
                    let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
                    Fault::refusal("InvalidRequestException", message)
                })
            }
            ("secretsmanager", "GetSecretValue" | "PutSecretValue" | "UpdateSecret" | "RotateSecret" | "TagResource") => {
                let (_, until) = self.secret(p)?;
                until.is_some_and(|until| now < until).then(|| {
                    let message = "You can't perform this operation on the secret because it was marked for deletion.";
                    Fault::refusal("InvalidRequestException", message)
                })
            }
            ("dynamodb", "PutItem" | "GetItem" | "UpdateItem" | "DeleteItem" | "Query" | "Scan") => {
                self.young(p, TABLE_CREATE, now).then(|| {
                    Fault::refusal("ResourceNotFoundException", "Requested resource not found")
                })
            }
            ("dynamodb", "UpdateTable" | "DeleteTable") => self.young(p, TABLE_CREATE, now).then(|| {
                let message = format!("Attempt to change a resource which is still in use: Table is being created: {}", text(p, "TableName"));
                Fault::refusal("ResourceInUseException", message)
            }),
            ("dynamodb", "UpdateContinuousBackups") => self.young(p, TABLE_BACKUPS, now).then(|| {
                let message = "Backups are being enabled for the table. Please retry later.";
                Fault::refusal("ContinuousBackupsUnavailableException", message)
            }),
            ("application-autoscaling", "RegisterScalableTarget") => {
                let (cluster, service) = scaled(p)?;
                compute.clusters.get(cluster)?;
                let known = compute.services.get(&(cluster.to_owned(), service.to_owned()));
                (known.and_then(|s| s.status(now)) != Some("ACTIVE")).then(|| {
                    let message = format!("ECS service doesn't exist: {}", text(p, "ResourceId"));
                    Fault::refusal("ValidationException", message)
                })
            }
            ("application-autoscaling", "PutScalingPolicy") => {
                let (cluster, _) = scaled(p)?;
                compute.clusters.get(cluster)?;
                let id = text(p, "ResourceId");
                (!self.targets.contains(id)).then(|| {
                    let message = format!("No scalable target registered for service namespace: ecs, resource ID: {id}, scalable dimension: {}", text(p, "ScalableDimension"));
                    Fault::refusal("ObjectNotFoundException", message)
                })
            }
            _ => None,
        }
    }

    fn young(&self, p: &Value, age: f64, now: f64) -> bool {
        let name = text(p, "TableName").rsplit('/').next().unwrap_or_default();
        self.tables.get(name).is_some_and(|created| now < created + age)
    }

    pub(crate) fn learn(&mut self, request: &Request, answer: &Value, now: f64) {
        let p = &request.parameters;
        match (request.service.as_str(), request.operation.as_str()) {
            ("secretsmanager", "CreateSecret") => {
                self.secrets
                    .insert(text(p, "Name").to_owned(), (text(answer, "ARN").to_owned(), None));
            }
            ("secretsmanager", "DeleteSecret") => {
                let forced =
                    p.get("ForceDeleteWithoutRecovery").and_then(Value::as_bool) == Some(true);
                let days =
                    u32::try_from(number(p, "RecoveryWindowInDays").unwrap_or(30)).unwrap_or(30);
                let taken = if forced { SECRET_FORCED } else { f64::from(days) * DAY };
                self.secrets.insert(
                    text(answer, "Name").to_owned(),
                    (text(answer, "ARN").to_owned(), Some(now + taken)),
                );
            }
            ("secretsmanager", "RestoreSecret") => {
                if let Some((_, until)) = self.secrets.get_mut(text(answer, "Name")) {
                    *until = None;
                }
            }
            ("dynamodb", "CreateTable") => {
                self.tables.insert(text(p, "TableName").to_owned(), now);
            }
            ("dynamodb", "DeleteTable") => {
                self.tables.remove(text(p, "TableName"));
            }
            ("ecr", "CreateRepository") => {
                self.repositories.insert(text(p, "repositoryName").to_owned());
            }
            ("ecr", "DeleteRepository") => {
                self.repositories.remove(text(p, "repositoryName"));
            }
            ("logs", "CreateLogGroup") => {
                self.log_groups.insert(text(p, "logGroupName").to_owned());
            }
            ("logs", "DeleteLogGroup") => {
                self.log_groups.remove(text(p, "logGroupName"));
            }
            ("application-autoscaling", "RegisterScalableTarget") => {
                self.targets.insert(text(p, "ResourceId").to_owned());
            }
            ("application-autoscaling", "DeregisterScalableTarget") => {
                self.targets.remove(text(p, "ResourceId"));
            }
            _ => {}
        }
    }

    /// Changes an answer in place: tables are `CREATING` for a while.
    pub(crate) fn show(&self, request: &Request, answer: &mut Value, now: f64) -> bool {
        let place = match (request.service.as_str(), request.operation.as_str()) {
            ("dynamodb", "CreateTable") => "TableDescription",
            ("dynamodb", "DescribeTable") => "Table",
            _ => return false,
        };
        let creating =
            self.young(&request.parameters, TABLE_CREATE, now) && answer.get(place).is_some();
        if creating {
            answer[place]["TableStatus"] = "CREATING".into();
        }
        creating
    }
}

/// Cluster and service of `service/<cluster>/<service>`.
fn scaled(p: &Value) -> Option<(&str, &str)> {
    text(p, "ResourceId").strip_prefix("service/")?.split_once('/')
}
