//! A container image `FROM scratch` around one static binary, as the archive that `docker load` reads. It needs no
//! builder and no registry, and the same binary gives the same image.

use crate::folder::hex;
use crate::{Error, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What goes into the image.
#[derive(Debug, Clone)]
pub struct BinaryImage {
    /// The static binary on this machine.
    pub binary: PathBuf,
    /// Arguments after the binary; the image's default command.
    pub args: Vec<String>,
    /// Variables baked in.
    pub env: BTreeMap<String, String>,
    /// `amd64` or `arm64`.
    pub architecture: String,
    /// The user and group that it runs as, `65532:65532`.
    pub user: String,
}

impl BinaryImage {
    /// The archive, with the image named `reference` (`repository:tag`).
    pub(crate) fn archive(&self, reference: &str) -> Result<Vec<u8>> {
        let bytes = std::fs::read(&self.binary).map_err(Error::file("read", &self.binary))?;
        let name = self.binary.file_name().and_then(|name| name.to_str()).unwrap_or("app");
        let layer = self.layer(name, &bytes)?;
        let mut command = vec![format!("/{name}")];
        command.extend(self.args.iter().cloned());
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            // No ENTRYPOINT: ECS' `command` then replaces the whole of it, as a task definition's reader expects.
            "config": {
                "Cmd": command,
                "Env": self.env.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
                "User": self.user,
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex(&Sha256::digest(&layer)))] },
            "history": [{ "created_by": "provisioner" }],
        })
        .to_string()
        .into_bytes();
        let config_name = format!("{}.json", hex(&Sha256::digest(&config)));
        let manifest =
            json!([{ "Config": config_name, "RepoTags": [reference], "Layers": ["layer.tar"] }])
                .to_string();

        let mut archive = tar::Builder::new(Vec::new());
        let entries: [(&str, &[u8]); 3] = [
            (&config_name, &config),
            ("layer.tar", &layer),
            ("manifest.json", manifest.as_bytes()),
        ];
        for (name, content) in entries {
            append(&mut archive, name, content, 0o644, &self.binary)?;
        }
        archive.into_inner().map_err(Error::file("pack", &self.binary))
    }

    fn layer(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut layer = tar::Builder::new(Vec::new());
        let mut header = header(0, 0o1777);
        header.set_entry_type(tar::EntryType::Directory);
        layer
            .append_data(&mut header, "tmp/", std::io::empty())
            .map_err(Error::file("pack", &self.binary))?;
        append(&mut layer, name, bytes, 0o755, &self.binary)?;
        layer.into_inner().map_err(Error::file("pack", &self.binary))
    }
}

fn append(
    to: &mut tar::Builder<Vec<u8>>,
    name: &str,
    content: &[u8],
    mode: u32,
    from: &Path,
) -> Result<()> {
    to.append_data(&mut header(content.len() as u64, mode), name, content)
        .map_err(Error::file("pack", from))
}

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
