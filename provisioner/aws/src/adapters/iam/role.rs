//! Roles with their trust, inline policies and attached managed policies.

mod read;

use std::collections::BTreeSet;

use aws_sdk_iam::types::Tag;
use engine::{Adapter, Class, Error, Id, Op, Result, Seen, Which};
use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};
use kinds::{Role, Tags};

use crate::Aws;
use crate::error::{error, gone};

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
        if !self.read_cache.has_many_roles() {
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
            .path(&desired.path)
            .set_permissions_boundary(desired.boundary.clone().filter(|arn| !arn.is_empty()))
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
        // First of all: an account may allow changes to bounded roles only.
        if let Some(boundary) =
            desired.boundary.as_deref().filter(|arn| now.boundary.as_deref() != Some(*arn))
        {
            self.bound_role(name, boundary).await?;
        }
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

fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<_, _>>().map_err(|e| Error::other(format!("a tag: {e}")))
}

impl Aws {
    /// Sets the boundary of a role; an empty one takes it off.
    async fn bound_role(&self, role: &str, boundary: &str) -> Result<()> {
        if boundary.is_empty() {
            let call = self.write()?.iam.delete_role_permissions_boundary().role_name(role);
            let answer =
                call.send().await.map_err(|e| error("iam:DeleteRolePermissionsBoundary", e));
            return gone(answer.map(drop));
        }
        let call = self.write()?.iam.put_role_permissions_boundary().role_name(role);
        let answer = call.permissions_boundary(boundary).send().await;
        answer.map_err(|e| error("iam:PutRolePermissionsBoundary", e)).map(drop)
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
