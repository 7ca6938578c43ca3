//! Secrets that exist already: where they are and which version is in use. Only looked up, and never their values.

use engine::{Class, Error, Result};

use crate::Aws;
use crate::adapters::secretsmanager::secret::current;
use crate::error::error;

/// The key that AWS manages: whoever may read the secret may use it.
const MANAGED: &str = "alias/aws/secretsmanager";

/// A secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub arn: String,
    /// The id of the version in use; empty when there is no value.
    pub version: String,
    /// The customer managed key that it is encrypted with, as AWS names it.
    pub kms: Option<String>,
    /// Whether it waits for its deletion.
    pub is_being_deleted: bool,
}

impl Aws {
    /// A secret of Secrets Manager, whoever owns it.
    ///
    /// # Errors
    /// Whatever DescribeSecret answers, but that there is none.
    pub async fn existing_secret(&self, arn: &str) -> Result<Option<Found>> {
        let found = self.describe_secret(arn).await?;
        Ok(found.map(|found| Found {
            arn: found.arn().unwrap_or(arn).into(),
            version: current(&found).unwrap_or_default().into(),
            kms: found.kms_key_id().filter(|key| *key != MANAGED).map(Into::into),
            is_being_deleted: found.deleted_date().is_some(),
        }))
    }

    /// What ECS would put into a container's variable for this `valueFrom`. For processes that run outside of ECS, which
    /// otherwise hands values to tasks itself.
    ///
    /// # Errors
    /// [`Class::Absent`] when there is no such secret, value or member.
    pub async fn value_from(&self, from: &str) -> Result<String> {
        let absent = |what: &str| Error::new(Class::Absent, format!("{from} {what}"));
        let parts: Vec<&str> = from.split(':').collect();
        let (arn, rest) = parts.split_at(parts.len().min(7));
        let part = |at: usize| rest.get(at).filter(|part| !part.is_empty());
        let call = self.read().secrets.get_secret_value().secret_id(arn.join(":"));
        let answer = call
            .set_version_stage(part(1).map(|stage| (*stage).into()))
            .set_version_id(part(2).map(|version| (*version).into()))
            .send()
            .await
            .map_err(|e| error("secretsmanager:GetSecretValue", e))?;
        let value = answer.secret_string.ok_or_else(|| absent("holds no text"))?;
        let Some(key) = part(0) else { return Ok(value) };
        // The value itself must not get into the error.
        let members: serde_json::Value =
            serde_json::from_str(&value).map_err(|_| absent("is no JSON object"))?;
        match &members[*key] {
            serde_json::Value::Null => Err(absent("has no such member")),
            serde_json::Value::String(text) => Ok(text.clone()),
            other => Ok(other.to_string()),
        }
    }
}
