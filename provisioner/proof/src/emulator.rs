//! An emulator of AWS in a process of its own, emptied between cases instead of started again.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::wire::Wire;
use crate::{Error, Result};

/// As `scripts/test` has it.
const MOTO: &str = "moto[server]==5.2.5";

/// Who stands in for AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With the strict cloud in front.
    #[default]
    Ministack,
    /// An emulator by other people, without the strict cloud's rules and durations: it has interfaces of its own where
    /// the strict cloud's model shows some, and takes another order of deletes.
    Moto,
}

/// An emulator, listening on the loopback until this is dropped.
pub struct Emulator {
    pub kind: Kind,
    pub url: String,
    wire: Wire,
    _server: local::Emulator,
}

impl Emulator {
    /// Starts one. Its Python is named by `PROVISIONER_TEST_PYTHON` or `PROVISIONER_TEST_MOTO`, or made by the
    /// repository's scripts.
    pub async fn start(kind: Kind) -> Result<Self> {
        let python = kind.python()?;
        let started = match kind {
            Kind::Ministack => local::Emulator::ministack(&python, &[]).await,
            Kind::Moto => local::Emulator::moto(&python).await,
        };
        let server = started.map_err(|error| Error::Emulator(error.to_string()))?;
        let url = server.endpoint();
        Ok(Self { kind, wire: Wire::new(&url), url, _server: server })
    }

    /// Forgets everything.
    pub async fn reset(&self) -> Result<()> {
        let path = match self.kind {
            Kind::Ministack => "/_ministack/reset",
            Kind::Moto => "/moto-api/reset",
        };
        self.wire.post(path).await
    }

    /// A way to ask it past the strict cloud.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.wire
    }
}

/// The repository's top.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Kind {
    fn python(self) -> Result<PathBuf> {
        let (variable, script, arguments) = match self {
            Self::Ministack => ("PROVISIONER_TEST_PYTHON", "scripts/ministack", [].as_slice()),
            Self::Moto => ("PROVISIONER_TEST_MOTO", "scripts/python", ["moto", MOTO].as_slice()),
        };
        if let Some(given) = std::env::var_os(variable) {
            return Ok(given.into());
        }
        let output = std::process::Command::new(repository().join(script))
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(Error::Emulator(format!("{script} makes no environment for it")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().into())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ministack => "ministack",
            Self::Moto => "moto",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = [Self::Ministack, Self::Moto].into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| "ministack or moto".into())
    }
}
