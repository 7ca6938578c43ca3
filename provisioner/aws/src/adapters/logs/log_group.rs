//! Log groups: all in one listing by their common prefix; their tags one call each.

use aws_sdk_cloudwatchlogs::types::LogGroup as Found;
use engine::{Adapter, Id, Op, Owner, Ready, Result, Seen, Which};
use kinds::logs::LogGroupOutputs;
use kinds::{LogGroup, Tags};

use crate::Aws;
use crate::error::{error, gone};
use crate::observe::details::{detailed, known};
use crate::observe::tags;
use crate::observe::tags::Label;

impl Adapter<LogGroup> for Aws {
    async fn observe(&self, which: Which<'_, LogGroup>) -> Result<Vec<Seen<LogGroup>>> {
        let names: Vec<&str> = match &which {
            Which::Ids(ids) => ids.iter().map(Id::as_str).collect(),
            Which::Named(desired) => desired.iter().map(|group| group.name.as_str()).collect(),
            Which::Lost(desired, _) => vec![&desired.name],
            Which::Ours(_) => vec![],
        };
        // A listing cannot ask for tags: ours have the project and the environment in their names.
        let wanted = |group: &Found| {
            let name = group.log_group_name().unwrap_or_default();
            match &which {
                Which::Ours(owner) => {
                    name.contains(&owner.project) && name.contains(&owner.environment)
                }
                _ => names.contains(&name),
            }
        };
        let listing = async {
            let found = match &which {
                Which::Ours(_) => self.log_groups("").await?,
                _ if names.is_empty() => vec![],
                _ => self.log_groups(common_prefix(&names)).await?,
            };
            Ok(found.into_iter().filter(wanted).collect())
        };
        let tags = async |arn: String| match self.indexed(&which, &arn).await {
            Some(label) => Ok(label),
            None => self.log_group_tags(&arn).await,
        };
        let resource = |name: String| format!("log-group:{name}");
        let arns = self.known_arns("logs", known(&which).into_iter().map(resource));
        let found = detailed(arns, listing, arn, tags).await?;
        let seen = found.into_iter().map(|(group, (owner, tags))| seen(group, owner, tags));
        Ok(seen.filter(|seen| tags::is_asked_owner(&which, seen.owner.as_ref())).collect())
    }

    async fn create(&self, desired: &LogGroup, op: &Op) -> Result<Id> {
        let tags = desired.tags.for_create(&op.id);
        let call = self.write()?.logs.create_log_group().log_group_name(&desired.name);
        call.set_tags(Some(tags.map(|(key, value)| (key.into(), value.into())).collect()))
            .send()
            .await
            .map_err(|e| error("logs:CreateLogGroup", e))?;
        Ok(desired.name.as_str().into())
    }

    async fn update(&self, desired: &LogGroup, seen: &Seen<LogGroup>) -> Result<Id> {
        let name = seen.id.as_str();
        if desired.retention != seen.spec.retention {
            self.set_retention(name, desired.retention).await?;
        }
        let arn = seen.outputs.arn.get()?;
        let (set, remove) = desired.tags.changes_from(&seen.spec.tags);
        if !set.is_empty() {
            let set = set.into_iter().map(|(key, value)| (key.into(), value.into()));
            let call = self.write()?.logs.tag_resource().resource_arn(arn);
            call.set_tags(Some(set.collect()))
                .send()
                .await
                .map_err(|e| error("logs:TagResource", e))?;
        }
        if !remove.is_empty() {
            let keys = remove.into_iter().map(Into::into).collect();
            let call = self.write()?.logs.untag_resource().resource_arn(arn);
            call.set_tag_keys(Some(keys))
                .send()
                .await
                .map_err(|e| error("logs:UntagResource", e))?;
        }
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<LogGroup>) -> Result<()> {
        let call = self.write()?.logs.delete_log_group().log_group_name(seen.id.as_str());
        gone(call.send().await.map_err(|e| error("logs:DeleteLogGroup", e)).map(drop))
    }
}

/// The longest beginning that all names share.
fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let Some((first, others)) = names.split_first() else { return "" };
    let shared =
        |other: &&str| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    // Names are ASCII; were one not, a shorter prefix finds it as well.
    let length = others.iter().map(shared).min().unwrap_or(first.len());
    first.get(..length).unwrap_or_default()
}

fn seen(group: Found, owner: Option<Owner>, tags: Tags) -> Seen<LogGroup> {
    let arn = arn(&group);
    let name = group.log_group_name.unwrap_or_default();
    let retention = group.retention_in_days.and_then(|days| days.try_into().ok());
    Seen {
        id: name.as_str().into(),
        owner,
        spec: LogGroup { name: name.clone(), retention: retention.unwrap_or_default(), tags },
        outputs: LogGroupOutputs { name: name.into(), arn: arn.into() },
        ready: Ready::Yes,
    }
}

/// The listing's older field ends in `:*`, which the tag calls refuse.
fn arn(group: &Found) -> String {
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default();
    arn.strip_suffix(":*").unwrap_or(arn).to_owned()
}

impl Aws {
    /// All log groups whose names begin so.
    async fn log_groups(&self, prefix: &str) -> Result<Vec<Found>> {
        let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
        let pages = self.read().logs.describe_log_groups().set_log_group_name_prefix(prefix);
        let found = pages.into_paginator().items().send().collect::<Result<_, _>>().await;
        found.map_err(|e| error("logs:DescribeLogGroups", e))
    }

    async fn log_group_tags(&self, arn: &str) -> Result<Label> {
        let answer = self.read().logs.list_tags_for_resource().resource_arn(arn).send().await;
        let listed = answer.map_err(|e| error("logs:ListTagsForResource", e))?.tags;
        let listed = listed.unwrap_or_default();
        Ok(tags::seen(listed.iter().map(|(key, value)| (&**key, &**value))))
    }

    async fn set_retention(&self, name: &str, days: u32) -> Result<()> {
        if days == 0 {
            let call = self.write()?.logs.delete_retention_policy().log_group_name(name);
            call.send().await.map_err(|e| error("logs:DeleteRetentionPolicy", e))?;
            return Ok(());
        }
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let call = self.write()?.logs.put_retention_policy().log_group_name(name);
        call.retention_in_days(days)
            .send()
            .await
            .map_err(|e| error("logs:PutRetentionPolicy", e))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_listing_finds_all_names() {
        assert_eq!(common_prefix(&["/shop/dev/api", "/shop/dev/admin"]), "/shop/dev/a");
        assert_eq!(common_prefix(&["/shop/dev/api"]), "/shop/dev/api");
        assert_eq!(common_prefix(&["/a", "b"]), "");
    }
}
