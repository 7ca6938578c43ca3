//! An image out of the archive that `docker save` writes, and back into one that `docker load` reads.
//!
//! Old and new Docker engines write different archives, but both list configuration and layers in
//! `manifest.json`. Layers that are not compressed yet are compressed here.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use tempfile::TempDir;

use super::{Blob, Layout, Source};
use crate::digest::Hashing;
use crate::{Architecture, Error, Result};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    config: PathBuf,
    layers: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
}

impl Layout {
    /// Reads an archive with one image in it.
    pub fn of_archive(path: &Path) -> Result<Self> {
        let wrong = |why: String| Error::Archive { path: path.into(), why };
        let folder = Arc::new(TempDir::new().map_err(Error::file(path))?);
        let archive = File::open(path).map_err(Error::file(path))?;
        // Links and paths that lead outside are refused by the unpacking.
        tar::Archive::new(BufReader::new(archive))
            .unpack(folder.path())
            .map_err(|error| wrong(error.to_string()))?;
        let read = |name: &Path| {
            let within = name.components().all(|part| matches!(part, Component::Normal(_)));
            let bytes = within.then(|| std::fs::read(folder.path().join(name)).ok()).flatten();
            bytes.ok_or_else(|| wrong(format!("it has no {}", name.display())))
        };
        let listing: Vec<Listing> = serde_json::from_slice(&read(Path::new("manifest.json"))?)
            .map_err(|error| wrong(error.to_string()))?;
        let [listing] = &*listing else {
            return Err(wrong(format!("it holds {} images, not one", listing.len())));
        };
        let bytes = read(&listing.config)?;
        let config: Config =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let architecture = match (&*config.os, &*config.architecture) {
            ("linux", "amd64") => Architecture::X86_64,
            ("linux", "arm64") => Architecture::Arm64,
            (os, other) => return Err(wrong(format!("its platform is {os}/{other}"))),
        };
        let layers = listing
            .layers
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let within = name.components().all(|part| matches!(part, Component::Normal(_)));
                if !within {
                    return Err(wrong(format!("it lists {}", name.display())));
                }
                let from = folder.path().join(name);
                let to = format!("layer-{number}.tar.gz");
                let (digest, size) =
                    compress(&from, &folder.path().join(&to)).map_err(Error::file(&from))?;
                Ok(Blob { digest, size, source: Source::File(Arc::clone(&folder), to) })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self::new(architecture, Blob::memory(bytes.into()), layers))
    }

    /// An archive with this image in it, under the name `reference` (`repository:tag`).
    pub fn archive(&self, reference: &str) -> Result<Vec<u8>> {
        let named = |blob: &Blob| blob.digest.as_str().replacen("sha256:", "", 1);
        let [layers @ .., config] = &*self.blobs else { return Ok(Vec::new()) };
        let listing = serde_json::json!([{
            "Config": named(config),
            "RepoTags": [reference],
            "Layers": layers.iter().map(named).collect::<Vec<_>>(),
        }]);
        let mut archive = tar::Builder::new(Vec::new());
        let mut put = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, bytes).map_err(Error::file(Path::new(name)))
        };
        put("manifest.json", listing.to_string().as_bytes())?;
        for blob in &self.blobs {
            put(&named(blob), &self.content(blob.digest.as_str())?)?;
        }
        archive.into_inner().map_err(Error::file(Path::new(reference)))
    }
}

/// Writes a compressed copy; a layer that is compressed already is copied as it is.
fn compress(from: &Path, to: &Path) -> std::io::Result<(crate::Digest, u64)> {
    let mut source = BufReader::new(File::open(from)?);
    let mut magic = [0; 2];
    let got = source.read(&mut magic)?;
    let mut source = magic[..got].chain(source);
    let mut target = Hashing::new(BufWriter::new(File::create(to)?));
    if magic == [0x1f, 0x8b] {
        std::io::copy(&mut source, &mut target)?;
    } else {
        let mut gzip = GzBuilder::new().mtime(0).write(target, Compression::default());
        std::io::copy(&mut source, &mut gzip)?;
        target = gzip.finish()?;
    }
    let (mut file, digest, size) = target.finish();
    file.flush()?;
    Ok((digest, size))
}
