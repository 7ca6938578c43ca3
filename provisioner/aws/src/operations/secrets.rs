//! What a user does with secrets: set a value, list them. Values pass through here and are kept
//! nowhere.

use engine::{Class, Error, Owner, Result};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kinds::Secret;
use uuid::Uuid;

use crate::Aws;
use crate::adapters::secretsmanager::secret::current;
use crate::error::error;
use crate::observe::tags;

/// What came of setting a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSecret {
    pub outcome: Outcome,
    /// The id of the version that is in use now.
    pub version: String,
}

/// How a value was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The secret did not exist.
    Created,
    /// It got another version.
    Updated,
    /// It was scheduled for deletion, is not any more, and got another version.
    Restored,
}

/// A secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    pub name: String,
    pub has_value: bool,
    /// The id of the version in use; empty when there is no value.
    pub version: String,
    /// When anything about it last changed.
    pub changed: Option<Timestamp>,
}

/// Secrets asked for at a time.
const AT_ONCE: usize = 16;

impl Aws {
    /// Sets a secret's value. Creates the secret as `desired` when it is missing, so that the next
    /// `up` finds no difference; takes it out of its recovery window when it is in there.
    ///
    /// # Errors
    /// [`Class::Foreign`] when a secret of that name belongs to somebody else.
    pub async fn set_secret(&self, desired: &Secret, value: &str) -> Result<SetSecret> {
        let token = Uuid::new_v4().simple().to_string();
        let Some(found) = self.describe_secret(&desired.name).await? else {
            self.create_secret(desired, value, &token).await?;
            // The version's id is the token on AWS, and of its own making on an emulator.
            let made = self.describe_secret(&desired.name).await?;
            let version = made.as_ref().and_then(current).unwrap_or(&token).to_owned();
            return Ok(SetSecret { outcome: Outcome::Created, version });
        };
        let listed = found.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?)));
        let ours = Owner::from_tags(|key| desired.tags.get(key));
        let same = tags::seen(listed).0.zip(ours).is_some_and(|(a, b)| a.same_environment(&b));
        if !same {
            let message = format!("secret {} exists and belongs to somebody else", desired.name);
            return Err(Error::new(Class::Foreign, message));
        }
        let outcome = if found.deleted_date().is_some() {
            self.restore_secret(&desired.name).await?;
            Outcome::Restored
        } else {
            Outcome::Updated
        };
        let call = self.write()?.secrets.put_secret_value().secret_id(&desired.name);
        let put = call
            .client_request_token(&token)
            .secret_string(value)
            .send()
            .await
            .map_err(|e| error("secretsmanager:PutSecretValue", e))?;
        Ok(SetSecret { outcome, version: put.version_id.unwrap_or(token) })
    }

    /// An environment's secrets, in the order of their names. One created in the last five minutes
    /// may be missing: Secrets Manager's listing lags (its API reference says so).
    ///
    /// # Errors
    /// Whatever listing and describing them answers.
    pub async fn list_secrets(&self, owner: &Owner) -> Result<Vec<SecretInfo>> {
        let names = self.secret_names(owner).await?;
        let found: Vec<_> = stream::iter(names)
            .map(async |name| self.describe_secret(&name).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut infos: Vec<_> = found
            .into_iter()
            .flatten()
            .filter(|found| {
                let tags = found.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?)));
                tags::seen(tags).0.is_some_and(|other| other.same_environment(owner))
            })
            .map(|found| {
                let version = current(&found).unwrap_or_default().to_owned();
                let changed = found.last_changed_date().or(found.created_date());
                SecretInfo {
                    has_value: !version.is_empty(),
                    version,
                    changed: changed.and_then(|at| Timestamp::from_second(at.secs()).ok()),
                    name: found.name.unwrap_or_default(),
                }
            })
            .collect();
        infos.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(infos)
    }

    /// Whether tasks can still get a secret's value: it is there, and not waiting for its deletion.
    ///
    /// # Errors
    /// Whatever describing it answers.
    pub async fn has_secret(&self, secret: &str) -> Result<bool> {
        let found = self.describe_secret(secret).await?;
        Ok(found.is_some_and(|found| found.deleted_date().is_none()))
    }
}
