//! Runs the Python suites against strict clouds in front of one MiniStack each.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use strict::{Config, Running, Strict, audit};

/// A Python with MiniStack and boto3: `STRICT_PYTHON`, else a venv that is made once beside the build.
pub(crate) fn python() -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    if let Some(given) = std::env::var_os("STRICT_PYTHON") {
        return given.into();
    }
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ministack-1.5.33");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "ministack==1.5.33",
            "boto3",
        ]));
        std::fs::write(venv.join("ready"), "").unwrap();
    }
    python
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// A MiniStack of its own, ended with the test.
pub(crate) struct MiniStack {
    child: Child,
    pub(crate) url: String,
}

impl MiniStack {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python());
        command
            .args(["-m", "ministack"])
            .env("GATEWAY_PORT", port.to_string())
            // No task starts here, on no machine.
            .env("DOCKER_HOST", "unix:///no-engine.sock")
            .env("BIND_HOST", "127.0.0.1");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started =
            Self { child: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return started;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("MiniStack does not listen on port {port}");
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A strict cloud on a clock moved by hand, in front of a MiniStack of its own.
async fn suite(module: &str) -> (Running, MiniStack) {
    let ministack = tokio::task::spawn_blocking(MiniStack::start).await.unwrap();
    let running = Strict::start(Config::strict(&ministack.url, 0.0)).await.unwrap();
    let mut command = tokio::process::Command::new(python());
    command
        .args(["-B", "-m", "unittest", module])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"))
        .env("STRICT_ENDPOINT", &running.endpoint)
        .env("STRICT_CONTROL", &running.control);
    let output = command.output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !report.contains("Ran 0 tests"), "{module}:\n{report}");
    (running, ministack)
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_aws_refuses() {
    let _ = suite("refusals").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_time_that_aws_takes() {
    let _ = suite("durations").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fails_as_told() {
    let _ = suite("faults").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn judges_callers_by_their_policies() {
    let _ = suite("permissions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_life_breaks_no_rule() {
    let (running, _ministack) = suite("life").await;
    let violations: Vec<_> =
        audit(&running.calls()).into_iter().filter(|v| !v.advisory()).collect();
    assert_eq!(violations, []);
    assert!(running.counts().mutating > 50, "{:?}", running.counts());
}
