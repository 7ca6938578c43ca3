//! An emulator of AWS for one run: nothing of it is kept, and it ends with whoever started it.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cloud::free_port;
use crate::{Error, Result};

/// Runs a module until its standard input ends: until whoever holds the other end is gone, also when that was killed.
const RUN: &str = "
import os, runpy, signal, sys, threading, time
def end():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)
threading.Thread(target=end, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
";

/// How long it may take to listen, on a busy machine.
const LISTENS: Duration = Duration::from_mins(1);

/// A running emulator on a free port of the loopback.
#[derive(Debug)]
pub struct Emulator {
    port: u16,
    server: Child,
}

impl Emulator {
    /// MiniStack, with more of its variables. The interpreter must have it.
    ///
    /// # Errors
    /// An interpreter that does not start, a server that ends or never listens.
    pub async fn ministack(interpreter: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let port = free_port(None)?;
        let mut command = run(interpreter, ["ministack"]);
        command
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
            // No task starts here, on no machine.
            .env("DOCKER_HOST", "unix:///no-engine.sock")
            .envs(settings.iter().copied());
        Self::start(command, port).await
    }

    /// moto, the emulator that other people wrote, with AWS's own managed policies. The interpreter must have it.
    ///
    /// # Errors
    /// As for MiniStack.
    pub async fn moto(interpreter: &Path) -> Result<Self> {
        let port = free_port(None)?;
        let host = Ipv4Addr::LOCALHOST.to_string();
        let mut command = run(interpreter, ["moto.server", "-H", &host, "-p", &port.to_string()]);
        command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        Self::start(command, port).await
    }

    /// What an SDK's `AWS_ENDPOINT_URL` must say.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", address(self.port))
    }

    async fn start(mut command: Command, port: u16) -> Result<Self> {
        let program = command.get_program().display().to_string();
        let server = command.spawn().map_err(Error::system(format!("start {program}")))?;
        let mut emulator = Self { port, server };
        let since = Instant::now();
        while tokio::net::TcpStream::connect(address(port)).await.is_err() {
            if matches!(emulator.server.try_wait(), Ok(Some(_))) {
                return Err(Error::CloudEnded { log: vec![format!("{program} cannot run it")] });
            }
            if since.elapsed() >= LISTENS {
                return Err(Error::CloudSilent { port, within: LISTENS, log: Vec::new() });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(emulator)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.server.stdin.take());
        let _ended = self.server.wait();
    }
}

fn run(interpreter: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(interpreter);
    command.args(["-c", RUN]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
