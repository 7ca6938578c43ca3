//! The state bucket's settings: what each must be, and what is put when it is not.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use engine::{Class, Error, Result};
use serde_json::{Value, json};

use super::{Making, PROPAGATION};
use crate::client::emulated;
use crate::error::error;
use crate::operations::registry::plain;

/// Names our rule among others that an account's administrators may have added.
const RULE: &str = "provisioner-old-states";

/// Names our statement likewise.
const TLS_ONLY: &str = "ProvisionerTlsOnly";

/// Old states are kept this long, and the newest of them for good.
const KEPT_DAYS: i32 = 90;
const KEPT_VERSIONS: i32 = 50;

/// Reads a setting of the bucket; `None` when it was never made.
macro_rules! look {
    ($self:ident, $operation:ident, $name:literal) => {{
        let call = $self.aws.read().s3.$operation().bucket(&$self.backend.bucket);
        let answer = call.expected_bucket_owner(&$self.backend.account).send().await;
        match answer.map_err(|e| error($name, e)) {
            Err(failure) if is_unset(&failure) => None,
            answer => Some(answer?),
        }
    }};
}

/// Writes a setting of the bucket, for as long as the bucket is new or busy.
macro_rules! put {
    ($self:ident, $operation:ident, $name:literal, |$call:ident| $with:expr) => {{
        let write = || async move {
            let $call = $self.aws.write()?.s3.$operation().bucket(&$self.backend.bucket);
            let $call = $call.expected_bucket_owner(&$self.backend.account);
            $with.send().await.map_err(|e| error($name, e)).map(drop)
        };
        $self.patiently(PROPAGATION, write).await
    }};
}

impl Making<'_> {
    /// Looks at all settings at once, then puts the missing ones in turn: two changes of one bucket at
    /// a time conflict.
    pub(super) async fn bucket_settings(&self) -> Result<()> {
        let (ownership, access, encrypted, versioned, rules, policy, tags) = futures::try_join!(
            self.is_owned(),
            self.is_private(),
            self.is_encrypted(),
            self.is_versioned(),
            self.rules(),
            self.policy(),
            self.tags(),
        )?;
        if !versioned {
            self.keep_versions().await?;
        }
        if !access {
            self.block_public_access().await?;
        }
        if !ownership {
            self.own().await?;
        }
        if !encrypted {
            self.encrypt().await?;
        }
        if let Some(rules) = rules {
            self.put_rules(&rules).await?;
        }
        if let Some(policy) = policy {
            self.put_policy(&policy).await?;
        }
        if let Some(tags) = tags {
            self.put_tags(&tags).await?;
        }
        Ok(())
    }

    async fn is_versioned(&self) -> Result<bool> {
        let call = self.aws.read().s3.get_bucket_versioning().bucket(&self.backend.bucket);
        let answer = call.expected_bucket_owner(&self.backend.account).send().await;
        if let Some(status) = answer.as_ref().err().and_then(emulated::versioning) {
            return Ok(status);
        }
        match answer.map_err(|e| error("s3:GetBucketVersioning", e)) {
            Err(failure) if is_unset(&failure) => Ok(false),
            answer => Ok(answer?.status() == Some(&BucketVersioningStatus::Enabled)),
        }
    }

    async fn keep_versions(&self) -> Result<()> {
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let on = &on;
        put!(self, put_bucket_versioning, "s3:PutBucketVersioning", |call| call
            .versioning_configuration(on.clone()))
    }

    async fn is_private(&self) -> Result<bool> {
        let seen = look!(self, get_public_access_block, "s3:GetPublicAccessBlock");
        Ok(seen.and_then(|seen| seen.public_access_block_configuration) == Some(private()))
    }

    async fn block_public_access(&self) -> Result<()> {
        put!(self, put_public_access_block, "s3:PutPublicAccessBlock", |call| call
            .public_access_block_configuration(private()))
    }

    async fn is_owned(&self) -> Result<bool> {
        let seen = look!(self, get_bucket_ownership_controls, "s3:GetBucketOwnershipControls");
        let rules = seen.and_then(|seen| seen.ownership_controls).map(|controls| controls.rules);
        let enforced = ObjectOwnership::BucketOwnerEnforced;
        Ok(rules.is_some_and(|rules| rules.iter().any(|rule| rule.object_ownership == enforced)))
    }

    async fn own(&self) -> Result<()> {
        let rule = OwnershipControlsRule::builder()
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .build()
            .map_err(super::unbuildable)?;
        let controls =
            OwnershipControls::builder().rules(rule).build().map_err(super::unbuildable)?;
        let controls = &controls;
        put!(self, put_bucket_ownership_controls, "s3:PutBucketOwnershipControls", |call| call
            .ownership_controls(controls.clone()))
    }

    /// Any default will do unless the user names a key: an account may prefer its own.
    async fn is_encrypted(&self) -> Result<bool> {
        let seen = look!(self, get_bucket_encryption, "s3:GetEncryptionConfiguration");
        let rules = seen.and_then(|seen| seen.server_side_encryption_configuration);
        let rules = rules.map(|rules| rules.rules).unwrap_or_default();
        let Some(key) = &self.backend.kms else { return Ok(!rules.is_empty()) };
        let by = rules.iter().filter_map(|r| r.apply_server_side_encryption_by_default.as_ref());
        Ok(by.filter_map(|by| by.kms_master_key_id()).any(|id| id == key))
    }

    async fn encrypt(&self) -> Result<()> {
        let key = self.backend.kms.clone();
        let algorithm = match &key {
            Some(_) => ServerSideEncryption::AwsKms,
            None => ServerSideEncryption::Aes256,
        };
        // One data key for many objects: fewer calls of KMS, which are billed.
        let rule =
            ServerSideEncryptionRule::builder().set_bucket_key_enabled(key.as_ref().map(|_| true));
        let by = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(algorithm)
            .set_kms_master_key_id(key)
            .build()
            .map_err(super::unbuildable)?;
        let rule = rule.apply_server_side_encryption_by_default(by).build();
        let rules = ServerSideEncryptionConfiguration::builder()
            .rules(rule)
            .build()
            .map_err(super::unbuildable)?;
        let rules = &rules;
        put!(self, put_bucket_encryption, "s3:PutEncryptionConfiguration", |call| call
            .server_side_encryption_configuration(rules.clone()))
    }

    /// The rules to put, if ours is not among them.
    async fn rules(&self) -> Result<Option<Vec<LifecycleRule>>> {
        let seen = look!(self, get_bucket_lifecycle_configuration, "s3:GetLifecycleConfiguration");
        let mut rules = seen.and_then(|seen| seen.rules).unwrap_or_default();
        if rules.iter().any(|rule| rule.id() == Some(RULE)) {
            return Ok(None);
        }
        let ours = LifecycleRule::builder()
            .id(RULE)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .status(ExpirationStatus::Enabled)
            .noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder()
                    .noncurrent_days(KEPT_DAYS)
                    .newer_noncurrent_versions(KEPT_VERSIONS)
                    .build(),
            )
            .expiration(LifecycleExpiration::builder().expired_object_delete_marker(true).build())
            .abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build(),
            )
            .build()
            .map_err(super::unbuildable)?;
        rules.push(ours);
        Ok(Some(rules))
    }

    async fn put_rules(&self, rules: &[LifecycleRule]) -> Result<()> {
        let rules = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules.to_vec()))
            .build()
            .map_err(super::unbuildable)?;
        let rules = &rules;
        put!(self, put_bucket_lifecycle_configuration, "s3:PutLifecycleConfiguration", |call| call
            .lifecycle_configuration(rules.clone()))
    }

    /// The policy to put, if our statement is not in it. Not over plain HTTP, which exists in front of
    /// an emulator: one that keeps to the policy would never answer again.
    async fn policy(&self) -> Result<Option<String>> {
        if self.aws.endpoint("S3").and_then(plain).is_some() {
            return Ok(None);
        }
        let seen = look!(self, get_bucket_policy, "s3:GetBucketPolicy");
        let text = seen.and_then(|seen| seen.policy);
        let policy = text.map(|text| serde_json::from_str::<Value>(&text)).transpose()?;
        Ok(with_tls_only(policy, self.aws.partition(), &self.backend.bucket))
    }

    async fn put_policy(&self, policy: &str) -> Result<()> {
        put!(self, put_bucket_policy, "s3:PutBucketPolicy", |call| call.policy(policy))
    }

    /// The tags to put, if one of ours is not among them. Those of others stay.
    async fn tags(&self) -> Result<Option<Vec<Tag>>> {
        let seen = look!(self, get_bucket_tagging, "s3:GetBucketTagging");
        let mut tags = seen.map(|seen| seen.tag_set).unwrap_or_default();
        let mut is_complete = true;
        for (key, value) in self.backend.tags() {
            if tags.iter().any(|tag| tag.key() == key && tag.value() == value) {
                continue;
            }
            is_complete = false;
            tags.retain(|tag| tag.key() != key);
            tags.push(Tag::builder().key(key).value(value).build().map_err(super::unbuildable)?);
        }
        Ok((!is_complete).then_some(tags))
    }

    async fn put_tags(&self, tags: &[Tag]) -> Result<()> {
        let tags = Tagging::builder()
            .set_tag_set(Some(tags.to_vec()))
            .build()
            .map_err(super::unbuildable)?;
        let tags = &tags;
        put!(self, put_bucket_tagging, "s3:PutBucketTagging", |call| call.tagging(tags.clone()))
    }
}

fn private() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build()
}

/// A policy with our statement, other statements kept; `None` when it has ours already.
fn with_tls_only(policy: Option<Value>, partition: &str, bucket: &str) -> Option<String> {
    // S3 refuses a policy with an ARN of another partition: `MalformedPolicy`, "Policy has invalid
    // resource" (anomalyco/sst, issue 5076).
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    let ours = json!({
        "Sid": TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket.clone(), format!("{bucket}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    });
    let mut statements = match policy.map(|mut policy| policy["Statement"].take()) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => vec![],
        Some(single) => vec![single],
    };
    if statements.iter().any(|statement| statement["Sid"] == TLS_ONLY) {
        return None;
    }
    statements.push(ours);
    Some(json!({"Version": "2012-10-17", "Statement": statements}).to_string())
}

/// A setting that was never made: S3 has a code for each. A bucket that was just made and is not known
/// everywhere yet counts the same.
fn is_unset(failure: &Error) -> bool {
    let codes =
        ["ServerSideEncryptionConfigurationNotFoundError", "OwnershipControlsNotFoundError"];
    failure.is(Class::Absent) || failure.code.as_deref().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_statements_stay() {
        let theirs = json!({"Sid": "Audit", "Effect": "Allow"});
        let policy = json!({"Version": "2012-10-17", "Statement": theirs});
        let text = with_tls_only(Some(policy), "aws-us-gov", "b").unwrap();
        let policy: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(policy["Statement"][0], theirs);
        assert_eq!(policy["Statement"][1]["Resource"][1], "arn:aws-us-gov:s3:::b/*");
        assert_eq!(with_tls_only(Some(policy), "aws-us-gov", "b"), None);
    }
}
