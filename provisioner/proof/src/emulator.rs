//! An emulator of AWS in a process of its own, emptied between cases instead of started again.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::wire::Wire;
use crate::{Error, Result};

/// Runs the emulator for as long as its standard input is open: until whoever started it is gone, however it went.
const KEEPER: &str = "
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
sys.argv = ['ministack']
runpy.run_module('ministack', run_name='__main__')
";

/// MiniStack, listening on the loopback until this is dropped.
pub struct Emulator {
    pub url: String,
    wire: Wire,
    _child: Child,
}

impl Emulator {
    /// Starts MiniStack, which `PROVISIONER_TEST_PYTHON` or else an environment made by `scripts/ministack` has.
    pub async fn ministack() -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(python()?);
        command.args(["-c", KEEPER]);
        command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        // No task starts here, on no machine.
        command.env("DOCKER_HOST", "unix:///no-engine.sock");
        command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let emulator = Self { wire: Wire::new(&url), url, _child: child };
        for _ in 0..600 {
            if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                return Ok(emulator);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Error::Emulator("it does not listen".into()))
    }

    /// Forgets everything.
    pub async fn reset(&self) -> Result<()> {
        self.wire.post("/_ministack/reset").await
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

fn python() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("PROVISIONER_TEST_PYTHON") {
        return Ok(given.into());
    }
    let output = std::process::Command::new(repository().join("scripts/ministack"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(Error::Emulator("scripts/ministack makes no environment for it".into()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}
