//! Finds a Python that MiniStack runs on, and how it makes virtual environments.

use crate::{Error, Result, process};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The oldest minor version of Python 3 that MiniStack supports (its package metadata).
const OLDEST_MINOR: u32 = 10;
const NEWEST_MINOR: u32 = 14;

/// How an interpreter makes a virtual environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// `python -m venv`: the standard way; needs `ensurepip` to put pip into it.
    Venv,
    /// `python -m virtualenv`: where the distribution keeps `ensurepip` back.
    Virtualenv,
}

/// An interpreter that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// The program.
    pub program: PathBuf,
    /// Its version, `3.11.7`.
    pub version: String,
    /// How it makes environments.
    pub maker: Maker,
}

const ASK: &str = "
import sys, importlib.util as u
print('.'.join(map(str, sys.version_info[:3])))
print('venv' if u.find_spec('venv') and u.find_spec('ensurepip') else 'virtualenv' if u.find_spec('virtualenv') else 'none')
";

impl Python {
    /// The first suitable interpreter in the folders of `path` (as in `PATH`): `python3` before `python3.14`,
    /// `python3.13` and so on, so that the user's own choice wins.
    ///
    /// # Errors
    /// [`Error::NoPython`] and, when one is new enough but cannot make environments, [`Error::NoVenv`].
    pub async fn find(path: &std::ffi::OsStr) -> Result<Self> {
        let mut found = BTreeSet::new();
        let mut without_venv = None;
        for program in candidates(path) {
            let Some((version, maker)) = ask(&program).await else { continue };
            if !new_enough(&version) {
                found.insert(format!("{} {version}", program.display()));
            } else if let Some(maker) = maker {
                return Ok(Self { program, version, maker });
            } else if without_venv.is_none() {
                without_venv = Some(Error::NoVenv { python: program, version });
            }
        }
        Err(without_venv.unwrap_or_else(|| Error::NoPython { found: found.into_iter().collect() }))
    }
}

fn candidates(path: &std::ffi::OsStr) -> Vec<PathBuf> {
    let mut names = vec!["python3".to_owned()];
    names.extend((OLDEST_MINOR..=NEWEST_MINOR).rev().map(|minor| format!("python3.{minor}")));
    names.push("python".to_owned());
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .filter(|program| program.is_file())
        .collect()
}

async fn ask(program: &Path) -> Option<(String, Option<Maker>)> {
    let mut command = Command::new(program);
    command.args(["-c", ASK]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let output = process::start(&mut command).await.ok()?.wait_with_output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let version =
        lines.next().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))?.to_owned();
    let maker = match lines.next() {
        Some("venv") => Some(Maker::Venv),
        Some("virtualenv") => Some(Maker::Virtualenv),
        _ => None,
    };
    Some((version, maker))
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(3), Some(minor)) => minor >= OLDEST_MINOR,
        (Some(major), _) => major > 3,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(folder: &Path, name: &str, says: &str) {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\nprintf '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn an_old_python3_is_passed_over_for_a_newer_one_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "3.9.2\\nvenv\\n");
        fake(folder.path(), "python3.12", "3.12.1\\nvenv\\n");
        let python = Python::find(folder.path().as_os_str()).await.unwrap();
        assert_eq!((python.version.as_str(), python.maker), ("3.12.1", Maker::Venv));
        assert!(python.program.ends_with("python3.12"));
    }

    #[tokio::test]
    async fn says_what_was_found_when_all_are_too_old() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "3.9.2\\nvenv\\n");
        let error = Python::find(folder.path().as_os_str()).await.unwrap_err();
        assert!(error.to_string().contains("python3 3.9.2"), "{error}");
        assert!(error.fix().unwrap().contains("apt-get install python3"));
        let none = Python::find(std::ffi::OsStr::new("")).await.unwrap_err();
        assert!(none.to_string().ends_with("found: none"), "{none}");
    }

    #[tokio::test]
    async fn a_missing_venv_module_names_debians_package() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "3.11.2\\nnone\\n");
        let error = Python::find(folder.path().as_os_str()).await.unwrap_err();
        assert!(matches!(error, Error::NoVenv { .. }));
        assert!(error.fix().unwrap().contains("python3.11-venv"), "{:?}", error.fix());
        fake(folder.path(), "python3.10", "3.10.9\\nvirtualenv\\n");
        assert_eq!(Python::find(folder.path().as_os_str()).await.unwrap().maker, Maker::Virtualenv);
    }

    #[tokio::test]
    async fn a_program_of_that_name_that_is_no_python_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "pyenv: command not found\\n");
        assert!(matches!(
            Python::find(folder.path().as_os_str()).await,
            Err(Error::NoPython { .. })
        ));
    }
}
