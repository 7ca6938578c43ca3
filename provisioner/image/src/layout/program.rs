//! An image made of one static program.
//!
//! The layer also holds what programs expect to find: `/tmp` and `/data`, which the user may write
//! (SQLite needs a place for its files and its temporary ones), the certificate authorities that
//! Mozilla trusts, and the user's own entry in `/etc/passwd`. Nothing in it depends on when, where or
//! by whom it was made: the same program gives the same digest.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use serde_json::json;
use tar::{Builder, EntryType, Header};

use super::{Blob, CONFIG, GZIP, Layout};
use crate::digest::Hashing;
use crate::{Error, Result, architecture};

/// What an image says about how to run its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Instead of the program without arguments. The program is `/<its file name>`.
    pub entrypoint: Option<Vec<String>>,
    pub port: Option<u16>,
    /// The number of the user and the group that the program runs as.
    pub user: u32,
    pub labels: BTreeMap<String, String>,
}

impl Default for Recipe {
    /// Runs the program as user 65532, which distroless images call `nonroot`.
    fn default() -> Self {
        Self { entrypoint: None, port: None, user: 65532, labels: BTreeMap::new() }
    }
}

const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

impl Layout {
    /// Makes an image of a static Linux program.
    ///
    /// # Errors
    /// When the program is not a static Linux program: see [`architecture::of_program`].
    pub fn of_program(path: &Path, recipe: &Recipe) -> Result<Self> {
        let program = std::fs::read(path).map_err(Error::file(path))?;
        let architecture = architecture::of_program(path, &program)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("app");
        // A layer in memory never fails to be written, but for a name that does not fit.
        let (layer, diff) = layer(name, &program, recipe.user).map_err(Error::file(path))?;
        let entrypoint = recipe.entrypoint.clone().unwrap_or_else(|| vec![format!("/{name}")]);
        let ports: BTreeMap<_, _> =
            recipe.port.map(|port| (format!("{port}/tcp"), json!({}))).into_iter().collect();
        let config = json!({
            "architecture": architecture.oci(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "User": format!("{0}:{0}", recipe.user),
                "ExposedPorts": ports,
                "Env": [
                    "PATH=/",
                    "HOME=/data",
                    format!("SSL_CERT_FILE=/{CERTIFICATES}"),
                ],
                "Entrypoint": entrypoint,
                "WorkingDir": "/data",
                "Labels": recipe.labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [diff.as_str()]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": format!("/{name}")}],
        });
        let config = Blob::memory(CONFIG, Bytes::from(config.to_string()));
        Ok(Self::new(architecture, config, vec![Blob::memory(GZIP, layer)]))
    }
}

/// The compressed layer and the digest of what it unpacks to.
fn layer(name: &str, program: &[u8], user: u32) -> std::io::Result<(Bytes, crate::Digest)> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    let mut layer = Builder::new(Hashing::new(gzip));
    let passwd = format!("root:x:0:0::/:/\napp:x:{user}:{user}::/data:/\n");
    let group = format!("root:x:0:\napp:x:{user}:\n");
    folder(&mut layer, "data/", 0o755, user)?;
    folder(&mut layer, "etc/", 0o755, 0)?;
    file(&mut layer, "etc/group", 0o644, group.as_bytes())?;
    file(&mut layer, "etc/passwd", 0o644, passwd.as_bytes())?;
    folder(&mut layer, "etc/ssl/", 0o755, 0)?;
    folder(&mut layer, "etc/ssl/certs/", 0o755, 0)?;
    file(&mut layer, CERTIFICATES, 0o644, certificates().as_bytes())?;
    folder(&mut layer, "tmp/", 0o1777, user)?;
    file(&mut layer, name, 0o755, program)?;
    let (gzip, diff, _) = layer.into_inner()?.finish();
    Ok((gzip.finish()?.into(), diff))
}

fn header(kind: EntryType, mode: u32, user: u32, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(user.into());
    header.set_gid(user.into());
    header.set_mtime(0);
    header.set_size(size as u64);
    header
}

fn folder<W: Write>(
    layer: &mut Builder<W>,
    path: &str,
    mode: u32,
    user: u32,
) -> std::io::Result<()> {
    let mut header = header(EntryType::Directory, mode, user, 0);
    layer.append_data(&mut header, path, std::io::empty())
}

fn file<W: Write>(
    layer: &mut Builder<W>,
    path: &str,
    mode: u32,
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut header = header(EntryType::Regular, mode, 0, bytes.len());
    layer.append_data(&mut header, path, bytes)
}

/// Mozilla's certificate authorities in PEM.
fn certificates() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let body = STANDARD.encode(certificate);
        for line in body.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}
