//! A process that outlives the command that started it, told apart from a later one with the same number.

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::process::Child;

const POLL: Duration = Duration::from_millis(50);

/// How long a program may still be written to before it counts as one that cannot be started.
const SETTLES: Duration = Duration::from_secs(1);

/// Starts a program that may have been written a moment ago. Linux refuses while anybody has it open for writing
/// (ETXTBSY of execve(2)): the linker, or another process that was forked in the middle of our own copying of it.
pub(crate) async fn start(command: &mut tokio::process::Command) -> std::io::Result<Child> {
    let begun = Instant::now();
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy && begun.elapsed() < SETTLES =>
            {
                tokio::time::sleep(POLL).await;
            }
            result => return result,
        }
    }
}

/// A process id with the time it began, so that a reused id is never mistaken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When it began, in the system's own terms; only good for comparing.
    pub began: String,
}

impl Process {
    /// The process that has this id now; none when there is none or when it only waits to be reaped.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        began(pid).map(|began| Self { pid, began })
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.send(Signal::TERM, false);
    }

    /// Ends it and every process of its group (SIGKILL).
    pub fn kill(&self) {
        self.send(Signal::KILL, true);
        self.send(Signal::KILL, false);
    }

    fn send(&self, signal: Signal, group: bool) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return };
        if self.is_alive() {
            // It may end between the look and the signal; both outcomes are what the caller wants.
            let _ = if group {
                rustix::process::kill_process_group(pid, signal)
            } else {
                rustix::process::kill_process(pid, signal)
            };
        }
    }

    /// Waits until it is gone; false when it still runs after `within`.
    pub async fn gone(&self, within: Duration) -> bool {
        let since = Instant::now();
        while self.is_alive() {
            if since.elapsed() >= within {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }
}

#[cfg(target_os = "linux")]
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name stands in parentheses and may hold anything; the fields count from behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let ticks = fields.nth(18)?;
    // Ticks count from the boot, so a number from before a reboot must not match.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}:{ticks}", boot.trim()))
}

#[cfg(not(target_os = "linux"))]
fn began(pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (state, began) = line.split_once(' ')?;
    (!state.starts_with('Z')).then(|| began.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reused_id_is_another_process() {
        let me = Process::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        let earlier = Process { began: "another boot:1".to_owned(), ..me };
        assert!(!earlier.is_alive());
        assert!(earlier.gone(Duration::ZERO).await);
        earlier.kill();
    }

    /// A script that is open for writing, and its folder.
    fn being_written() -> (tempfile::TempDir, std::path::PathBuf, std::fs::File) {
        use std::{io::Write, os::unix::fs::OpenOptionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).write(true).mode(0o755).open(&path).unwrap();
        file.write_all(b"#!/bin/sh\nexit 7\n").unwrap();
        (folder, path, file)
    }

    #[tokio::test]
    async fn a_program_that_is_still_being_written_is_started_once_it_is_not() {
        let (_folder, path, file) = being_written();
        let writer = tokio::spawn(async move {
            tokio::time::sleep(POLL * 3).await;
            drop(file);
        });
        let mut child = start(&mut tokio::process::Command::new(path)).await.unwrap();
        assert!(writer.is_finished() || !cfg!(target_os = "linux"));
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_program_that_is_written_for_ever_is_not_waited_for() {
        let (_folder, path, _file) = being_written();
        let error = start(&mut tokio::process::Command::new(path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ExecutableFileBusy);
    }

    #[test]
    fn one_that_ended_but_was_not_reaped_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        while Process::of(pid).is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(
            std::path::Path::new(&format!("/proc/{pid}")).exists() || !cfg!(target_os = "linux")
        );
        child.wait().unwrap();
    }
}
