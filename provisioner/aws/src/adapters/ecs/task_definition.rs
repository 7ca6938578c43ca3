//! Task definitions: revisions of a family, never changed, found again by their operation's tag.

use aws_sdk_ecs::types::{SortOrder, TaskDefinitionFamilyStatus, TaskDefinitionStatus};
use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use kinds::TaskDefinition;
use kinds::compute::TaskDefinitionOutputs;
use serde_json::{Map, Value, json};

use crate::Aws;
use crate::adapters::ecs::{self, seen_json, tags_json, text};
use crate::error::error;

/// What only the server says of a revision.
pub(crate) const TOLD: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "compatibilities",
    "requiresAttributes",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];
/// Lists that are left out of an answer, or not, when they are empty.
const SETTINGS_LISTS: [&str; 3] = ["volumes", "placementConstraints", "requiresCompatibilities"];
const CONTAINER_LISTS: [&str; 18] = [
    "command",
    "credentialSpecs",
    "dependsOn",
    "dnsSearchDomains",
    "dnsServers",
    "dockerSecurityOptions",
    "entryPoint",
    "environment",
    "environmentFiles",
    "extraHosts",
    "links",
    "mountPoints",
    "portMappings",
    "resourceRequirements",
    "secrets",
    "systemControls",
    "ulimits",
    "volumesFrom",
];
/// How far back a lost registration is looked for.
const RECENT: i32 = 10;
/// Describe calls at a time; DescribeTaskDefinition takes one each.
const AT_ONCE: usize = 16;

impl Adapter<TaskDefinition> for Aws {
    async fn observe(&self, which: Which<'_, TaskDefinition>) -> Result<Vec<Seen<TaskDefinition>>> {
        let names: Vec<String> = match &which {
            Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
            Which::Ours(owner) => self.task_definitions_of(owner).await?,
            Which::Named(desired) => desired.iter().map(|d| d.family.clone()).collect(),
            Which::Lost(desired, _) => self.recent_revisions(&desired.family).await?,
        };
        let found: Vec<_> = stream::iter(names)
            .map(async |name| self.task_definition_answer(&name).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut found: Vec<_> = found.into_iter().flatten().filter_map(|d| seen(&d)).collect();
        match &which {
            Which::Ours(ours) => {
                found.retain(|seen| seen.owner.as_ref().is_some_and(|o| o.same_environment(ours)));
            }
            Which::Lost(_, op) => {
                found.retain(|seen| seen.owner.as_ref().is_some_and(|owner| owner.op == op.id));
            }
            Which::Ids(_) | Which::Named(_) => {}
        }
        Ok(found)
    }

    async fn create(&self, desired: &TaskDefinition, op: &Op) -> Result<Id> {
        let mut body = desired.settings.clone();
        let containers = desired.containers.iter().map(|(name, fields)| {
            let mut container = fields.clone();
            container.insert("name".into(), name.as_str().into());
            Value::Object(container)
        });
        body.insert("family".into(), desired.family.as_str().into());
        body.insert("containerDefinitions".into(), containers.collect());
        body.insert("tags".into(), tags_json(desired.tags.for_create(&op.id)));
        let clients = self.write()?;
        let made = ecs::call("ecs:RegisterTaskDefinition", &Value::Object(body), |json| {
            clients.ecs.register_task_definition().customize().interceptor(json).send()
        })
        .await?;
        Ok(text(&made["taskDefinition"], "taskDefinitionArn").into())
    }

    /// Only tags can differ: everything else makes a new revision.
    async fn update(&self, desired: &TaskDefinition, seen: &Seen<TaskDefinition>) -> Result<Id> {
        self.retag_ecs(seen.id.as_str(), &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<TaskDefinition>) -> Result<()> {
        let arn = seen.id.as_str();
        let now = self.task_definition_answer(arn).await?;
        let status = now.as_ref().map(|now| text(&now["taskDefinition"], "status"));
        if !matches!(status, Some("ACTIVE" | "INACTIVE")) {
            return Ok(());
        }
        if status == Some("ACTIVE") {
            self.deregister_task_definition(arn).await?;
        }
        let call = self.write()?.ecs.delete_task_definitions().task_definitions(arn);
        let answer = match call.send().await.map_err(|e| error("ecs:DeleteTaskDefinitions", e)) {
            Ok(answer) => answer,
            Err(e) if e.is(Class::NotEmulated) => return Ok(()),
            Err(e) => return Err(e),
        };
        match answer.failures() {
            [] => Ok(()),
            [failure, ..] => {
                let why = failure.detail().or(failure.reason()).unwrap_or_default();
                Err(Error::new(Class::Blocked, format!("{arn} cannot be deleted: {why}")))
            }
        }
    }
}

/// `None` for a revision that was deregistered: nothing new can use it.
fn seen(answer: &Value) -> Option<Seen<TaskDefinition>> {
    let definition = answer["taskDefinition"].as_object()?;
    if definition.get("status").is_some_and(|status| status != "ACTIVE") {
        return None;
    }
    let (owner, tags) = seen_json(answer);
    let mut settings = definition.clone();
    settings.retain(|field, _| {
        let field = field.as_str();
        !TOLD.contains(&field) && !["family", "containerDefinitions"].contains(&field)
    });
    for list in SETTINGS_LISTS {
        settings.entry(list).or_insert_with(|| json!([]));
    }
    let own_address = settings.get("networkMode").is_some_and(|mode| mode == "awsvpc");
    let containers = ecs::list(&answer["taskDefinition"], "containerDefinitions")
        .iter()
        .filter_map(Value::as_object)
        .map(|fields| container(fields, own_address))
        .collect();
    let arn = text(&answer["taskDefinition"], "taskDefinitionArn");
    Some(Seen {
        id: arn.into(),
        owner,
        spec: TaskDefinition {
            family: text(&answer["taskDefinition"], "family").into(),
            settings,
            containers,
            tags,
        },
        outputs: TaskDefinitionOutputs { arn: arn.into() },
        ready: Ready::Yes,
    })
}

/// A container by its name, with the defaults that ECS documents filled in, so that saying one and
/// leaving it out are the same.
fn container(fields: &Map<String, Value>, own_address: bool) -> (String, Map<String, Value>) {
    let mut fields = fields.clone();
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    for list in CONTAINER_LISTS {
        fields.entry(list).or_insert_with(|| json!([]));
    }
    fields.entry("cpu").or_insert_with(|| json!(0));
    fields.entry("essential").or_insert_with(|| json!(true));
    for list in ["environment", "secrets"] {
        if let Some(items) = fields.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_key(|item| item["name"].to_string());
        }
    }
    let ports = fields.get_mut("portMappings").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        port.entry("protocol").or_insert_with(|| json!("tcp"));
        if let (true, Some(number)) = (own_address, port.get("containerPort").cloned()) {
            port.entry("hostPort").or_insert(number);
        }
    }
    (name, fields)
}

impl Aws {
    /// By ARN, by `family:revision`, or a family's newest active revision; with its tags.
    pub(crate) async fn task_definition_answer(&self, name: &str) -> Result<Option<Value>> {
        let body = json!({"taskDefinition": name, "include": ["TAGS"]});
        let answer = ecs::call("ecs:DescribeTaskDefinition", &body, |json| {
            self.read().ecs.describe_task_definition().customize().interceptor(json).send()
        });
        match answer.await {
            Err(e) if e.is(Class::Absent) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The active revisions of a family, newest first: all, or not more than `limit`.
    async fn task_definition_revisions(
        &self,
        family: &str,
        limit: Option<i32>,
    ) -> Result<Vec<String>> {
        let call = self
            .read()
            .ecs
            .list_task_definitions()
            .family_prefix(family)
            .status(TaskDefinitionStatus::Active)
            .sort(SortOrder::Desc);
        if limit.is_some() {
            let page = call.set_max_results(limit).send().await;
            let page = page.map_err(|e| error("ecs:ListTaskDefinitions", e))?;
            return Ok(page.task_definition_arns.unwrap_or_default());
        }
        let pages = call.into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(|e| error("ecs:ListTaskDefinitions", e))
    }

    /// The newest active revisions of a family, as many as a lost registration is looked for in.
    pub(crate) async fn recent_revisions(&self, family: &str) -> Result<Vec<String>> {
        self.task_definition_revisions(family, Some(RECENT)).await
    }

    /// The active revisions of all families named after an environment.
    async fn task_definitions_of(&self, owner: &Owner) -> Result<Vec<String>> {
        let families = self
            .read()
            .ecs
            .list_task_definition_families()
            .family_prefix(format!("{}-{}", owner.project, owner.environment))
            .status(TaskDefinitionFamilyStatus::Active)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("ecs:ListTaskDefinitionFamilies", e))?;
        let revisions = families.iter().map(|family| self.task_definition_revisions(family, None));
        Ok(try_join_all(revisions).await?.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(container: &Value) -> Value {
        json!({"taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:1:task-definition/shop-dev-api:7",
            "family": "shop-dev-api", "revision": 7, "status": "ACTIVE", "networkMode": "awsvpc",
            "requiresAttributes": [{"name": "x"}], "containerDefinitions": [container]}})
    }

    #[test]
    fn defaults_are_seen_whether_they_are_told_or_not() {
        let short = answer(&json!({"name": "api", "portMappings": [{"containerPort": 80}]}));
        let long = answer(&json!({
            "name": "api", "cpu": 0, "essential": true, "environment": [], "volumesFrom": [],
            "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]}));
        let (short, long) = (seen(&short).unwrap().spec, seen(&long).unwrap().spec);
        assert_eq!(short.containers, long.containers);
        assert!(!short.settings.contains_key("requiresAttributes"));
        let udp = answer(&json!({
            "name": "api", "portMappings": [{"containerPort": 80, "protocol": "udp"}]}));
        assert_ne!(short.containers, seen(&udp).unwrap().spec.containers);
    }

    #[test]
    fn a_deregistered_revision_is_not_there() {
        let mut answer = answer(&json!({"name": "api"}));
        answer["taskDefinition"]["status"] = json!("INACTIVE");
        assert!(seen(&answer).is_none());
    }
}
