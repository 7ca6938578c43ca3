//! What one command took: calls, wall time, memory.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use strict::Call;

use crate::Result;

/// How often the process is looked at. Its peak is kept by the kernel: only one of the last moment
/// could be missed.
const LOOK: Duration = Duration::from_millis(2);

/// State and lock.
const BACKEND: [&str; 2] = ["s3", "dynamodb"];

pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// The most memory that was resident, in bytes.
    pub(crate) memory: u64,
    pub(crate) calls: Vec<Call>,
}

impl Measured {
    /// All calls, those for state and lock included.
    pub(crate) fn total(&self) -> usize {
        self.calls.len()
    }

    /// The calls that the peer makes as well: it kept its state in a file and had no autoscaling.
    pub(crate) fn comparable(&self) -> usize {
        self.calls.iter().filter(|call| is_comparable(call)).count()
    }

    /// Calls that change a resource: without state, lock and what makes both, roles that an account gets once, and
    /// autoscaling.
    pub(crate) fn mutating(&self) -> usize {
        self.calls.iter().filter(|call| changes_resource(call)).count()
    }

    /// The other calls that change something.
    pub(crate) fn apart(&self) -> usize {
        self.calls.iter().filter(|call| call.mutating && !changes_resource(call)).count()
    }
}

fn is_comparable(call: &Call) -> bool {
    !BACKEND.contains(&call.service.as_str()) && call.service != "application-autoscaling"
}

fn changes_resource(call: &Call) -> bool {
    call.mutating && is_comparable(call) && call.operation != "CreateServiceLinkedRole"
}

/// Runs a command to its good end. Returns its wall time and its peak of resident memory in bytes.
pub(crate) async fn measure(mut command: Command) -> Result<(Duration, u64)> {
    let said = tempfile::tempfile()?;
    command.stdout(Stdio::from(said.try_clone()?)).stderr(Stdio::from(said.try_clone()?));
    let began = Instant::now();
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        memory = peak(&status).unwrap_or(0).max(memory);
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        tokio::time::sleep(LOOK).await;
    };
    let wall = began.elapsed();
    if !ended.success() {
        return Err(format!("{command:?} ended with {ended}\n{}", text(said)?).into());
    }
    Ok((wall, memory))
}

fn peak(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

fn text(mut file: std::fs::File) -> Result<String> {
    use std::io::{Read, Seek};
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}
