//! An image as a manifest and its blobs, ready to be pushed.

mod archive;
mod listing;
mod program;

pub use program::Recipe;

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Architecture, Digest, Error, Result};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// An image for one architecture.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The manifest's exact bytes: its digest is the image's name.
    pub manifest: Bytes,
    pub digest: Digest,
    pub architecture: Architecture,
    /// The configuration and the layers.
    pub blobs: Vec<Blob>,
}

/// A content that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub digest: Digest,
    pub size: u64,
    /// What a manifest says that it is.
    media_type: &'static str,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Memory(Bytes),
    /// A file of this name in a folder that lives as long as the layout.
    File(Arc<tempfile::TempDir>, String),
}

/// How a manifest or an index names a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Blob {
    fn memory(media_type: &'static str, bytes: Bytes) -> Self {
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        Self { digest, size, media_type, source: Source::Memory(bytes) }
    }

    /// At most `length` bytes from `offset` on.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        match &self.source {
            Source::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(start..bytes.len().min(start + length)))
            }
            Source::File(folder, name) => {
                let path = folder.path().join(name);
                let read = || {
                    let mut file = std::fs::File::open(&path)?;
                    file.seek(SeekFrom::Start(offset))?;
                    let mut bytes = Vec::new();
                    file.take(length as u64).read_to_end(&mut bytes)?;
                    Ok(bytes.into())
                };
                read().map_err(Error::file(&path))
            }
        }
    }

    fn descriptor(&self) -> Descriptor {
        let (digest, size) = (self.digest.clone(), self.size);
        Descriptor { media_type: self.media_type.into(), digest, size }
    }
}

impl Layout {
    fn new(architecture: Architecture, config: Blob, layers: Vec<Blob>) -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        let manifest = Bytes::from(manifest.to_string());
        let digest = Digest::of(&manifest);
        let mut blobs = layers;
        blobs.push(config);
        Self { manifest, digest, architecture, blobs }
    }

    /// A blob's bytes by its digest.
    pub fn content(&self, digest: &str) -> Result<Bytes> {
        let blob = self.blobs.iter().find(|blob| blob.digest.as_str() == digest);
        let blob = blob.ok_or_else(|| Error::Reference {
            reference: digest.into(),
            why: "the image has no such blob".into(),
        })?;
        blob.read(0, usize::try_from(blob.size).unwrap_or(usize::MAX))
    }

    /// How much there is to push, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}
