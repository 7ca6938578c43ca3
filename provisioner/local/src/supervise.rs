//! The parent of one service process. It outlives the command that started it, so that someone is there to wait for
//! the process: only a parent learns an exit code. It runs in the same program, behind a hidden subcommand.
//!
//! The order, secrets included, comes on standard input and is kept in memory only. It does not restart the process:
//! that needs the secrets again, and is the decision of whoever counts failures.

use crate::{Error, Exit, Process, Result, process, record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// What a supervisor is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    /// Where to write what happened.
    pub(crate) folder: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) grace: Duration,
}

/// What a supervisor writes when the process runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Up {
    pub(crate) supervisor: Process,
    pub(crate) child: Process,
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) grace: Duration,
    pub(crate) started_at: jiff::Timestamp,
}

pub(crate) fn up_file(folder: &Path) -> PathBuf {
    folder.join("process.json")
}
pub(crate) fn exit_file(folder: &Path) -> PathBuf {
    folder.join("exit.json")
}
pub(crate) fn output_file(folder: &Path) -> PathBuf {
    folder.join("output.log")
}

/// Runs one process as told on standard input: its output goes to a file, SIGTERM and SIGINT are passed on as
/// SIGTERM (and SIGKILL to its group after the grace), its end is written down. Returns the exit code to end with.
///
/// # Errors
/// An order that cannot be read, or files that cannot be written. That the program cannot be started is no error
/// here: it is written down as the process's end.
pub async fn supervise() -> Result<i32> {
    // Before anything else: whoever started us may already want us to end.
    let mut asks = Asks::listen()?;
    let read =
        tokio::task::spawn_blocking(|| serde_json::from_reader(std::io::stdin().lock())).await;
    let order: Order = read
        .map_err(std::io::Error::other)
        .and_then(|order| order.map_err(std::io::Error::other))
        .map_err(Error::system("read the order"))?;
    let exit = run(order, &mut asks).await?;
    Ok(exit.code())
}

async fn run(order: Order, asks: &mut Asks) -> Result<Exit> {
    let path = output_file(&order.folder);
    let output = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let output = output.map_err(Error::file("write", &path))?;
    let errors = output.try_clone().map_err(Error::file("write", &path))?;
    let mut command = Command::new(&order.program);
    command
        .args(&order.args)
        .env_clear()
        .envs(&order.env)
        .current_dir(&order.directory)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0);
    let spawned = process::start(&mut command).await;
    drop(command);
    let (folder, address, port, grace) = (order.folder, order.address, order.port, order.grace);
    let exit = match spawned {
        Err(error) => Exit::never_started(error.to_string()),
        Ok(mut child) => {
            let (me, it) = (Process::of(std::process::id()), child.id().and_then(Process::of));
            if let (Some(supervisor), Some(process)) = (me, it.clone()) {
                let started_at = jiff::Timestamp::now();
                let up = Up { supervisor, child: process, address, port, grace, started_at };
                record::write(&up_file(&folder), &up)?;
            }
            loop {
                tokio::select! {
                    status = child.wait() => break Exit::of(status.map_err(Error::system("wait for the process"))?),
                    () = asks.next() => {
                        let Some(process) = &it else { continue };
                        process.terminate();
                        if tokio::time::timeout(grace, child.wait()).await.is_err() {
                            process.kill();
                        }
                    }
                }
            }
        }
    };
    record::write(&exit_file(&folder), &exit)?;
    Ok(exit)
}

/// The ways to ask a supervisor to end; a closed terminal is not one of them.
struct Asks {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    _hang_up: tokio::signal::unix::Signal,
}

impl Asks {
    fn listen() -> Result<Self> {
        let on = |kind| signal(kind).map_err(Error::system("listen for signals"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            _hang_up: on(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
