//! Runs the Python suites against strict clouds in front of one MiniStack each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use local::Emulator;
use strict::{Config, Running, Strict, audit};

/// A Python with MiniStack and boto3: `STRICT_PYTHON`, else one that is made once beside the build.
fn python() -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    if let Some(given) = std::env::var_os("STRICT_PYTHON") {
        return given.into();
    }
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/ministack");
    let output = Command::new(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// A strict cloud on a clock moved by hand, in front of a MiniStack of its own.
async fn suite(module: &str) -> (Running, Emulator) {
    let python = tokio::task::spawn_blocking(python).await.unwrap();
    let ministack = Emulator::ministack(&python, &[]).await.unwrap();
    let running = Strict::start(Config::strict(ministack.endpoint(), 0.0)).await.unwrap();
    let mut command = tokio::process::Command::new(python);
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
