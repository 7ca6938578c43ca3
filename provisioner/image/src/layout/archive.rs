//! An image out of the archive that `docker save` writes, and back into one that `docker load` reads.
//! Layers that are not compressed yet are compressed here.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use tempfile::TempDir;

use super::listing::Unpacked;
use super::{Blob, CONFIG, GZIP, Layout, Source, ZSTD};
use crate::digest::Hashing;
use crate::{Architecture, Error, Result};

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
        let unpacked = Unpacked(folder.path());
        let listing = unpacked.listing().map_err(wrong)?;
        let bytes = unpacked.read(&listing.config).map_err(wrong)?;
        let config: Config =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let architecture = match (&*config.os, &*config.architecture) {
            ("linux", "amd64") => Architecture::X86_64,
            ("linux", "arm64") => Architecture::Arm64,
            (os, other) => return Err(wrong(format!("its platform is {os}/{other}"))),
        };
        let layers = listing.layers.iter().enumerate().map(|(number, name)| {
            let from = unpacked.file(name).map_err(wrong)?;
            let to = format!("layer-{number}");
            let (digest, size, media_type) =
                compress(&from, &folder.path().join(&to)).map_err(Error::file(&from))?;
            Ok(Blob { digest, size, media_type, source: Source::File(Arc::clone(&folder), to) })
        });
        let layers = layers.collect::<Result<Vec<_>>>()?;
        Ok(Self::new(architecture, Blob::memory(CONFIG, bytes.into()), layers))
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

/// Writes a compressed copy and says what it is; a layer that is compressed already is copied as it is.
///
/// A base image's layers may come in zstd (RFC 8878, section 3.1.1), which the containerd store keeps.
/// Compressed once more and declared as gzip no task could unpack it.
fn compress(from: &Path, to: &Path) -> std::io::Result<(crate::Digest, u64, &'static str)> {
    let mut source = File::open(from)?;
    let mut magic = Vec::new();
    Read::by_ref(&mut source).take(4).read_to_end(&mut magic)?;
    let found = match *magic {
        [0x1f, 0x8b, ..] => Some(GZIP),
        [0x28, 0xb5, 0x2f, 0xfd] => Some(ZSTD),
        _ => None,
    };
    let mut source = magic.chain(BufReader::new(source));
    let mut target = Hashing::new(BufWriter::new(File::create(to)?));
    if found.is_some() {
        std::io::copy(&mut source, &mut target)?;
    } else {
        let mut gzip = GzBuilder::new().mtime(0).write(target, Compression::default());
        std::io::copy(&mut source, &mut gzip)?;
        target = gzip.finish()?;
    }
    let (mut file, digest, size) = target.finish();
    file.flush()?;
    Ok((digest, size, found.unwrap_or(GZIP)))
}
