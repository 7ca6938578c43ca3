//! Small objects in the state bucket, each written under a condition and read back after a lost answer.
//!
//! An environment's objects share the prefix `<project>/<environment>/`. Every call names the account
//! that must own the bucket, so that a bucket of the same name in other hands gets nothing.

mod history;
mod state;

pub use history::{Page, Past};
pub use state::S3Store;
pub(crate) use state::STATE;

use aws_sdk_s3::primitives::ByteStream;
use engine::clock::Backoff;
use engine::{Class, Clock, Error, Result};
use std::time::Duration;

use crate::Aws;
use crate::backend::bootstrap::Backend;
use crate::error::error;

/// How long a write is repeated.
const WRITE_BUDGET: Duration = Duration::from_mins(2);

/// The objects of one environment. Takes the connection without a guard: a condition protects every
/// write by itself, and what was done before a lock was lost is still worth saving.
#[derive(Clone, Debug)]
pub struct Objects {
    aws: Aws,
    clock: Clock,
    backend: Backend,
    prefix: String,
}

/// One object as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub bytes: Vec<u8>,
    /// Names this content: to be given to [`Objects::replace`].
    pub etag: String,
    /// Names this version for ever, where the bucket keeps versions.
    pub version: Option<String>,
}

impl Objects {
    #[must_use]
    pub fn new(
        aws: &Aws,
        backend: &Backend,
        project: &str,
        environment: &str,
        clock: Clock,
    ) -> Self {
        Self {
            aws: aws.clone(),
            clock,
            backend: backend.clone(),
            prefix: format!("{project}/{environment}/"),
        }
    }

    /// Where an object is, for messages: `s3://bucket/shop/prod/state.json`.
    #[must_use]
    pub fn location(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.backend.bucket, self.prefix)
    }

    /// Reads an object; `None` when it, or the bucket, is not there.
    pub async fn get(&self, key: &str) -> Result<Option<Object>> {
        self.read(key, None).await
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Result<Option<Object>> {
        let call = self.aws.read().s3.get_object().bucket(&self.backend.bucket);
        let answer = call
            .key(format!("{}{key}", self.prefix))
            .expected_bucket_owner(&self.backend.account)
            .set_version_id(version.map(Into::into))
            .send()
            .await;
        let answer = match answer.map_err(|e| self.backend.refused(error("s3:GetObject", e))) {
            Err(error) if error.is(Class::Absent) => return Ok(None),
            answer => answer?,
        };
        let torn =
            |e| Error::new(Class::Transient, format!("{} broke off: {e}", self.location(key)));
        Ok(Some(Object {
            etag: answer.e_tag.unwrap_or_default(),
            version: answer.version_id,
            bytes: answer.body.collect().await.map_err(torn)?.to_vec(),
        }))
    }

    /// Writes an object that must not be there yet. Returns its tag.
    ///
    /// # Errors
    /// [`Class::Exists`] when another content is there.
    pub async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<String> {
        self.settle(key, bytes, None).await.map_err(|error| match error.class {
            Class::State => Error { class: Class::Exists, ..error },
            _ => error,
        })
    }

    /// Writes an object over exactly the content that `etag` names. Returns the new tag.
    ///
    /// # Errors
    /// [`Class::State`] when somebody else wrote or deleted it meanwhile; nothing is changed then.
    pub async fn replace(&self, key: &str, bytes: Vec<u8>, etag: &str) -> Result<String> {
        self.settle(key, bytes, Some(etag)).await
    }

    /// Writes until the outcome is known. A lost answer and a refusal are both settled by reading: the
    /// refusal may be of a repetition whose first delivery was accepted.
    async fn settle(&self, key: &str, bytes: Vec<u8>, over: Option<&str>) -> Result<String> {
        let mut backoff = Backoff::new();
        loop {
            let failure = match self.put(key, bytes.clone(), over).await {
                Ok(etag) => return Ok(etag),
                Err(failure) => failure,
            };
            match (failure.class, failure.code.as_deref()) {
                // Another write to the same key was under way (S3: "Conditional writes").
                (Class::State, Some("ConditionalRequestConflict"))
                | (Class::Transient | Class::Throttled | Class::Blocked, _) => {}
                (Class::State, _) | (Class::Absent, Some("NoSuchKey")) => {
                    return match self.get(key).await? {
                        Some(seen) if seen.bytes == bytes => Ok(seen.etag),
                        seen => Err(self.overtaken(key, over, seen.is_some())),
                    };
                }
                (Class::Lost, _) => {
                    let seen = self.get(key).await?;
                    match &seen {
                        Some(seen) if seen.bytes == bytes => return Ok(seen.etag.clone()),
                        seen if seen.as_ref().map(|seen| &*seen.etag) != over => {
                            return Err(self.overtaken(key, over, seen.is_some()));
                        }
                        _ => {}
                    }
                }
                _ => return Err(failure.while_doing(format!("write {}", self.location(key)))),
            }
            let Some(delay) = backoff.next(WRITE_BUDGET) else {
                return Err(failure.while_doing(format!("write {}", self.location(key))));
            };
            self.clock.sleep(delay).await;
        }
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, over: Option<&str>) -> Result<String> {
        let call = self.aws.write()?.s3.put_object().bucket(&self.backend.bucket);
        let call = call
            .key(format!("{}{key}", self.prefix))
            .expected_bucket_owner(&self.backend.account)
            .content_type("application/json")
            .body(ByteStream::from(bytes));
        let call = match over {
            Some(etag) => call.if_match(etag),
            None => call.if_none_match("*"),
        };
        let answer = call.send().await.map_err(|e| error("s3:PutObject", e))?;
        Ok(answer.e_tag.unwrap_or_default())
    }

    fn overtaken(&self, key: &str, over: Option<&str>, exists: bool) -> Error {
        let what = match (over, exists) {
            (Some(_), true) => "somebody else wrote it meanwhile",
            (Some(_), false) => "somebody else deleted it meanwhile",
            (None, _) => "it is there already",
        };
        Error::new(Class::State, format!("{} was not written: {what}", self.location(key)))
    }

    /// The keys that begin with `prefix`, in order; without the environment's own prefix.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let call = self.aws.read().s3.list_objects_v2().bucket(&self.backend.bucket);
        let mut pages = call
            .prefix(format!("{}{prefix}", self.prefix))
            .expected_bucket_owner(&self.backend.account)
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|e| self.backend.refused(error("s3:ListObjectsV2", e))) {
                Err(error) if error.is(Class::Absent) => break,
                page => page?,
            };
            let found = page.contents().iter().filter_map(|object| object.key());
            keys.extend(found.filter_map(|key| key.strip_prefix(&self.prefix)).map(str::to_owned));
        }
        Ok(keys)
    }

    /// Deletes exactly the content that `etag` names; gone already is success. Earlier versions stay.
    ///
    /// # Errors
    /// [`Class::State`] when somebody else wrote it meanwhile; nothing is changed then.
    pub async fn delete(&self, key: &str, etag: &str) -> Result<()> {
        let mut backoff = Backoff::new();
        loop {
            let call = self.aws.write()?.s3.delete_object().bucket(&self.backend.bucket);
            let answer = call
                .key(format!("{}{key}", self.prefix))
                .expected_bucket_owner(&self.backend.account)
                .if_match(etag)
                .send()
                .await;
            let failure = match answer.map_err(|e| error("s3:DeleteObject", e)) {
                Ok(_) => return Ok(()),
                Err(failure) if failure.is(Class::Absent) => return Ok(()),
                Err(failure) => failure,
            };
            let conflict = failure.code.as_deref() == Some("ConditionalRequestConflict");
            match failure.class {
                Class::State if !conflict => {
                    if self.get(key).await?.is_none() {
                        return Ok(());
                    }
                    let what = "was not deleted: somebody else wrote it meanwhile";
                    let message = format!("{} {what}", self.location(key));
                    return Err(Error::new(Class::State, message));
                }
                // The condition makes a repetition harmless.
                Class::State | Class::Transient | Class::Throttled | Class::Lost => {}
                _ => return Err(failure),
            }
            let Some(delay) = backoff.next(WRITE_BUDGET) else { return Err(failure) };
            self.clock.sleep(delay).await;
        }
    }
}
