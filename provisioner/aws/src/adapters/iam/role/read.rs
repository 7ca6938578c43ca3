//! Roles as IAM has them.
//!
//! Asking for one role takes four calls and more. GetAccountAuthorizationDetails tells the same of
//! all roles of the account in pages of up to a thousand, but for the descriptions, which ListRoles
//! has. So roles are looked up in one page of each, and what those two do not have is asked for by
//! name: with a handful of roles in an account of thousands, paging on would be the slower way.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput as Page;
use aws_sdk_iam::types::{AttachedPermissionsBoundary, EntityType, RoleDetail, Tag};
use engine::{Class, Error, Owner, Ready, Result, Seen};
use futures::future::{try_join, try_join_all};
use kinds::identity::RoleOutputs;
use kinds::{InlinePolicy, Policy, Role, Tags};
use percent_encoding::percent_decode_str;

use crate::Aws;
use crate::error::error;
use crate::observe::tags;

/// The largest page.
const PAGE: i32 = 1000;

/// A policy as IAM answers it: percent-encoded.
fn policy(text: &str) -> Policy {
    Policy::parse(&percent_decode_str(text).decode_utf8_lossy())
}

fn seen_tags(tags: &[Tag]) -> (Option<Owner>, Tags) {
    tags::seen(tags.iter().map(|tag| (tag.key(), tag.value())))
}

fn seen(arn: &str, owner: Option<Owner>, mut spec: Role) -> Seen<Role> {
    spec.inline.sort_by(|one, other| one.name.cmp(&other.name));
    let outputs = RoleOutputs { arn: arn.into(), name: spec.name.as_str().into() };
    Seen { id: spec.name.as_str().into(), owner, spec, outputs, ready: Ready::Yes }
}

/// The ARN of a role's boundary, or nothing.
fn boundary(found: Option<&AttachedPermissionsBoundary>) -> String {
    found.and_then(|found| found.permissions_boundary_arn()).unwrap_or_default().into()
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
        path: detail.path().unwrap_or("/").into(),
        boundary: Some(boundary(detail.permissions_boundary())),
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
    pub(super) async fn roles_in_first_page(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<Vec<Seen<Role>>> {
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
            let mut seen = of_detail(detail, descriptions.get(name.as_str())?);
            if self.is_emulated("IAM") && detail.permissions_boundary().is_none() {
                // MiniStack tells boundaries in GetRole only.
                seen.spec.boundary = None;
            }
            Some(seen)
        });
        let seen: Vec<_> = wanted.collect();
        if seen.len() < names.len() && (details.is_truncated || roles.is_truncated) {
            self.read_cache.note_many_roles();
        }
        Ok(seen)
    }

    pub(super) async fn roles_of(&self, owner: &Owner) -> Result<Vec<Seen<Role>>> {
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
    pub(super) async fn role_named(&self, name: &str) -> Result<Option<Seen<Role>>> {
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
            path: role.path().into(),
            boundary: Some(boundary(role.permissions_boundary())),
            description: role.description().unwrap_or_default().into(),
            trust: policy(role.assume_role_policy_document().unwrap_or_default()),
            managed: BTreeSet::new(),
            inline: vec![],
            tags,
        };
        Ok(seen(role.arn(), owner, spec))
    }

    pub(super) async fn attached_policies(&self, name: &str) -> Result<BTreeSet<String>> {
        let pages = self.read().iam.list_attached_role_policies().role_name(name);
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|e| error("iam:ListAttachedRolePolicies", e))?;
        Ok(found.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    pub(super) async fn inline_policy_names(&self, name: &str) -> Result<Vec<String>> {
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

    pub(super) async fn instance_profiles(&self, name: &str) -> Result<Vec<String>> {
        let pages = self.read().iam.list_instance_profiles_for_role().role_name(name);
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|e| error("iam:ListInstanceProfilesForRole", e))?;
        Ok(found.into_iter().map(|profile| profile.instance_profile_name).collect())
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
