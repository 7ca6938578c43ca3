//! The files of the processes: their layout, and what can be read from them.

use super::{Replica, State, Version, Written};
use crate::supervise::{Up, exit_file, up_file};
use crate::{Error, Process, Result, record};
use std::path::{Path, PathBuf};

pub(super) fn service(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Error::Unknown { what: "service", name: name.to_owned() });
    }
    Ok(folder.join(name))
}

pub(super) fn version(folder: &Path, name: &str, number: u32) -> Result<PathBuf> {
    Ok(service(folder, name)?.join(number.to_string()))
}

pub(super) fn written(version: &Path) -> PathBuf {
    version.join("version.json")
}

pub(super) fn lock(folder: &Path) -> PathBuf {
    folder.join("lock")
}

pub(super) fn services(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = children(folder)?.into_iter().map(|(name, _)| name).collect();
    names.sort();
    Ok(names)
}

pub(super) fn versions(folder: &Path, name: &str) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for (number, path) in numbered(&service(folder, name)?)? {
        // Without its record, a command died while it made the folder: nothing runs in it.
        let Some(Written { digest, revision, created_at }) = record::read(&written(&path))? else {
            continue;
        };
        let mut replicas = Vec::new();
        for (replica, path) in numbered(&path)? {
            replicas.extend(self::replica(name, number, replica, path)?);
        }
        versions.push(Version {
            service: name.to_owned(),
            number,
            digest,
            revision,
            created_at,
            replicas,
        });
    }
    Ok(versions)
}

/// A replica that came up; one whose program could not be started has no process to speak of.
pub(super) fn replica(
    service: &str,
    version: u32,
    number: u32,
    folder: PathBuf,
) -> Result<Option<Replica>> {
    let Some(Up { supervisor, child, address, port, grace, started_at }) =
        record::read(&up_file(&folder))?
    else {
        return Ok(None);
    };
    let state = state(&folder, &supervisor, &child);
    let (service, pid) = (service.to_owned(), child.pid);
    Ok(Some(Replica {
        service,
        version,
        number,
        address,
        port,
        pid,
        started_at,
        state,
        folder,
        supervisor,
        child,
        grace,
    }))
}

pub(super) fn state(folder: &Path, supervisor: &Process, child: &Process) -> State {
    // The order matters: between two looks the process may end and its end be written.
    if child.is_alive() {
        return State::Running;
    }
    for _ in 0..100 {
        if let Ok(Some(exit)) = record::read(&exit_file(folder)) {
            return State::Exited(exit);
        }
        if !supervisor.is_alive() {
            break;
        }
        // The supervisor is about to write it.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    match record::read(&exit_file(folder)) {
        Ok(Some(exit)) => State::Exited(exit),
        _ => State::Vanished,
    }
}

fn numbered(folder: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut numbered: Vec<(u32, PathBuf)> = children(folder)?
        .into_iter()
        .filter_map(|(name, path)| Some((name.parse().ok()?, path)))
        .collect();
    numbered.sort();
    Ok(numbered)
}

fn children(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read", folder)(error)),
    };
    Ok(entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let folder = entry.file_type().ok()?.is_dir();
            folder.then(|| Some((entry.file_name().into_string().ok()?, entry.path()))).flatten()
        })
        .collect())
}
