//! The tool under proof: the real binary, started, signalled, waited for.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::{Error, Result};

/// Real time after which a run counts as hung.
const PATIENCE: Duration = Duration::from_mins(4);

/// Where the binary is: `PROVISIONER_PROGRAM`, or beside the proof's own in the target folder.
pub fn program() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("PROVISIONER_PROGRAM") {
        return Ok(given.into());
    }
    let own = std::env::current_exe()?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("provisioner"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::Tool("no `provisioner` beside this: cargo build --bin provisioner".into())
        })
}

/// Whom a command talks to, and how fast its clock runs.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    pub endpoint: &'a str,
    pub scale: f64,
    pub access_key: &'a str,
}

/// A running command.
pub struct Started {
    child: Child,
    pid: Pid,
    out: JoinHandle<String>,
    err: JoinHandle<String>,
    since: Instant,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, if it was not ended by a signal.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub out: String,
    pub err: String,
    pub elapsed: Duration,
    /// Whether it had to be killed because it did not end.
    pub hung: bool,
}

/// Starts a command of the tool in a project's folder.
pub async fn start(
    program: &Path,
    folder: &Path,
    settings: &Settings<'_>,
    arguments: &[&str],
    input: &str,
) -> Result<Started> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .env("AWS_ENDPOINT_URL", settings.endpoint)
        .env("AWS_ACCESS_KEY_ID", settings.access_key)
        .env("AWS_SECRET_ACCESS_KEY", "proof")
        .env("PROVISIONER_CLOCK_SCALE", settings.scale.to_string())
        .env("PROVISIONER_DOCKER", "off")
        .current_dir(folder)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let gone = || Error::Tool("it ended before it was started".into());
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or_else(gone)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Commands that ask nothing may have ended already.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let out = read(child.stdout.take());
    let err = read(child.stderr.take());
    Ok(Started { child, pid, out, err, since: Instant::now() })
}

impl Started {
    /// Sends a signal. One that has ended already is none the worse.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid, signal);
    }

    /// The processor time that it has used so far, where the system tells.
    #[must_use]
    pub fn computed(&self) -> Option<Duration> {
        let pid = self.pid.as_raw_nonzero();
        let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        // The main thread alone is in this file; the rest are beside it.
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let nanoseconds = |text: &str| text.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        let all: u64 = threads
            .filter_map(|thread| {
                std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()
            })
            .filter_map(|text| nanoseconds(&text))
            .sum();
        Some(Duration::from_nanos(all.max(nanoseconds(&text)?)))
    }

    /// Whether it is still there.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends.
    pub async fn exit(&mut self) {
        let _ = self.child.wait().await;
    }

    /// Waits until it ends, and kills it when it does not.
    pub async fn end(mut self) -> Result<Ended> {
        let waited = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let hung = waited.is_err();
        if hung {
            self.child.start_kill()?;
        }
        let status = self.child.wait().await?;
        Ok(Ended {
            code: status.code(),
            signal: status.signal(),
            out: self.out.await.unwrap_or_default(),
            err: self.err.await.unwrap_or_default(),
            elapsed: self.since.elapsed(),
            hung,
        })
    }
}

impl Ended {
    /// Whether it did its work.
    #[must_use]
    pub fn done(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, and the end of what it said.
    #[must_use]
    pub fn last_words(&self) -> String {
        let lines: Vec<&str> = self.err.lines().collect();
        let tail = lines[lines.len().saturating_sub(12)..].join(" | ");
        match (self.hung, self.code, self.signal) {
            (true, ..) => format!("it did not end: {tail}"),
            (_, Some(code), _) => format!("exit code {code}: {tail}"),
            (_, _, signal) => format!("ended by signal {}: {tail}", signal.unwrap_or_default()),
        }
    }
}

fn read(from: Option<impl AsyncRead + Send + Unpin + 'static>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.read_to_end(&mut bytes).await;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
