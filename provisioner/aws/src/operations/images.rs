//! Images in ECR, as ECR lists them.

use aws_sdk_ecr::types::ImageIdentifier;
use engine::{Class, Result};
use serde::{Deserialize, Serialize};

use crate::Aws;
use crate::error::error;

/// An image, or a list of images for several platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EcrImage {
    /// `sha256:…`.
    pub digest: String,
    pub tags: Vec<String>,
    /// Of its manifest.
    pub media_type: String,
    /// Compressed, in bytes; of a list, nothing.
    pub size: Option<u64>,
}

impl Aws {
    /// The image of a tag or a digest; `None` when there is none, or no such repository. Does not
    /// count as a pull, which lifecycle policies may go by.
    ///
    /// # Errors
    /// Whatever describing it answers.
    pub async fn image(&self, repository: &str, reference: &str) -> Result<Option<EcrImage>> {
        let id = ImageIdentifier::builder();
        let id = if reference.contains(':') {
            id.image_digest(reference)
        } else {
            id.image_tag(reference)
        };
        let call = self.read().ecr.describe_images().repository_name(repository);
        let answer = call.image_ids(id.build()).send().await;
        let answer = match answer.map_err(|e| error("ecr:DescribeImages", e)) {
            Err(e) if e.is(Class::Absent) => return Ok(None),
            answer => answer?,
        };
        let found = answer.image_details.unwrap_or_default().into_iter().next();
        Ok(found.map(|found| EcrImage {
            digest: found.image_digest.unwrap_or_default(),
            tags: found.image_tags.unwrap_or_default(),
            media_type: found.image_manifest_media_type.unwrap_or_default(),
            size: found.image_size_in_bytes.and_then(|size| size.try_into().ok()),
        }))
    }
}
