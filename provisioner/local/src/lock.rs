//! One command at a time on one local cloud: an advisory lock on a file, released by the kernel when its holder dies.

use crate::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

const POLL: Duration = Duration::from_millis(100);

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no one else holds the file; makes its folder first. `waits` is told once, when it has to.
    pub(crate) async fn hold(path: &Path, waits: impl Fn()) -> Result<Self> {
        let mut told = false;
        loop {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
            }
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(Error::file("open", path))?;
            match file.try_lock() {
                // A purge removes the file while it holds the lock: what was locked must still be what is there.
                Ok(()) if same(&file, path) => return Ok(Self { _file: file }),
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::file("lock", path)(error)),
            }
            if !std::mem::replace(&mut told, true) {
                waits();
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

fn same(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(there)) => held.ino() == there.ino() && held.dev() == there.dev(),
        _ => false,
    }
}
