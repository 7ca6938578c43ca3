//! Pushing: blobs that are not there yet, then the manifest that names them.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode, Url};

use super::Registry;
use super::authentication::Access;
use super::inspect::MANIFESTS;
use super::wire::{Request, complaint, unexpected};
use crate::layout::MANIFEST;
use crate::{Digest, Error, Layout, Result};

/// How much is sent at once. ECR wants at least 5 MiB per part but for the last.
pub(super) const CHUNK: usize = 16 * 1024 * 1024;

/// How many blobs are sent at a time.
pub(super) const AT_ONCE: usize = 4;

/// How often an upload is taken up again before it is given up.
const RESUMES: u32 = 5;

/// What is to be uploaded, piece by piece.
pub(super) trait Content: Sync {
    fn digest(&self) -> &Digest;
    fn size(&self) -> u64;
    fn read(&self, offset: u64, length: usize) -> impl Future<Output = Result<Bytes>> + Send;
}

impl Content for crate::layout::Blob {
    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        Self::read(self, offset, length)
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
        futures::stream::iter(&layout.blobs)
            .map(|blob| self.push_blob(repository, blob, None))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.put_manifest(repository, tag, MANIFEST, &layout.manifest).await
    }

    /// Uploads a blob, unless it is there. A registry that has it in the repository `mount` may take
    /// it from there.
    pub(super) async fn push_blob(
        &self,
        repository: &str,
        content: &impl Content,
        mount: Option<&str>,
    ) -> Result<()> {
        let digest = content.digest();
        if self.has_blob(repository, digest).await? {
            return Ok(());
        }
        let mut tries = 0;
        // Where the upload stands: none when it has to begin.
        let mut upload = None;
        loop {
            let (location, offset) = match upload.take() {
                Some(standing) => standing,
                None => match self.begin(repository, digest, mount).await? {
                    Some(location) => (location, 0),
                    None => return Ok(()),
                },
            };
            let Err(error) = self.continue_upload(repository, content, &location, offset).await
            else {
                return Ok(());
            };
            tries += 1;
            let damaged = matches!(&error, Error::WrongDigest { .. } | Error::Denied { .. });
            if damaged || tries > RESUMES {
                return Err(error);
            }
            // The last answer may be what was lost.
            if self.has_blob(repository, digest).await? {
                return Ok(());
            }
            upload = self.standing(repository, &location, content.size()).await;
        }
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
        let mut url = self.url(repository, "blobs/uploads/");
        if let Some(from) = mount {
            url = format!("{url}?mount={digest}&from={from}");
        }
        let request = Request::new(Method::POST, &url, Access::Push).body(Bytes::new());
        let answer = self.send(repository, request).await?;
        match answer.status() {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => upload_location(&answer).map(Some),
            StatusCode::NOT_FOUND => {
                let (registry, what) = (self.host.clone(), format!("the repository {repository}"));
                Err(Error::Absent { registry, what })
            }
            _ => Err(unexpected(answer).await),
        }
    }

    async fn continue_upload(
        &self,
        repository: &str,
        content: &impl Content,
        location: &str,
        mut offset: u64,
    ) -> Result<()> {
        let mut location = location.to_owned();
        while offset < content.size() {
            let chunk = content.read(offset, CHUNK).await?;
            let end = offset + chunk.len() as u64;
            // Sent once: only the registry knows how much of it has arrived.
            let request = Request::new(Method::PATCH, &location, Access::Push)
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_RANGE, format!("{offset}-{}", end - 1))
                .body(chunk)
                .once();
            let answer = self.send(repository, request).await?;
            if answer.status() != StatusCode::ACCEPTED {
                return Err(unexpected(answer).await);
            }
            location = upload_location(&answer)?;
            offset = end;
        }
        self.finish(repository, content.digest(), &location).await
    }

    async fn finish(&self, repository: &str, digest: &Digest, location: &str) -> Result<()> {
        let mut url = Url::parse(location)
            .map_err(|error| Error::Unreachable { url: location.into(), why: error.to_string() })?;
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(Method::PUT, url, Access::Push).body(Bytes::new()).once();
        let answer = self.send(repository, request).await?;
        match answer.status() {
            StatusCode::CREATED => confirm("a layer", digest, &answer),
            StatusCode::BAD_REQUEST => {
                let why = complaint(answer).await;
                if why.starts_with("DIGEST_INVALID") {
                    let (what, expected) = ("a layer".into(), digest.clone());
                    return Err(Error::WrongDigest { what, expected, found: why });
                }
                Err(Error::Registry { url: location.into(), status: 400, why })
            }
            _ => Err(unexpected(answer).await),
        }
    }

    /// Where an interrupted upload stands, if the registry still knows.
    async fn standing(&self, repository: &str, location: &str, size: u64) -> Option<(String, u64)> {
        let request = Request::new(Method::GET, location, Access::Push);
        let answer = self.send(repository, request).await.ok()?;
        if answer.status() != StatusCode::NO_CONTENT {
            return None;
        }
        // `0-1048575`; some registries write `bytes=` in front, as they would in HTTP. An upload that
        // has nothing yet says `0-0`, which could also be one byte: begin anew.
        let range = answer.headers().get(RANGE)?.to_str().ok()?;
        let last: u64 = range.rsplit('-').next()?.parse().ok()?;
        let next = upload_location(&answer).unwrap_or_else(|_| location.into());
        (last > 0 && last < size).then_some((next, last + 1))
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
