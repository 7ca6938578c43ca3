//! Small JSON files that a reader never sees half-written.

use crate::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::io::Write;
use std::path::Path;

/// What the file holds; none when it is absent or was not written by this program (a reader then starts afresh).
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// Writes beside the file, then renames over it.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::file("write", path)(std::io::Error::other(error)))?;
    let mut file = std::fs::File::create(&beside).map_err(Error::file("write", &beside))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(Error::file("write", &beside))?;
    std::fs::rename(&beside, path).map_err(Error::file("write", path))
}
