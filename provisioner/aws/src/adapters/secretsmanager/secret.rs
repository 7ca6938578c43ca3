//! Secrets, without their values: those go into the create call and nowhere else.
//!
//! Each is described by itself, although one listing could report all: ListSecrets "might not include
//! changes from the last five minutes" (its API reference), so a fresh secret would not be there and a
//! changed one would not be seen.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use futures::{StreamExt, TryStreamExt, stream};
use kinds::data::SecretOutputs;
use kinds::{Secret, SecretValue, Tags};
use rand::distr::{Alphanumeric, SampleString};

use crate::Aws;
use crate::error::{error, gone};
use crate::observe::tags;

/// The tag that keeps the recovery window.
const WINDOW: &str = "provisioner:recovery-window";
/// AWS's own window, for a secret without that tag.
const DEFAULT_WINDOW: u32 = 30;
/// The stage of the version in use.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// Secrets described at a time.
const AT_ONCE: usize = 16;

impl Adapter<Secret> for Aws {
    async fn observe(&self, which: Which<'_, Secret>) -> Result<Vec<Seen<Secret>>> {
        let names: Vec<String> = match &which {
            Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
            Which::Ours(owner) => self.secret_names(owner).await?,
            Which::Named(desired) => desired.iter().map(|secret| secret.name.clone()).collect(),
            Which::Lost(desired, _) => vec![desired.name.clone()],
        };
        let found: Vec<_> = stream::iter(names)
            .map(async |name| self.describe_secret(&name).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let asked = |seen: &Seen<Secret>| match &which {
            Which::Named(_) | Which::Lost(..) => true,
            Which::Ids(_) => !seen.spec.scheduled_for_deletion,
            Which::Ours(ours) => {
                !seen.spec.scheduled_for_deletion
                    && seen.owner.as_ref().is_some_and(|owner| owner.same_environment(ours))
            }
        };
        Ok(found.into_iter().flatten().map(|found| seen(&found)).filter(asked).collect())
    }

    async fn create(&self, desired: &Secret, op: &Op) -> Result<Id> {
        let SecretValue::Generated { length } = desired.value else {
            let name = &desired.name;
            return Err(Error::new(
                Class::Invalid,
                format!("secret {name} has no value: set it with `provisioner secret set {name}`"),
            ));
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        // The thread's generator is a CSPRNG seeded by the operating system.
        let value = Alphanumeric.sample_string(&mut rand::rng(), length);
        self.create_secret(desired, &value, &op.id).await?;
        Ok(desired.name.as_str().into())
    }

    async fn update(&self, desired: &Secret, seen: &Seen<Secret>) -> Result<Id> {
        let (name, now) = (seen.id.as_str(), &seen.spec);
        // Nothing else is accepted while it waits for its deletion.
        if now.scheduled_for_deletion && !desired.scheduled_for_deletion {
            self.restore_secret(name).await?;
        }
        if desired.description != now.description {
            let call = self.write()?.secrets.update_secret().secret_id(name);
            call.description(&desired.description)
                .send()
                .await
                .map_err(|e| error("secretsmanager:UpdateSecret", e))?;
        }
        let (wanted, present) = (with_window(desired), with_window(now));
        let (set, remove) = wanted.changes_from(&present);
        if !set.is_empty() {
            let call = self.write()?.secrets.tag_resource().secret_id(name);
            call.set_tags(Some(tag_list(set)))
                .send()
                .await
                .map_err(|e| error("secretsmanager:TagResource", e))?;
        }
        if !remove.is_empty() {
            let keys = remove.into_iter().map(Into::into).collect();
            let call = self.write()?.secrets.untag_resource().secret_id(name);
            call.set_tag_keys(Some(keys))
                .send()
                .await
                .map_err(|e| error("secretsmanager:UntagResource", e))?;
        }
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<Secret>) -> Result<()> {
        if seen.spec.scheduled_for_deletion {
            return Ok(());
        }
        let name = seen.id.as_str();
        let call = self.write()?.secrets.delete_secret().secret_id(name);
        let call = match seen.spec.recovery_window {
            0 => call.force_delete_without_recovery(true),
            days => call.recovery_window_in_days(days.into()),
        };
        let deleted = call.send().await.map_err(|e| error("secretsmanager:DeleteSecret", e));
        match deleted.map(drop) {
            // Refused to one that is being deleted already, in ever changing words.
            Err(e) if e.code.as_deref() == Some("InvalidRequestException") => {
                let now = self.describe_secret(name).await?;
                if now.is_none_or(|now| now.deleted_date().is_some()) { Ok(()) } else { Err(e) }
            }
            other => gone(other),
        }
    }
}

fn seen(found: &DescribeSecretOutput) -> Seen<Secret> {
    let (owner, mut tags) = tags::seen(
        found.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))),
    );
    let recovery_window =
        tags.get(WINDOW).and_then(|days| days.parse().ok()).unwrap_or(DEFAULT_WINDOW);
    tags = Tags::seen(tags.iter().filter(|(key, _)| *key != WINDOW));
    let name = found.name().unwrap_or_default();
    let version = current(found).unwrap_or_default();
    let ready = if version.is_empty() {
        Ready::Wait(format!("it has no value: set it with `provisioner secret set {name}`"))
    } else {
        Ready::Yes
    };
    Seen {
        id: name.into(),
        owner,
        spec: Secret {
            name: name.into(),
            description: found.description().unwrap_or_default().into(),
            value: SecretValue::Given,
            scheduled_for_deletion: found.deleted_date().is_some(),
            recovery_window,
            tags,
        },
        outputs: SecretOutputs {
            arn: found.arn().unwrap_or_default().into(),
            version: version.into(),
        },
        ready,
    }
}

/// The id of the version in use.
pub(crate) fn current(found: &DescribeSecretOutput) -> Option<&str> {
    let mut versions = found.version_ids_to_stages()?.iter();
    let (id, _) = versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT))?;
    Some(id)
}

/// The tags as AWS has them: with the one that keeps the recovery window.
fn with_window(secret: &Secret) -> Tags {
    secret.tags.clone().with(WINDOW, secret.recovery_window.to_string())
}

fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

impl Aws {
    /// Makes a secret with its first value, in one call: a secret without a current version stops
    /// every task that names it.
    pub(crate) async fn create_secret(
        &self,
        desired: &Secret,
        value: &str,
        token: &str,
    ) -> Result<()> {
        let tags = with_window(desired);
        self.write()?
            .secrets
            .create_secret()
            .name(&desired.name)
            .description(&desired.description)
            .secret_string(value)
            .client_request_token(token)
            .set_tags(Some(tag_list(tags.for_create(token))))
            .send()
            .await
            .map_err(|e| error("secretsmanager:CreateSecret", e))?;
        Ok(())
    }

    pub(crate) async fn restore_secret(&self, name: &str) -> Result<()> {
        let call = self.write()?.secrets.restore_secret().secret_id(name);
        call.send().await.map_err(|e| error("secretsmanager:RestoreSecret", e))?;
        Ok(())
    }

    pub(crate) async fn describe_secret(&self, name: &str) -> Result<Option<DescribeSecretOutput>> {
        let answer = self.read().secrets.describe_secret().secret_id(name).send().await;
        match answer.map_err(|e| error("secretsmanager:DescribeSecret", e)) {
            Err(e) if e.is(Class::Absent) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The names of an environment's secrets, those that wait for their deletion left out.
    pub(crate) async fn secret_names(&self, owner: &Owner) -> Result<Vec<String>> {
        let [project, environment, ..] = Owner::TAGS;
        let filter = |name, values: [&str; 2]| {
            Filter::builder().key(name).values(values[0]).values(values[1]).build()
        };
        let found = self
            .read()
            .secrets
            .list_secrets()
            .filters(filter(FilterNameStringType::TagKey, [project, environment]))
            .filters(filter(FilterNameStringType::TagValue, [&owner.project, &owner.environment]))
            .into_paginator()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("secretsmanager:ListSecrets", e))?;
        let found = found.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
        Ok(found.filter_map(|secret| secret.name).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_version_is_the_one_staged_so() {
        let stages = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let found = DescribeSecretOutput::builder()
            .name("shop/dev/key")
            .version_ids_to_stages("old", stages(&["AWSPREVIOUS"]))
            .version_ids_to_stages("none", vec![])
            .version_ids_to_stages("new", stages(&["AWSPENDING", "AWSCURRENT"]))
            .tags(Tag::builder().key(WINDOW).value("7").build())
            .build();
        let seen = seen(&found);
        assert_eq!(seen.outputs.version.known(), Some("new"));
        assert_eq!((seen.spec.recovery_window, seen.spec.tags), (7, Tags::default()));
        let empty = DescribeSecretOutput::builder().name("shop/dev/key").build();
        assert!(
            matches!(super::seen(&empty).ready, Ready::Wait(why) if why.contains("secret set"))
        );
    }
}
