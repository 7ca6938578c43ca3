//! Where the local cloud keeps its things: `<project>/.provisioner/local/`, and nothing anywhere else.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The local cloud's folder inside a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder of the project at `project`; the project folder must exist.
    pub fn of(project: &Path) -> Result<Self> {
        let project = project.canonicalize().map_err(Error::file("find", project))?;
        Ok(Self { root: project.join(".provisioner").join("local") })
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A name that no other project on this machine has: it marks our containers.
    #[must_use]
    pub fn instance(&self) -> String {
        let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        format!("provisioner-{}", hex(&digest[..6]))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
    pub(crate) fn venv(&self) -> PathBuf {
        self.root.join("venv")
    }
    pub(crate) fn record(&self) -> PathBuf {
        self.root.join("cloud.json")
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("cloud.log")
    }
    /// What MiniStack saves of every service but S3 when it ends.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("state")
    }
    /// S3's objects, written at once.
    pub(crate) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images.json")
    }
    /// The services that run as local processes.
    #[must_use]
    pub fn services(&self) -> PathBuf {
        self.root.join("services")
    }

    pub(crate) fn make(&self) -> Result<()> {
        for path in [self.root.clone(), self.tmp()] {
            std::fs::create_dir_all(&path).map_err(Error::file("make", path))?;
        }
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Removes a file or a whole folder; gone already is success.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() && !path.is_symlink() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::file("remove", path)),
    }
}
