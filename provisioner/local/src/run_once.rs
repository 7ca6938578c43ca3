//! One program, run to its end with its output passed on as it comes: migrations and one-off tasks without Docker.

use crate::{Error, Exit, Result, ServiceSpec, process};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc::{self, Sender};

/// Runs the service's program once with its environment and secrets, and gives every line of its output to `line`.
/// Returns how it ended. Dropping the future kills it.
///
/// # Errors
/// [`Error::Unstartable`] when the program cannot be started.
pub async fn run_once(spec: &ServiceSpec, mut line: impl FnMut(&str)) -> Result<Exit> {
    let port = crate::processes::free_port()?;
    let mut command = Command::new(&spec.program);
    command
        .args(spec.filled_args("127.0.0.1", port))
        .env_clear()
        .envs(spec.filled_env("127.0.0.1", port))
        .current_dir(&spec.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let started = process::start(&mut command).await;
    let mut child = started.map_err(|error| Error::Unstartable {
        service: spec.name.clone(),
        program: spec.program.clone(),
        message: error.to_string(),
    })?;
    let (sender, mut lines) = mpsc::channel(64);
    if let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) {
        read(output, sender.clone());
        read(errors, sender);
    }
    while let Some(text) = lines.recv().await {
        line(&text);
    }
    child.wait().await.map(Exit::of).map_err(Error::system("wait for the program"))
}

fn read(from: impl AsyncRead + Send + Unpin + 'static, to: Sender<String>) {
    tokio::spawn(async move {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes).await.is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            bytes.clear();
            if to.send(text).await.is_err() {
                break;
            }
        }
    });
}
