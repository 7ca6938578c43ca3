//! Secrets as tasks get them: by name, so that each new task has today's value.
//!
//! ECS gives a task the version that is `AWSCURRENT` when it starts, unless `valueFrom` ends in a version (ECS Developer
//! Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables"). With a version in it, a rotation
//! would leave every task that starts later with a dead value. So the version stands in a docker label instead: a
//! changed value makes a new revision, which rolls the tasks that still run with the old one.

use std::collections::BTreeMap;

use engine::{Error, Input, Node, Result};
use kinds::{Secret, SecretValue, TaskDefinition};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Names, Stack, tags};
use crate::environment::{self, Environment, Existing};

/// What the docker labels begin with that hold the version of each secret when the revision was made.
pub const VERSION_LABEL: &str = "provisioner.secret.";

/// A secret that exists already, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingSecret {
    pub arn: String,
    /// The id of the version in use.
    pub version: String,
}

/// A secret that services may use: what a task definition and an execution role say of it.
pub(super) struct Source {
    arn: Input,
    /// The member of the JSON object that the value is.
    key: Option<String>,
    version: Input,
    kms: Option<String>,
}

impl Source {
    fn of(node: &Node<Secret>) -> Self {
        let (arn, version) = (node.arn.clone(), node.version.clone());
        Self { arn, version, key: None, kms: None }
    }

    fn existing(existing: &Existing, found: &ExistingSecret) -> Self {
        Self {
            arn: found.arn.as_str().into(),
            key: existing.key.clone(),
            version: found.version.as_str().into(),
            kms: existing.kms.clone(),
        }
    }

    /// ECS's form: an ARN, and for a member of a JSON object `:key:stage:version` with the last two empty.
    fn value_from(&self) -> Input {
        match &self.key {
            Some(key) => self.arn.with_suffix(&format!(":{key}::")),
            None => self.arn.clone(),
        }
    }

    /// The actions and resources that the execution role needs to read it.
    pub(super) fn grants(&self) -> impl Iterator<Item = (&'static str, Input)> {
        let read = "secretsmanager:GetSecretValue";
        let decrypt = self.kms.as_deref().map(|key| ("kms:Decrypt", key.into()));
        [(read, self.arn.clone())].into_iter().chain(decrypt)
    }
}

/// A service's secrets: the variable, the secret's name, and what the secret is.
pub(super) type Used<'a> = [(&'a str, &'a str, &'a Source)];

impl Stack<'_> {
    pub(super) fn secrets(&mut self) -> Result<BTreeMap<String, Source>> {
        let mut sources = BTreeMap::new();
        for (name, source) in &self.environment.secrets {
            let source = if let Some(existing) = source.existing() {
                let found = self.facts.existing.get(name);
                let missing = || Error::other(format!("the secret {name} was not looked up"));
                Source::existing(existing, found.ok_or_else(missing)?)
            } else {
                let value = source.value().unwrap_or(SecretValue::Given);
                Source::of(&self.graph.add(name, &secret(self.environment, name, value))?)
            };
            sources.insert(name.clone(), source);
        }
        Ok(sources)
    }
}

impl environment::Secret {
    /// Where the value of a secret of the tool's own comes from.
    #[must_use]
    pub fn value(&self) -> Option<SecretValue> {
        match self {
            Self::Given => Some(SecretValue::Given),
            Self::Generate(length) => Some(SecretValue::Generated { length: u32::from(*length) }),
            Self::Existing(_) => None,
        }
    }
}

/// The secret `name` of an environment, as the stack declares it: also for who sets its value before
/// there is a stack.
#[must_use]
pub fn secret(environment: &Environment, name: &str, value: SecretValue) -> Secret {
    let names = Names::new(environment);
    let full = names.secret(name);
    Secret {
        name: full.clone(),
        description: format!("{name} of {}", names.base()),
        value,
        scheduled_for_deletion: false,
        recovery_window: if environment.protect { 30 } else { 7 },
        tags: tags::<Secret>(environment, &names, name, &full),
    }
}

/// A container's `secrets`.
pub(super) fn entries(used: &Used<'_>) -> Value {
    let entry = |(variable, _, source): &(&str, &str, &Source)| json!({"name": variable, "valueFrom": source.value_from()});
    used.iter().map(entry).collect()
}

/// A container's docker labels with the versions of its secrets.
pub(super) fn labels(used: &Used<'_>) -> Map<String, Value> {
    let label = |(_, name, source): &(&str, &str, &Source)| {
        (format!("{VERSION_LABEL}{name}"), json!(source.version))
    };
    used.iter().map(label).collect()
}

/// Gives a definition of earlier today's secrets: old code with an old password would serve nobody.
/// A variable that the service has no secret for any more keeps where it was from, without a version.
pub(super) fn renew(definition: &mut TaskDefinition, used: &Used<'_>) {
    for container in definition.containers.values_mut() {
        let mut of_today = Vec::new();
        let secrets = container.get_mut("secrets").and_then(Value::as_array_mut);
        for entry in secrets.into_iter().flatten() {
            let variable = entry["name"].as_str().unwrap_or_default();
            if let Some(found) = used.iter().find(|(name, ..)| *name == variable) {
                entry["valueFrom"] = json!(found.2.value_from());
                of_today.push(*found);
            } else if let Some((bare, _)) = entry["valueFrom"].as_str().and_then(split_version) {
                entry["valueFrom"] = bare.into();
            }
        }
        let mut kept = match container.remove("dockerLabels") {
            Some(Value::Object(labels)) => labels,
            _ => Map::new(),
        };
        kept.retain(|label, _| !label.starts_with(VERSION_LABEL));
        kept.extend(labels(&of_today));
        if !kept.is_empty() {
            container.insert("dockerLabels".into(), kept.into());
        }
    }
}

/// The secrets of a task definition with the versions that it was made for: by name where labels say so,
/// and in definitions that name a version, as this tool once wrote them, by what their ARNs say.
#[must_use]
pub fn versions(definition: &Value) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    let containers = definition["containers"].as_object();
    for container in containers.into_iter().flat_map(Map::values) {
        for entry in container["secrets"].as_array().into_iter().flatten() {
            let from = entry["valueFrom"].as_str().unwrap_or_default();
            if let Some((_, version)) = split_version(from)
                && let Some(name) = from.split(':').nth(6).and_then(|name| name.rsplit('/').next())
            {
                // AWS's suffix: a hyphen and six characters.
                let name = name.get(..name.len().saturating_sub(7)).unwrap_or(name);
                versions.insert(name.to_owned(), version.to_owned());
            }
        }
        for (label, version) in container["dockerLabels"].as_object().into_iter().flatten() {
            if let (Some(name), Some(version)) =
                (label.strip_prefix(VERSION_LABEL), version.as_str())
            {
                versions.insert(name.to_owned(), version.to_owned());
            }
        }
    }
    versions
}

/// A `valueFrom` of Secrets Manager without its version, and the version, when it names one.
fn split_version(from: &str) -> Option<(String, &str)> {
    let parts: Vec<&str> = from.split(':').collect();
    let [arn @ .., key, stage, version] = parts.as_slice() else { return None };
    if arn.len() != 7 || arn[2] != "secretsmanager" || version.is_empty() {
        return None;
    }
    let arn = arn.join(":");
    let bare = match (*key, *stage) {
        ("", "") => arn,
        (key, stage) => format!("{arn}:{key}:{stage}:"),
    };
    Some((bare, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/prod/db-AbCdEf";

    #[test]
    fn a_version_is_told_from_a_key() {
        let split = |rest: &str| {
            split_version(&format!("{ARN}{rest}")).map(|(bare, of)| (bare, of.to_owned()))
        };
        assert_eq!(split(""), None);
        assert_eq!(split(":password::"), None);
        assert_eq!(split(":::v1"), Some((ARN.to_owned(), "v1".to_owned())));
        assert_eq!(split(":key::v1"), Some((format!("{ARN}:key::"), "v1".to_owned())));
    }

    fn definition(container: Value) -> TaskDefinition {
        serde_json::from_value(json!({
            "family": "shop-prod-api", "settings": {}, "containers": {"api": container}, "tags": [],
        }))
        .unwrap()
    }

    #[test]
    fn an_old_definition_gets_the_secrets_of_today() {
        let source = Source { arn: ARN.into(), key: None, version: "v9".into(), kms: None };
        let mut old = definition(json!({
            "secrets": [
                {"name": "DB", "valueFrom": format!("{ARN}:::v1")},
                {"name": "GONE", "valueFrom": format!("{ARN}x:::v1")},
            ],
            "dockerLabels": {"team": "pay", "provisioner.secret.gone": "v1"},
        }));
        renew(&mut old, &[("DB", "db", &source), ("NEW", "new", &source)]);
        let container = Value::Object(old.containers["api"].clone());
        assert_eq!(
            container["secrets"],
            json!([
                {"name": "DB", "valueFrom": ARN}, {"name": "GONE", "valueFrom": format!("{ARN}x")},
            ])
        );
        assert_eq!(
            container["dockerLabels"],
            json!({"team": "pay", "provisioner.secret.db": "v9"})
        );
    }

    #[test]
    fn versions_are_read_from_both_forms() {
        let old = json!({"containers": {"api": {"secrets": [{"name": "DB", "valueFrom": format!("{ARN}:::v1")}]}}});
        let new = json!({"containers": {"api": {"dockerLabels": {"provisioner.secret.db": "v2"}}}});
        assert_eq!(versions(&old), BTreeMap::from([("db".into(), "v1".into())]));
        assert_eq!(versions(&new), BTreeMap::from([("db".into(), "v2".into())]));
    }
}
