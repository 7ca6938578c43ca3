//! Looking at an image that is in a registry.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::Registry;
use super::authentication::Access;
use super::wire::{Request, complaint, unexpected};
use crate::layout::Descriptor;
use crate::{Architecture, Digest, Error, Result};

/// What may stand behind a name: images and lists of images, in OCI's and in Docker's form.
pub(super) const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Of what the name stands for: an image, or a list of images for several platforms.
    pub digest: Digest,
    pub platforms: Vec<Platform>,
}

impl Inspected {
    /// Fails unless the image runs on what a service wants. `what` is the image's name.
    pub fn require(&self, wanted: Architecture, what: &str) -> Result<()> {
        let fits =
            |platform: &Platform| platform.os == "linux" && platform.architecture == wanted.oci();
        if self.platforms.iter().any(fits) {
            return Ok(());
        }
        let found: Vec<_> = self
            .platforms
            .iter()
            .map(|platform| format!("{}/{}", platform.os, platform.architecture))
            .collect();
        let found = if found.is_empty() { "no platform".into() } else { found.join(", ") };
        Err(Error::Architecture { what: what.into(), found, wanted })
    }
}

/// A manifest or an index, as far as copying and inspecting need it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    /// Of an index.
    #[serde(default)]
    pub(super) manifests: Vec<Child>,
    /// Of an image.
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    pub(super) digest: Digest,
    platform: Option<Platform>,
}

/// A manifest with its exact bytes.
pub(super) struct Raw {
    pub(super) bytes: Bytes,
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) manifest: Manifest,
}

impl Registry {
    /// Looks at an image by tag or digest.
    ///
    /// # Errors
    /// [`Error::Absent`] when there is none of that name.
    pub async fn inspect(&self, repository: &str, name: &str) -> Result<Inspected> {
        let raw = self.manifest(repository, name).await?;
        let mut platforms = match &raw.manifest.config {
            Some(config) => {
                let bytes = self.blob(repository, &config.digest).await?;
                serde_json::from_slice(&bytes).into_iter().collect()
            }
            // Attestations are listed as images for an unknown platform.
            None => raw
                .manifest
                .manifests
                .iter()
                .filter_map(|child| child.platform.clone())
                .filter(|platform| platform.os != "unknown")
                .collect::<Vec<_>>(),
        };
        platforms.sort();
        platforms.dedup();
        Ok(Inspected { digest: raw.digest, platforms })
    }

    pub(super) async fn manifest(&self, repository: &str, name: &str) -> Result<Raw> {
        let url = self.url(repository, &format!("manifests/{name}"));
        let request =
            Request::new(Method::GET, url, Access::Pull).header(ACCEPT, MANIFESTS.join(", "));
        let answer = self.send(repository, request).await?;
        let what = || format!("{repository}:{name}");
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                let registry = self.host.clone();
                if complaint(answer).await.starts_with("NAME_UNKNOWN") {
                    return Err(Error::NoRepository { registry, repository: repository.into() });
                }
                return Err(Error::Absent { registry, what: what() });
            }
            _ => return Err(unexpected(answer).await),
        }
        let media_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or(crate::layout::MANIFEST).to_owned();
        let url = answer.url().to_string();
        let unreadable = |why: String| Error::Registry { url: url.clone(), status: 200, why };
        let bytes = answer.bytes().await.map_err(|error| unreadable(error.to_string()))?;
        let digest = Digest::of(&bytes);
        if let Ok(expected) = name.parse::<Digest>()
            && expected != digest
        {
            return Err(Error::WrongDigest { what: what(), expected, found: digest.to_string() });
        }
        let manifest =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        Ok(Raw { bytes, digest, media_type, manifest })
    }

    /// A small blob, whole.
    async fn blob(&self, repository: &str, digest: &Digest) -> Result<Bytes> {
        let url = self.url(repository, &format!("blobs/{digest}"));
        let answer = self.send(repository, Request::new(Method::GET, url, Access::Pull)).await?;
        if answer.status() != StatusCode::OK {
            return Err(unexpected(answer).await);
        }
        let url = answer.url().to_string();
        let bytes = answer
            .bytes()
            .await
            .map_err(|error| Error::Unreachable { url, why: error.without_url().to_string() })?;
        let found = Digest::of(&bytes);
        if found != *digest {
            let (what, expected) = (format!("a blob of {repository}"), digest.clone());
            return Err(Error::WrongDigest { what, expected, found: found.to_string() });
        }
        Ok(bytes)
    }
}
