//! Pushing: blobs that are not there yet, then the manifest that names them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use super::Registry;
use super::authentication::Access;
use super::inspect::MANIFESTS;
use super::wire::{Request, backoff, complaint, unexpected};
use crate::layout::{Blob, MANIFEST};
use crate::{Digest, Error, Layout, Result};

/// How many blobs are sent at a time. Sending all layers at once made pushes to ECR fail
/// (dotnet/sdk-container-builds#279); Docker sends five, containerd three.
const AT_ONCE: usize = 4;

/// How often a blob is sent in all before it is given up.
const TRIES: u32 = 6;

/// How much is read from a file at once.
const PIECE: usize = 256 * 1024;

/// The bytes of a blob, in order.
pub(super) type Pieces = BoxStream<'static, Result<Bytes>>;

/// What is to be uploaded.
pub(super) trait Content: Sync {
    fn digest(&self) -> &Digest;
    fn size(&self) -> u64;
    /// Begins to read it, from the first byte on each time.
    fn pieces(&self) -> impl Future<Output = Result<Pieces>> + Send;
}

impl Content for Blob {
    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn pieces(&self) -> Result<Pieces> {
        let pieces = futures::stream::try_unfold((self.clone(), 0), |(blob, offset)| async move {
            let piece = blob.read(offset, PIECE)?;
            let next = offset + piece.len() as u64;
            Ok((!piece.is_empty()).then_some((piece, (blob, next))))
        });
        Ok(pieces.boxed())
    }
}

impl Registry {
    /// Pushes an image and returns its digest, which is known beforehand and compared with what the
    /// registry says. Blobs that are there are left alone, so a push may be repeated and costs little
    /// then. Without a `tag` the image can be had by digest only.
    ///
    /// # Errors
    /// [`Error::Immutable`] when the tag may not move and names another image.
    pub async fn push(
        &self,
        layout: &Layout,
        repository: &str,
        tag: Option<&str>,
    ) -> Result<Digest> {
        self.push_blobs(repository, &layout.blobs, None).await?;
        self.put_manifest(repository, tag, MANIFEST, &layout.manifest).await
    }

    /// Uploads what is not there yet, each content once: an image may list a layer several times.
    pub(super) async fn push_blobs<C: Content>(
        &self,
        repository: &str,
        contents: &[C],
        mount: Option<&str>,
    ) -> Result<()> {
        let contents: BTreeMap<_, _> = contents.iter().map(|one| (one.digest(), one)).collect();
        futures::stream::iter(contents.into_values())
            .map(|content| self.push_blob(repository, content, mount))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Uploads a blob, unless it is there. A registry that has it in the repository `mount` may take
    /// it from there.
    ///
    /// A blob is sent whole in one `PUT`, as containerd does. An interrupted one begins anew: the
    /// `Range` of ECR's upload sessions stays at the end of the first part, and its answers to `PATCH`
    /// are 201 instead of 202 (aws/containers-roadmap#2831, dotnet/sdk-container-builds#279), so the
    /// place to go on from cannot be had from it.
    async fn push_blob(
        &self,
        repository: &str,
        content: &impl Content,
        mount: Option<&str>,
    ) -> Result<()> {
        let mut tries = 0;
        // Asked before each try: the answer to the last one may be what was lost.
        while !self.has_blob(repository, content.digest()).await? {
            let Some(location) = self.begin(repository, content.digest(), mount).await? else {
                return Ok(());
            };
            tries += 1;
            match self.upload(repository, content, &location).await {
                Ok(()) => return Ok(()),
                Err(error) if tries >= TRIES || is_final(&error) => return Err(error),
                Err(_) => tokio::time::sleep(backoff(tries)).await,
            }
        }
        Ok(())
    }

    async fn has_blob(&self, repository: &str, digest: &Digest) -> Result<bool> {
        let url = self.url(repository, &format!("blobs/{digest}"));
        let answer = self.send(repository, Request::new(Method::HEAD, url, Access::Push)).await?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(unexpected(answer).await),
        }
    }

    /// Begins an upload and returns where to; none when the registry had the blob elsewhere.
    async fn begin(
        &self,
        repository: &str,
        digest: &Digest,
        mount: Option<&str>,
    ) -> Result<Option<String>> {
        let url = self.url(repository, "blobs/uploads/");
        let post = |url: &str| Request::new(Method::POST, url, Access::Push).body(Bytes::new());
        if let Some(from) = mount {
            // Who may not read there, or cannot take from there, uploads instead.
            let mounting = post(&format!("{url}?mount={digest}&from={from}"));
            match self.send(repository, mounting).await {
                Ok(answer) if answer.status() == StatusCode::CREATED => return Ok(None),
                Ok(answer) if answer.status().is_success() => {
                    return upload_location(&answer).map(Some);
                }
                Ok(_) | Err(Error::Denied { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let answer = self.send(repository, post(&url)).await?;
        match answer.status() {
            StatusCode::CREATED => Ok(None),
            status if status.is_success() => upload_location(&answer).map(Some),
            StatusCode::NOT_FOUND => {
                let (registry, repository) = (self.host.clone(), repository.into());
                Err(Error::NoRepository { registry, repository })
            }
            _ => Err(unexpected(answer).await),
        }
    }

    /// Sends a whole blob to where an upload was begun.
    async fn upload(&self, repository: &str, content: &impl Content, location: &str) -> Result<()> {
        let mut url = Url::parse(location)
            .map_err(|error| Error::Unreachable { url: location.into(), why: error.to_string() })?;
        url.query_pairs_mut().append_pair("digest", content.digest().as_str());
        let request = Request::new(Method::PUT, url, Access::Push)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, content.size().to_string());
        let answer = self.send_stream(repository, &request, content.pieces().await?).await?;
        match answer.status() {
            // The specification's answer is 201; containerd takes 200, 202 and 204 as well.
            status if status.is_success() => confirm("a layer", content.digest(), &answer),
            StatusCode::FORBIDDEN => {
                let (registry, repository) = (self.host.clone(), repository.into());
                Err(Error::Denied { registry, repository, why: complaint(answer).await })
            }
            StatusCode::BAD_REQUEST => {
                let why = complaint(answer).await;
                if why.starts_with("DIGEST_INVALID") {
                    let (what, expected) = ("a layer".into(), content.digest().clone());
                    return Err(Error::WrongDigest { what, expected, found: why });
                }
                Err(Error::Registry { url: location.into(), status: 400, why })
            }
            _ => Err(unexpected(answer).await),
        }
    }

    /// Puts a manifest's exact bytes under a tag or, without one, under its digest.
    pub(super) async fn put_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        manifest: &Bytes,
    ) -> Result<Digest> {
        let digest = Digest::of(manifest);
        let name = tag.unwrap_or(digest.as_str());
        // Registries differ in what they say to a manifest that is there: so it is not said again.
        let existing = self.manifest_digest(repository, name).await?;
        if existing.as_deref() == Some(digest.as_str()) {
            return Ok(digest);
        }
        let url = self.url(repository, &format!("manifests/{name}"));
        let request = Request::new(Method::PUT, url, Access::Push)
            .header(CONTENT_TYPE, media_type)
            .body(manifest.clone());
        let answer = self.send(repository, request).await?;
        let status = answer.status();
        if status.is_success() {
            confirm(&format!("{repository}:{name}"), &digest, &answer)?;
            return Ok(digest);
        }
        let url = answer.url().to_string();
        let why = complaint(answer).await;
        let refused = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED
        );
        match (tag, existing) {
            (Some(tag), Some(existing)) if refused && why.to_lowercase().contains("immutable") => {
                let (repository, tag) = (repository.into(), tag.into());
                Err(Error::Immutable { repository, tag, existing, digest })
            }
            _ => Err(Error::Registry { url, status: status.as_u16(), why }),
        }
    }

    /// What a tag or digest names in the registry's own words; none when it is not there.
    async fn manifest_digest(&self, repository: &str, name: &str) -> Result<Option<String>> {
        let url = self.url(repository, &format!("manifests/{name}"));
        let request =
            Request::new(Method::HEAD, url, Access::Push).header(ACCEPT, MANIFESTS.join(", "));
        let answer = self.send(repository, request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(said_digest(&answer)),
            _ => Err(unexpected(answer).await),
        }
    }
}

/// Whether sending the same again cannot help.
fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::WrongDigest { .. }
            | Error::Denied { .. }
            | Error::Absent { .. }
            | Error::File { .. }
    )
}

/// A `Location` may be relative.
fn upload_location(answer: &Response) -> Result<String> {
    let text = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let url = text.and_then(|text| answer.url().join(text).ok());
    url.map(String::from).ok_or_else(|| Error::Registry {
        url: answer.url().to_string(),
        status: answer.status().as_u16(),
        why: "it did not say where to upload to".into(),
    })
}

fn said_digest(answer: &Response) -> Option<String> {
    let value = answer.headers().get("docker-content-digest")?;
    Some(value.to_str().ok()?.to_owned())
}

/// Compares the digest that a registry says with the one that was sent.
fn confirm(what: &str, expected: &Digest, answer: &Response) -> Result<()> {
    match said_digest(answer) {
        Some(found) if found != expected.as_str() => {
            Err(Error::WrongDigest { what: what.into(), expected: expected.clone(), found })
        }
        _ => Ok(()),
    }
}
