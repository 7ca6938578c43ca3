//! The MiniStack process: how it is spawned, watched and ended.

use super::Running;
use crate::http::{Place, send};
use crate::{Error, Folder, Process, Progress, Result, last_lines, record, venv};
use hyper::Method;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A cold start with the first compilation of its modules takes a few seconds on two busy cores.
const ANSWERS: Duration = Duration::from_mins(1);
/// Saving takes well under a second; with Docker it also stops its containers.
pub(super) const END: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Whether a server that ended had saved what it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Saved,
    Lost,
}

/// The last port when it is free, else one that the system picks.
pub(crate) fn free_port(last: Option<u16>) -> Result<u16> {
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|it| it.local_addr());
    if let Some(port) = last.filter(|port| free(*port).is_ok()) {
        return Ok(port);
    }
    free(0).map(|address| address.port()).map_err(Error::system("find a free port"))
}

/// Starts the server detached: its own process group, its output in the log, a clean environment so that nothing
/// set in the user's shell changes how it behaves.
pub(super) fn spawn(
    folder: &Folder,
    interpreter: &Path,
    port: u16,
    region: &str,
    docker: Option<&str>,
) -> Result<Running> {
    folder.make()?;
    // The server's own mark of a running instance; one from before would be taken for this one's.
    crate::folder::remove(&pid_file(folder, port))?;
    let log = folder.log();
    let _ = std::fs::rename(&log, log.with_extension("log.1"));
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(Error::file("write", &log))?;
    let errors: File = output.try_clone().map_err(Error::file("write", &log))?;
    let no_engine = format!("unix://{}", folder.root().join("no-engine.sock").display());
    let mut command = Command::new(interpreter);
    command.args(["-m", "ministack"]).current_dir(folder.root()).env_clear();
    for kept in ["PATH", "HOME", "LANG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    let child = command
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
        .env("MINISTACK_REGION", region)
        .env("MINISTACK_HOSTNAME", folder.instance())
        .env("PERSIST_STATE", "1")
        .env("STATE_DIR", folder.state())
        .env("S3_PERSIST", "1")
        .env("S3_DATA_DIR", folder.objects())
        .env("TMPDIR", folder.tmp())
        .env("DOCKER_HOST", docker.unwrap_or(&no_engine))
        // Each would listen on a fixed port of its own.
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(Error::system(format!("start {}", interpreter.display())))?;
    let process =
        Process::of(child.id()).ok_or_else(|| Error::CloudEnded { log: last_lines(&log, 20) })?;
    Ok(Running {
        process,
        port,
        version: venv::MINISTACK.to_owned(),
        region: region.to_owned(),
        docker: docker.map(str::to_owned),
        started_at: jiff::Timestamp::now(),
    })
}

/// Waits for the first answer.
pub(super) async fn wait(folder: &Folder, running: &Running) -> Result<()> {
    let since = Instant::now();
    loop {
        if !running.process.is_alive() {
            return Err(Error::CloudEnded { log: last_lines(&folder.log(), 20) });
        }
        // The pid file proves that it is this server that answers, not another one that took the port meanwhile.
        if pid_file(folder, running.port).exists() && answers(running).await {
            return Ok(());
        }
        if since.elapsed() >= ANSWERS {
            let log = last_lines(&folder.log(), 20);
            return Err(Error::CloudSilent { port: running.port, within: ANSWERS, log });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether it answers now.
pub(super) async fn answers(running: &Running) -> bool {
    let place = Place::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, running.port)));
    let answer =
        send(&place, Method::GET, "/_ministack/health", None, Duration::from_secs(5)).await;
    answer.is_ok_and(|answer| answer.is_success())
}

/// Asks it to save and end, kills it when it does not, and tells which it was. It may be dead already.
pub(super) async fn end(
    folder: &Folder,
    running: &Running,
    observe: &impl Fn(Progress),
) -> Result<End> {
    let Process { pid, .. } = running.process;
    if running.process.is_alive() {
        observe(Progress::Stopping { pid });
        running.process.terminate();
        if !running.process.gone(END).await {
            observe(Progress::Killed { pid });
            running.process.kill();
            if !running.process.gone(END).await {
                return Err(Error::Unstoppable { pid });
            }
        }
    }
    Ok(if saved(folder, running) { End::Saved } else { End::Lost })
}

/// Whether a server that is gone had saved: removing its pid file is the last thing it does.
pub(super) fn saved(folder: &Folder, running: &Running) -> bool {
    !pid_file(folder, running.port).exists()
}

/// Servers of this folder that no record names.
pub(super) fn strays(folder: &Folder) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir(folder.tmp()) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let ours =
                name.starts_with("ministack-") && path.extension().is_some_and(|it| it == "pid");
            let process = Process::of(record::read(&path).ok()??)?;
            (ours && serves(&process, folder)).then_some(process)
        })
        .collect()
}

/// Whether this process really is a server of this folder: a pid file may be older than its number's present owner.
#[cfg(target_os = "linux")]
fn serves(process: &Process, folder: &Folder) -> bool {
    let ours = format!("STATE_DIR={}", folder.state().display());
    std::fs::read(format!("/proc/{}/environ", process.pid))
        .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == ours.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn serves(process: &Process, folder: &Folder) -> bool {
    let asked =
        Command::new("ps").args(["-E", "-o", "command=", "-p", &process.pid.to_string()]).output();
    let ours = format!("STATE_DIR={}", folder.state().display());
    asked.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&ours))
}

fn pid_file(folder: &Folder, port: u16) -> std::path::PathBuf {
    folder.tmp().join(format!("ministack-{port}.pid"))
}
