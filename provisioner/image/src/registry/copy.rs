//! Copying an image between repositories or registries, digest for digest: what was tested is what is
//! promoted.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};
use tokio::sync::Mutex;

use super::Registry;
use super::authentication::Access;
use super::inspect::Raw;
use super::push::{AT_ONCE, Content};
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
        .map(|blob| Remote {
            registry: from.0,
            repository: from.1,
            blob: blob.clone(),
            stream: Mutex::new(None),
        })
        .collect();
    futures::stream::iter(&blobs)
        .map(|blob| to.0.push_blob(to.1, blob, mount))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// A blob in another registry, read as it is sent on.
struct Remote<'a> {
    registry: &'a Registry,
    repository: &'a str,
    blob: Descriptor,
    /// The answer that is being read, how far it has been read, and what was read too much.
    stream: Mutex<Option<Reading>>,
}

struct Reading {
    answer: Response,
    offset: u64,
    rest: Bytes,
}

impl Content for Remote<'_> {
    fn digest(&self) -> &Digest {
        &self.blob.digest
    }

    fn size(&self) -> u64 {
        self.blob.size
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let mut stream = self.stream.lock().await;
        let mut reading = match stream.take() {
            Some(reading) if reading.offset == offset => reading,
            _ => self.open(offset).await?,
        };
        let mut chunk = BytesMut::from(&*reading.rest);
        while chunk.len() < length {
            match reading.answer.chunk().await {
                Ok(Some(bytes)) => chunk.extend_from_slice(&bytes),
                Ok(None) => break,
                Err(error) => {
                    let url = reading.answer.url().to_string();
                    return Err(Error::Unreachable { url, why: error.without_url().to_string() });
                }
            }
        }
        reading.rest = chunk.split_off(length.min(chunk.len())).freeze();
        reading.offset += chunk.len() as u64;
        let missing = reading.offset < self.blob.size && chunk.len() < length;
        if missing {
            let what = format!("{}/{}", self.registry.host, self.blob.digest);
            let found = format!("cut off after {} bytes", reading.offset);
            return Err(Error::WrongDigest { what, expected: self.blob.digest.clone(), found });
        }
        *stream = Some(reading);
        Ok(chunk.freeze())
    }
}

impl Remote<'_> {
    async fn open(&self, offset: u64) -> Result<Reading> {
        let url = self.registry.url(self.repository, &format!("blobs/{}", self.blob.digest));
        let mut request = Request::new(Method::GET, url, Access::Pull);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let answer = self.registry.send(self.repository, request).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => Ok(Reading { answer, offset, rest: Bytes::new() }),
            StatusCode::OK => {
                let mut reading = Reading { answer, offset: 0, rest: Bytes::new() };
                // A registry that knows no ranges sends everything again.
                while reading.offset < offset {
                    let chunk = reading.answer.chunk().await.ok().flatten().unwrap_or_default();
                    if chunk.is_empty() {
                        return Err(unexpected(reading.answer).await);
                    }
                    let skip = usize::try_from(offset - reading.offset).unwrap_or(usize::MAX);
                    let skip = skip.min(chunk.len());
                    reading.offset += skip as u64;
                    reading.rest = chunk.slice(skip..);
                }
                Ok(reading)
            }
            _ => Err(unexpected(answer).await),
        }
    }
}
