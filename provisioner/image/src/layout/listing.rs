//! What an unpacked archive lists. Docker writes `manifest.json`; with the containerd image store, and
//! from BuildKit's `type=oci`, the archive is an OCI layout, whose `index.json` names the image, at
//! times through a list of images for several platforms of which one alone is there.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Descriptor;
use crate::Digest;
use crate::registry::Platform;

/// The parts of the one image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listing {
    pub(super) config: PathBuf,
    pub(super) layers: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Index {
    /// `null` in archives of some engines (moby/moby#47210).
    manifests: Option<Vec<Child>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Child {
    digest: Digest,
    media_type: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// A folder with an archive's files.
pub(super) struct Unpacked<'a>(pub(super) &'a Path);

impl Unpacked<'_> {
    /// Finds the image.
    pub(super) fn listing(&self) -> Result<Listing, String> {
        let listed: Vec<Listing> = match self.read(Path::new("manifest.json")) {
            Ok(bytes) => parse(&bytes)?,
            Err(_) => Vec::new(),
        };
        let mut images = listed;
        if images.is_empty() {
            // `manifest.json` leaves out what is for another platform than the engine's own.
            self.collect(&parse(&self.read(Path::new("index.json"))?)?, &mut images)?;
        }
        match images.pop() {
            Some(image) if images.is_empty() => Ok(image),
            Some(_) => Err(format!("it holds {} images, not one", images.len() + 1)),
            None => Err("it holds no image".into()),
        }
    }

    fn collect(&self, index: &Index, images: &mut Vec<Listing>) -> Result<(), String> {
        for child in index.manifests.iter().flatten() {
            // An attestation; or what the engine has the name of, and not the content.
            let is_unknown = child.platform.as_ref().is_some_and(|one| one.os == "unknown");
            let Ok(bytes) = self.read(&blob(&child.digest)) else { continue };
            if is_unknown {
                continue;
            }
            if child.media_type.ends_with(".index.v1+json")
                || child.media_type.ends_with(".manifest.list.v2+json")
            {
                self.collect(&parse(&bytes)?, images)?;
                continue;
            }
            let manifest: Manifest = parse(&bytes)?;
            images.push(Listing {
                config: blob(&manifest.config.digest),
                layers: manifest.layers.iter().map(|layer| blob(&layer.digest)).collect(),
            });
        }
        Ok(())
    }

    pub(super) fn read(&self, name: &Path) -> Result<Vec<u8>, String> {
        let path = self.file(name)?;
        std::fs::read(&path).map_err(|error| format!("{}: {error}", name.display()))
    }

    /// Where a file of the archive is now. An engine may leave out layers that it shares with other
    /// images (moby/moby#49473).
    pub(super) fn file(&self, name: &Path) -> Result<PathBuf, String> {
        let within = name.components().all(|part| matches!(part, Component::Normal(_)));
        let path = self.0.join(name);
        if within && path.is_file() {
            Ok(path)
        } else {
            Err(format!("it has no {}", name.display()))
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn blob(digest: &Digest) -> PathBuf {
    Path::new("blobs/sha256").join(digest.as_str().trim_start_matches("sha256:"))
}
