//! An emulator of AWS in a process of its own, emptied between cases instead of started again.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::wire::Wire;
use crate::{Error, Result};

/// Runs the emulator for as long as its standard input is open: until whoever started it is gone, however it went.
const KEEPER: &str = "
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name='__main__')
";

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
    _child: Child,
}

impl Emulator {
    /// Starts one. Its Python is named by `PROVISIONER_TEST_PYTHON` or `PROVISIONER_TEST_MOTO`, or made by the
    /// repository's scripts.
    pub async fn start(kind: Kind) -> Result<Self> {
        let port = free_port()?.to_string();
        let mut command = Command::new(kind.python()?);
        command.args(["-c", KEEPER]);
        match kind {
            Kind::Ministack => command.arg("ministack"),
            Kind::Moto => command.args(["moto.server", "-H", "127.0.0.1", "-p", &port]),
        };
        command.env("GATEWAY_PORT", &port).env("BIND_HOST", "127.0.0.1");
        command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        // No task starts here, on no machine.
        command.env("DOCKER_HOST", "unix:///no-engine.sock");
        command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let emulator = Self { kind, wire: Wire::new(&url), url, _child: child };
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.is_ok() {
                return Ok(emulator);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Error::Emulator("it does not listen".into()))
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

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
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
