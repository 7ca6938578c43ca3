//! The state bucket: there, ours, and set up.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership};
use engine::{Class, Error, Result};

use super::{Making, PROPAGATION};
use crate::error::error;

impl Making<'_> {
    pub(super) async fn bucket(&self) -> Result<()> {
        if !self.has_bucket().await? {
            self.patiently(PROPAGATION, || self.create_bucket()).await?;
        }
        Box::pin(self.bucket_settings()).await
    }

    async fn has_bucket(&self) -> Result<bool> {
        let call = self.aws.read().s3.head_bucket().bucket(&self.backend.bucket);
        let answer = call.expected_bucket_owner(&self.backend.account).send().await;
        match answer.map_err(|e| error("s3:HeadBucket", e)) {
            Ok(_) => Ok(true),
            Err(failure) if failure.is(Class::Absent) => Ok(false),
            Err(failure) => Err(self.backend.refused(failure)),
        }
    }

    /// Looked for first, because in us-east-1 creating a bucket that one owns resets its access lists
    /// instead of failing (S3: CreateBucket).
    async fn create_bucket(&self) -> Result<()> {
        let region = &*self.backend.region;
        let place = (region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        let call = self.aws.write()?.s3.create_bucket().bucket(&self.backend.bucket);
        let answer = call
            .set_create_bucket_configuration(place)
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .send()
            .await;
        match answer.map_err(|e| error("s3:CreateBucket", e)) {
            Ok(_) => Ok(()),
            // The other of two first runs was faster.
            Err(failure) if failure.is(Class::Exists) => Ok(()),
            Err(failure) if failure.is(Class::Foreign) => {
                Err(self.backend.refused(Error { class: Class::Denied, ..failure }))
            }
            Err(failure) => Err(failure),
        }
    }
}
