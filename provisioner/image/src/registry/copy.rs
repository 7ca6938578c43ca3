//! Copying an image between repositories or registries, digest for digest: what was tested is what is
//! promoted.

use futures::{StreamExt, TryStreamExt};
use reqwest::{Method, StatusCode};

use super::Registry;
use super::authentication::Access;
use super::inspect::Raw;
use super::push::{Content, Pieces};
use super::wire::{Request, unexpected};
use crate::layout::Descriptor;
use crate::{Digest, Error, Result};

/// Copies an image, or an index with everything that it lists, and returns its digest, which is the
/// same on both sides. What is there already is not sent again.
///
/// `from` and `to` are a registry and a repository; `name` is a tag or a digest; without a `tag` the
/// copy can be had by digest only.
pub async fn copy(
    from: (&Registry, &str),
    name: &str,
    to: (&Registry, &str),
    tag: Option<&str>,
) -> Result<Digest> {
    let root = from.0.manifest(from.1, name).await?;
    // Children before the index that names them, blobs before the image that names them: whoever
    // finds a name finds everything behind it.
    let mut found = vec![root];
    let mut next = 0;
    while let Some(raw) = found.get(next) {
        let children: Vec<_> = raw.manifest.manifests.iter().map(|c| c.digest.clone()).collect();
        for child in children {
            found.push(from.0.manifest(from.1, child.as_str()).await?);
        }
        next += 1;
    }
    for raw in found.iter().skip(1).rev() {
        copy_blobs(from, to, raw).await?;
        to.0.put_manifest(to.1, None, &raw.media_type, &raw.bytes).await?;
    }
    let root = found.swap_remove(0);
    copy_blobs(from, to, &root).await?;
    to.0.put_manifest(to.1, tag, &root.media_type, &root.bytes).await
}

async fn copy_blobs(from: (&Registry, &str), to: (&Registry, &str), raw: &Raw) -> Result<()> {
    // Only within one registry there is something to take a blob from.
    let mount = (from.0.host == to.0.host).then_some(from.1);
    let blobs = raw.manifest.layers.iter().chain(&raw.manifest.config);
    let blobs: Vec<_> = blobs
        .map(|blob| Remote { registry: from.0, repository: from.1, blob: blob.clone() })
        .collect();
    to.0.push_blobs(to.1, &blobs, mount).await
}

/// A blob in another registry, read as it is sent on.
struct Remote<'a> {
    registry: &'a Registry,
    repository: &'a str,
    blob: Descriptor,
}

impl Content for Remote<'_> {
    fn digest(&self) -> &Digest {
        &self.blob.digest
    }

    fn size(&self) -> u64 {
        self.blob.size
    }

    async fn pieces(&self) -> Result<Pieces> {
        let url = self.registry.url(self.repository, &format!("blobs/{}", self.blob.digest));
        let request = Request::new(Method::GET, &url, Access::Pull);
        let answer = self.registry.send(self.repository, request).await?;
        if answer.status() != StatusCode::OK {
            return Err(unexpected(answer).await);
        }
        let pieces = answer.bytes_stream().map_err(move |error| Error::Unreachable {
            url: url.clone(),
            why: error.without_url().to_string(),
        });
        Ok(pieces.boxed())
    }
}
