//! Image repositories: settings in one listing, lifecycle policy and tags one call each.

use aws_sdk_ecr::types::{
    ImageScanningConfiguration, ImageTagMutability, Repository as Found, Tag,
};
use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::data::RepositoryOutputs;
use kinds::{Policy, Repository, Tags};
use serde_json::json;

use crate::Aws;
use crate::error::{error, gone};
use crate::observe::details::{detailed, known};
use crate::observe::tags;
use crate::observe::tags::Label;

/// How many repositories DescribeRepositories takes.
const BATCH: usize = 100;

impl Adapter<Repository> for Aws {
    async fn observe(&self, which: Which<'_, Repository>) -> Result<Vec<Seen<Repository>>> {
        let listing = async {
            match &which {
                Which::Ids(_) => self.repositories(&known(&which)).await,
                Which::Ours(_) => self.all_repositories().await,
                Which::Named(desired) => {
                    let names: Vec<String> = desired.iter().map(|d| d.name.clone()).collect();
                    self.repositories(&names).await
                }
                Which::Lost(desired, _) => {
                    self.repositories(std::slice::from_ref(&desired.name)).await
                }
            }
        };
        let name = |found: &Found| found.repository_name().unwrap_or_default().to_owned();
        let lifecycle = async |name: String| self.lifecycle_policy(&name).await;
        let arn = |(found, _): &(Found, _)| found.repository_arn().unwrap_or_default().to_owned();
        let tags = async |arn: String| match self.indexed(&which, &arn).await {
            Some(label) => Ok(label),
            None => self.repository_tags(&arn).await,
        };
        let resource = |name: String| format!("repository/{name}");
        let arns = self.known_arns("ecr", known(&which).into_iter().map(resource));
        let listing = detailed(known(&which), listing, name, lifecycle);
        let found = detailed(arns, listing, arn, tags).await?;
        let seen = found
            .into_iter()
            .map(|((found, lifecycle), (owner, tags))| seen(found, lifecycle, owner, tags));
        Ok(seen.filter(|seen| tags::is_asked_owner(&which, seen.owner.as_ref())).collect())
    }

    async fn create(&self, desired: &Repository, op: &Op) -> Result<Id> {
        let tags = desired.tags.for_create(&op.id);
        self.write()?
            .ecr
            .create_repository()
            .repository_name(&desired.name)
            .image_tag_mutability(mutability(desired))
            .image_scanning_configuration(scanning(desired))
            .set_tags(Some(tag_list(tags)?))
            .send()
            .await
            .map_err(|e| error("ecr:CreateRepository", e))?;
        Ok(desired.name.as_str().into())
    }

    async fn update(&self, desired: &Repository, seen: &Seen<Repository>) -> Result<Id> {
        let (name, now) = (seen.id.as_str(), &seen.spec);
        if desired.immutable_tags != now.immutable_tags {
            let call = self.write()?.ecr.put_image_tag_mutability().repository_name(name);
            call.image_tag_mutability(mutability(desired))
                .send()
                .await
                .map_err(|e| error("ecr:PutImageTagMutability", e))?;
        }
        if desired.scan_on_push != now.scan_on_push {
            let call = self.write()?.ecr.put_image_scanning_configuration().repository_name(name);
            call.image_scanning_configuration(scanning(desired))
                .send()
                .await
                .map_err(|e| error("ecr:PutImageScanningConfiguration", e))?;
        }
        if desired.lifecycle != now.lifecycle {
            self.put_lifecycle_policy(name, &desired.lifecycle).await?;
        }
        self.retag_repository(seen.outputs.arn.get()?, &desired.tags, &now.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<Repository>) -> Result<()> {
        let call = self.write()?.ecr.delete_repository().force(true);
        let call = call.repository_name(seen.id.as_str());
        gone(call.send().await.map_err(|e| error("ecr:DeleteRepository", e)).map(drop))
    }
}

/// What a repository without a lifecycle policy is seen with.
fn no_policy() -> Policy {
    Policy::new(json!({}))
}

fn mutability(desired: &Repository) -> ImageTagMutability {
    if desired.immutable_tags { ImageTagMutability::Immutable } else { ImageTagMutability::Mutable }
}

fn scanning(desired: &Repository) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(desired.scan_on_push).build()
}

fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<_, _>>().map_err(|e| Error::other(format!("a tag: {e}")))
}

fn seen(found: Found, lifecycle: Policy, owner: Option<Owner>, tags: Tags) -> Seen<Repository> {
    let name = found.repository_name.unwrap_or_default();
    Seen {
        id: name.as_str().into(),
        owner,
        spec: Repository {
            name: name.clone(),
            immutable_tags: found.image_tag_mutability == Some(ImageTagMutability::Immutable),
            scan_on_push: found.image_scanning_configuration.is_some_and(|s| s.scan_on_push),
            lifecycle,
            tags,
        },
        outputs: RepositoryOutputs {
            arn: found.repository_arn.unwrap_or_default().into(),
            name: name.into(),
            uri: found.repository_uri.unwrap_or_default().into(),
        },
        ready: Ready::Yes,
    }
}

impl Aws {
    /// Those of these names that exist. One unknown name fails a whole call; then each is asked for
    /// by itself.
    async fn repositories(&self, names: &[String]) -> Result<Vec<Found>> {
        let batches =
            names.chunks(BATCH).map(async |names| match self.describe_repositories(names).await {
                Err(e) if e.is(Class::Absent) && names.len() > 1 => {
                    let single = names.iter().map(async |name| {
                        match self.describe_repositories(std::slice::from_ref(name)).await {
                            Err(e) if e.is(Class::Absent) => Ok(vec![]),
                            other => other,
                        }
                    });
                    Ok(try_join_all(single).await?.into_iter().flatten().collect())
                }
                Err(e) if e.is(Class::Absent) => Ok(vec![]),
                other => other,
            });
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn describe_repositories(&self, names: &[String]) -> Result<Vec<Found>> {
        let call = self.read().ecr.describe_repositories();
        let answer = call.set_repository_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|e| error("ecr:DescribeRepositories", e))?;
        Ok(answer.repositories.unwrap_or_default())
    }

    async fn all_repositories(&self) -> Result<Vec<Found>> {
        let pages = self.read().ecr.describe_repositories().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(|e| error("ecr:DescribeRepositories", e))
    }

    async fn lifecycle_policy(&self, name: &str) -> Result<Policy> {
        let answer = self.read().ecr.get_lifecycle_policy().repository_name(name).send().await;
        match answer.map_err(|e| error("ecr:GetLifecyclePolicy", e)) {
            Ok(answer) => Ok(Policy::parse(&answer.lifecycle_policy_text.unwrap_or_default())),
            Err(e) if e.code.as_deref() == Some("LifecyclePolicyNotFoundException") => {
                Ok(no_policy())
            }
            Err(e) => Err(e),
        }
    }

    async fn put_lifecycle_policy(&self, name: &str, policy: &Policy) -> Result<()> {
        if *policy == no_policy() {
            let call = self.write()?.ecr.delete_lifecycle_policy().repository_name(name);
            return gone(
                call.send().await.map_err(|e| error("ecr:DeleteLifecyclePolicy", e)).map(drop),
            );
        }
        let call = self.write()?.ecr.put_lifecycle_policy().repository_name(name);
        call.lifecycle_policy_text(policy.text())
            .send()
            .await
            .map_err(|e| error("ecr:PutLifecyclePolicy", e))?;
        Ok(())
    }

    async fn repository_tags(&self, arn: &str) -> Result<Label> {
        let answer = self.read().ecr.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(|e| error("ecr:ListTagsForResource", e))?;
        Ok(tags::seen(answer.tags().iter().map(|tag| (tag.key(), tag.value()))))
    }

    async fn retag_repository(&self, arn: &str, desired: &Tags, seen: &Tags) -> Result<()> {
        let (set, remove) = desired.changes_from(seen);
        if !set.is_empty() {
            let call = self.write()?.ecr.tag_resource().resource_arn(arn);
            call.set_tags(Some(tag_list(set)?))
                .send()
                .await
                .map_err(|e| error("ecr:TagResource", e))?;
        }
        if !remove.is_empty() {
            let keys = remove.into_iter().map(Into::into).collect();
            let call = self.write()?.ecr.untag_resource().resource_arn(arn);
            call.set_tag_keys(Some(keys))
                .send()
                .await
                .map_err(|e| error("ecr:UntagResource", e))?;
        }
        Ok(())
    }
}
