//! Taking the backend away: the last thing that is ever done in an account and Region.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use engine::clock::Backoff;
use engine::{Class, Clock, Error, Result};

use super::{Backend, Making, PROPAGATION, TABLE};
use crate::Aws;
use crate::backend::store::STATE;
use crate::error::{error, gone};

/// Deletes the bucket with every version of every state, and the table. Gone already is success.
///
/// # Errors
/// [`Class::Blocked`], before anything is deleted, when an environment still has a state or a lock.
pub async fn destroy_backend(aws: &Aws, backend: &Backend, clock: &Clock) -> Result<()> {
    let removal = Making { aws, backend, clock };
    let mut left = removal.states().await?;
    left.extend(removal.locks().await?);
    if !left.is_empty() {
        let left = left.join(", ");
        let message =
            format!("the backend is still in use: {left}; destroy the environments first");
        return Err(Error::new(Class::Blocked, message));
    }
    removal.remove_bucket().await?;
    removal.remove_table().await
}

impl Making<'_> {
    /// Environments that have a state.
    async fn states(&self) -> Result<Vec<String>> {
        let call = self.aws.read().s3.list_objects_v2().bucket(&self.backend.bucket);
        let mut pages = call.expected_bucket_owner(&self.backend.account).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|e| error("s3:ListObjectsV2", e)) {
                Err(failure) if failure.is(Class::Absent) => break,
                page => page?,
            };
            let keys = page.contents().iter().filter_map(|object| object.key());
            let states = keys.filter_map(|key| key.strip_suffix(STATE)?.strip_suffix('/'));
            found.extend(states.map(|environment| format!("{environment} has a state")));
        }
        Ok(found)
    }

    /// Environments that are locked.
    async fn locks(&self) -> Result<Vec<String>> {
        let call = self.aws.read().dynamodb.scan().table_name(&self.backend.table);
        let mut pages = call
            .consistent_read(true)
            .filter_expression("attribute_exists(#owner)")
            .expression_attribute_names("#owner", "owner")
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|e| error("dynamodb:Scan", e)) {
                Err(failure) if failure.is(Class::Absent) => break,
                page => page?,
            };
            let keys = page
                .items()
                .iter()
                .filter_map(|item| item.get(crate::backend::lock::KEY)?.as_s().ok());
            found.extend(keys.map(|key| format!("{key} is locked")));
        }
        Ok(found)
    }

    async fn remove_bucket(&self) -> Result<()> {
        let mut backoff = Backoff::new();
        loop {
            gone(self.empty_bucket().await)?;
            let call = self.aws.write()?.s3.delete_bucket().bucket(&self.backend.bucket);
            let answer = call.expected_bucket_owner(&self.backend.account).send().await;
            let failure = match answer.map_err(|e| error("s3:DeleteBucket", e)) {
                Ok(_) => return Ok(()),
                Err(failure) if failure.is(Class::Absent) => return Ok(()),
                Err(failure) if super::passes(&failure) => failure,
                Err(failure) => return Err(failure),
            };
            let Some(delay) = backoff.next(PROPAGATION) else { return Err(failure) };
            self.clock.sleep(delay).await;
        }
    }

    /// Deletes every version, every delete marker and every unfinished upload.
    async fn empty_bucket(&self) -> Result<()> {
        let Backend { bucket, account, .. } = self.backend;
        loop {
            let call = self.aws.read().s3.list_object_versions().bucket(bucket);
            let page = call
                .expected_bucket_owner(account)
                .send()
                .await
                .map_err(|e| error("s3:ListObjectVersions", e))?;
            let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
            let marks = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
            let doomed: Vec<_> = versions
                .chain(marks)
                .filter_map(|(key, version)| {
                    let version = version.map(Into::into);
                    ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok()
                })
                .collect();
            if doomed.is_empty() {
                break;
            }
            self.patiently(PROPAGATION, || self.delete_objects(&doomed)).await?;
        }
        let call = self.aws.read().s3.list_multipart_uploads().bucket(bucket);
        let uploads = call
            .expected_bucket_owner(account)
            .send()
            .await
            .map_err(|e| error("s3:ListMultipartUploads", e))?;
        for upload in uploads.uploads() {
            let call = self.aws.write()?.s3.abort_multipart_upload().bucket(bucket);
            let answer = call
                .set_key(upload.key.clone())
                .set_upload_id(upload.upload_id.clone())
                .expected_bucket_owner(account)
                .send()
                .await;
            gone(answer.map_err(|e| error("s3:AbortMultipartUpload", e)).map(drop))?;
        }
        Ok(())
    }

    /// At most a page, which S3 limits to as many as one call deletes.
    async fn delete_objects(&self, doomed: &[ObjectIdentifier]) -> Result<()> {
        let doomed = Delete::builder()
            .set_objects(Some(doomed.to_vec()))
            .quiet(true)
            .build()
            .map_err(|e| Error::other(e.to_string()))?;
        let call = self.aws.write()?.s3.delete_objects().bucket(&self.backend.bucket);
        let answer = call
            .delete(doomed)
            .expected_bucket_owner(&self.backend.account)
            .send()
            .await
            .map_err(|e| error("s3:DeleteObjects", e))?;
        match answer.errors() {
            [] => Ok(()),
            // A success that lists failures.
            [first, ..] => Err(Error {
                code: first.code.clone(),
                operation: Some("s3:DeleteObjects".into()),
                ..Error::other(format!(
                    "{} was not deleted: {}",
                    first.key().unwrap_or_default(),
                    first.message().unwrap_or_default()
                ))
            }),
        }
    }

    async fn remove_table(&self) -> Result<()> {
        let Some(seen) = self.describe_table().await? else { return Ok(()) };
        if seen.deletion_protection_enabled() == Some(true) {
            gone(self.patiently(TABLE, || self.protect_table(false)).await)?;
        }
        gone(self.patiently(TABLE, || self.delete_table()).await)?;
        let mut backoff = Backoff::new();
        while self.describe_table().await?.is_some() {
            let Some(delay) = backoff.next(TABLE) else {
                let message = format!("the table {} is still there", self.backend.table);
                return Err(Error::new(Class::Stuck, message));
            };
            self.clock.sleep(delay).await;
        }
        Ok(())
    }

    async fn delete_table(&self) -> Result<()> {
        let call = self.aws.write()?.dynamodb.delete_table().table_name(&self.backend.table);
        call.send().await.map_err(|e| error("dynamodb:DeleteTable", e)).map(drop)
    }
}
