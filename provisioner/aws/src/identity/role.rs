//! Roles with their trust, inline policies and attached managed policies.
//!
//! Asking for one role takes four calls and more. GetAccountAuthorizationDetails tells the same of
//! all roles of the account in pages of up to a thousand, but for the descriptions, which ListRoles
//! has. So several roles are looked up in one page of each, and what those two do not have is asked
//! for by name: with a handful of roles in an account of thousands, paging on would be the slower way.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput as Page;
use aws_sdk_iam::types::{EntityType, RoleDetail, Tag};
use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use futures::future::{try_join, try_join_all};
use futures::{StreamExt, TryStreamExt, stream};
use kinds::identity::RoleOutputs;
use kinds::{InlinePolicy, Policy, Role, Tags};
use percent_encoding::percent_decode_str;

use crate::error::{error, gone};
use crate::{Aws, tags};

/// The largest page.
const PAGE: i32 = 1000;
/// Roles asked for by name at a time.
const AT_ONCE: usize = 8;

impl Adapter<Role> for Aws {
    async fn observe(&self, which: Which<'_, Role>) -> Result<Vec<Seen<Role>>> {
        let mut names: BTreeSet<String> = match &which {
            Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
            Which::Ours(owner) => return self.roles_of(owner).await,
            Which::Named(desired) => desired.iter().map(|role| role.name.clone()).collect(),
            Which::Lost(desired, _) => [desired.name.clone()].into(),
        };
        let mut seen = Vec::new();
        if names.len() > 1 {
            seen = self.roles_in_first_page(&names).await?;
            for found in &seen {
                names.remove(found.id.as_str());
            }
        }
        let single: Vec<_> = stream::iter(names)
            .map(async |name| self.role_named(&name).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        seen.extend(single.into_iter().flatten());
        Ok(seen)
    }

    async fn create(&self, desired: &Role, op: &Op) -> Result<Id> {
        self.write()?
            .iam
            .create_role()
            .role_name(&desired.name)
            .description(&desired.description)
            .assume_role_policy_document(desired.trust.text())
            .set_tags(Some(tag_list(desired.tags.for_create(&op.id))?))
            .send()
            .await
            .map_err(|e| error("iam:CreateRole", e))?;
        Ok(desired.name.as_str().into())
    }

    /// What is missing is added before what is too much is taken away, so that a task that runs with
    /// the role never has less than both.
    async fn update(&self, desired: &Role, seen: &Seen<Role>) -> Result<Id> {
        let (name, now) = (seen.id.as_str(), &seen.spec);
        if desired.trust != now.trust {
            let call = self.write()?.iam.update_assume_role_policy().role_name(name);
            call.policy_document(desired.trust.text())
                .send()
                .await
                .map_err(|e| error("iam:UpdateAssumeRolePolicy", e))?;
        }
        for policy in desired.inline.iter().filter(|policy| !now.inline.contains(policy)) {
            let call = self.write()?.iam.put_role_policy().role_name(name);
            call.policy_name(&policy.name)
                .policy_document(policy.document.text())
                .send()
                .await
                .map_err(|e| error("iam:PutRolePolicy", e))?;
        }
        for arn in desired.managed.difference(&now.managed) {
            let call = self.write()?.iam.attach_role_policy().role_name(name).policy_arn(arn);
            call.send().await.map_err(|e| error("iam:AttachRolePolicy", e))?;
        }
        for policy in &now.inline {
            if !desired.inline.iter().any(|wanted| wanted.name == policy.name) {
                self.delete_inline_policy(name, &policy.name).await?;
            }
        }
        for arn in now.managed.difference(&desired.managed) {
            self.detach_role_policy(name, arn).await?;
        }
        if desired.description != now.description {
            // UpdateRole would set the session duration back to its default.
            let call = self.write()?.iam.update_role_description().role_name(name);
            call.description(&desired.description)
                .send()
                .await
                .map_err(|e| error("iam:UpdateRoleDescription", e))?;
        }
        self.retag_role(name, &desired.tags, &now.tags).await?;
        Ok(seen.id.clone())
    }

    /// IAM deletes only a role that nothing is attached to, so all is taken off that is there now.
    async fn delete(&self, seen: &Seen<Role>) -> Result<()> {
        let name = seen.id.as_str();
        let lists = try_join(self.attached_policies(name), self.inline_policy_names(name)).await;
        let ((managed, inline), profiles) =
            match try_join(async { lists }, self.instance_profiles(name)).await {
                Err(e) if e.is(Class::Absent) => return Ok(()),
                other => other?,
            };
        for arn in managed {
            self.detach_role_policy(name, &arn).await?;
        }
        for policy in inline {
            self.delete_inline_policy(name, &policy).await?;
        }
        for profile in profiles {
            let call = self.write()?.iam.remove_role_from_instance_profile().role_name(name);
            let call = call.instance_profile_name(profile).send().await;
            gone(call.map_err(|e| error("iam:RemoveRoleFromInstanceProfile", e)).map(drop))?;
        }
        let call = self.write()?.iam.delete_role().role_name(name);
        gone(call.send().await.map_err(|e| error("iam:DeleteRole", e)).map(drop))
    }
}

/// A policy as IAM answers it: percent-encoded.
fn policy(text: &str) -> Policy {
    Policy::parse(&percent_decode_str(text).decode_utf8_lossy())
}

fn seen_tags(tags: &[Tag]) -> (Option<Owner>, Tags) {
    tags::seen(tags.iter().map(|tag| (tag.key(), tag.value())))
}

fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<_, _>>().map_err(|e| Error::other(format!("a tag: {e}")))
}

fn seen(arn: &str, owner: Option<Owner>, mut spec: Role) -> Seen<Role> {
    spec.inline.sort_by(|one, other| one.name.cmp(&other.name));
    let outputs = RoleOutputs { arn: arn.into(), name: spec.name.as_str().into() };
    Seen { id: spec.name.as_str().into(), owner, spec, outputs, ready: Ready::Yes }
}

/// A role from GetAccountAuthorizationDetails, with the description from elsewhere.
fn of_detail(detail: &RoleDetail, description: &str) -> Seen<Role> {
    let (owner, tags) = seen_tags(detail.tags());
    let inline = detail.role_policy_list().iter().map(|found| InlinePolicy {
        name: found.policy_name().unwrap_or_default().into(),
        document: policy(found.policy_document().unwrap_or_default()),
    });
    let managed = detail.attached_managed_policies().iter();
    let spec = Role {
        name: detail.role_name().unwrap_or_default().into(),
        description: description.into(),
        trust: policy(detail.assume_role_policy_document().unwrap_or_default()),
        managed: managed.filter_map(|found| found.policy_arn().map(str::to_owned)).collect(),
        inline: inline.collect(),
        tags,
    };
    seen(detail.arn().unwrap_or_default(), owner, spec)
}

impl Aws {
    /// Those of these roles that the first pages of both listings have. None when the caller may not
    /// list the account.
    async fn roles_in_first_page(&self, names: &BTreeSet<String>) -> Result<Vec<Seen<Role>>> {
        let iam = &self.read().iam;
        let details = async {
            let call = iam.get_account_authorization_details().filter(EntityType::Role);
            let page = call.max_items(PAGE).send().await;
            page.map_err(|e| error("iam:GetAccountAuthorizationDetails", e))
        };
        let roles = async {
            let page = iam.list_roles().max_items(PAGE).send().await;
            page.map_err(|e| error("iam:ListRoles", e))
        };
        let (details, roles) = match try_join(details, roles).await {
            Ok(pages) => pages,
            Err(e) if e.is(Class::Denied) || e.is(Class::NotEmulated) => return Ok(vec![]),
            Err(e) => return Err(e),
        };
        let descriptions: BTreeMap<&str, &str> = roles
            .roles()
            .iter()
            .map(|role| (role.role_name(), role.description().unwrap_or_default()))
            .collect();
        let wanted = details.role_detail_list().iter().filter_map(|detail| {
            let name = names.get(detail.role_name()?)?;
            Some(of_detail(detail, descriptions.get(name.as_str())?))
        });
        Ok(wanted.collect())
    }

    async fn roles_of(&self, owner: &Owner) -> Result<Vec<Seen<Role>>> {
        let pages = self
            .read()
            .iam
            .get_account_authorization_details()
            .filter(EntityType::Role)
            .max_items(PAGE)
            .into_paginator()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("iam:GetAccountAuthorizationDetails", e))?;
        let ours = pages.iter().flat_map(Page::role_detail_list).filter(|detail| {
            seen_tags(detail.tags()).0.is_some_and(|other| other.same_environment(owner))
        });
        let roles = ours.filter_map(|detail| detail.role_name()).map(|name| self.role_named(name));
        Ok(try_join_all(roles).await?.into_iter().flatten().collect())
    }

    /// One role by its name.
    async fn role_named(&self, name: &str) -> Result<Option<Seen<Role>>> {
        let whole = try_join(
            self.get_role(name),
            try_join(self.attached_policies(name), self.inline_policies(name)),
        );
        match whole.await {
            Ok((mut seen, (managed, inline))) => {
                seen.spec.managed = managed;
                seen.spec.inline = inline;
                Ok(Some(seen))
            }
            Err(e) if e.is(Class::Absent) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// A role without its permissions.
    async fn get_role(&self, name: &str) -> Result<Seen<Role>> {
        let answer = self.read().iam.get_role().role_name(name).send().await;
        let role = answer
            .map_err(|e| error("iam:GetRole", e))?
            .role
            .ok_or_else(|| Error::other(format!("iam:GetRole: {name} without a description")))?;
        let (owner, tags) = seen_tags(role.tags());
        let spec = Role {
            name: name.into(),
            description: role.description().unwrap_or_default().into(),
            trust: policy(role.assume_role_policy_document().unwrap_or_default()),
            managed: BTreeSet::new(),
            inline: vec![],
            tags,
        };
        Ok(seen(role.arn(), owner, spec))
    }

    async fn attached_policies(&self, name: &str) -> Result<BTreeSet<String>> {
        let pages = self.read().iam.list_attached_role_policies().role_name(name);
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|e| error("iam:ListAttachedRolePolicies", e))?;
        Ok(found.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    async fn inline_policy_names(&self, name: &str) -> Result<Vec<String>> {
        let pages = self.read().iam.list_role_policies().role_name(name);
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        found.map_err(|e| error("iam:ListRolePolicies", e))
    }

    async fn inline_policies(&self, role: &str) -> Result<Vec<InlinePolicy>> {
        let mut names = self.inline_policy_names(role).await?;
        names.sort();
        try_join_all(names.into_iter().map(async |name| {
            let call = self.read().iam.get_role_policy().role_name(role).policy_name(&name);
            let found = call.send().await.map_err(|e| error("iam:GetRolePolicy", e))?;
            Ok(InlinePolicy { name, document: policy(&found.policy_document) })
        }))
        .await
    }

    async fn instance_profiles(&self, name: &str) -> Result<Vec<String>> {
        let pages = self.read().iam.list_instance_profiles_for_role().role_name(name);
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|e| error("iam:ListInstanceProfilesForRole", e))?;
        Ok(found.into_iter().map(|profile| profile.instance_profile_name).collect())
    }

    async fn detach_role_policy(&self, role: &str, arn: &str) -> Result<()> {
        let call = self.write()?.iam.detach_role_policy().role_name(role).policy_arn(arn);
        gone(call.send().await.map_err(|e| error("iam:DetachRolePolicy", e)).map(drop))
    }

    async fn delete_inline_policy(&self, role: &str, policy: &str) -> Result<()> {
        let call = self.write()?.iam.delete_role_policy().role_name(role).policy_name(policy);
        gone(call.send().await.map_err(|e| error("iam:DeleteRolePolicy", e)).map(drop))
    }

    async fn retag_role(&self, name: &str, desired: &Tags, seen: &Tags) -> Result<()> {
        let (set, remove) = desired.changes_from(seen);
        if !set.is_empty() {
            let call = self.write()?.iam.tag_role().role_name(name);
            call.set_tags(Some(tag_list(set)?))
                .send()
                .await
                .map_err(|e| error("iam:TagRole", e))?;
        }
        if !remove.is_empty() {
            let keys = remove.into_iter().map(Into::into).collect();
            let call = self.write()?.iam.untag_role().role_name(name).set_tag_keys(Some(keys));
            call.send().await.map_err(|e| error("iam:UntagRole", e))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn iam_encodes_documents() {
        let encoded = "%7B%22Statement%22%3A%5B%7B%22Action%22%3A%22s3%3A%2A%22%7D%5D%7D";
        let plain = Policy::new(json!({"Statement": [{"Action": "s3:*"}]}));
        assert_eq!(policy(encoded), plain);
        assert_eq!(policy(&plain.text()), plain);
    }
}
