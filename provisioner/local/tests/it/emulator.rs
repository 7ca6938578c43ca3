//! The emulator of one run: it serves, and it is gone with whoever started it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use local::{Emulator, Error};

use crate::support::{Aws, Project, request, venv};

/// The interpreter that the other tests use, made first if need be.
async fn interpreter() -> PathBuf {
    Project::new().start().await;
    venv().join("bin/python")
}

async fn started(interpreter: &Path) -> Emulator {
    Emulator::ministack(interpreter, &[("AUTH", "true")]).await.unwrap()
}

fn port(endpoint: &str) -> u16 {
    endpoint.rsplit(':').next().unwrap().parse().unwrap()
}

fn answers(port: u16) -> bool {
    request(("127.0.0.1", port), "GET /_ministack/health", &[], "").is_some()
}

/// Not a test: starts an emulator, says where, and holds it until it is killed.
#[test]
#[ignore = "started by another test as the holder of an emulator"]
fn holder() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let emulator = runtime.block_on(started(&venv().join("bin/python")));
    let folder = std::env::var_os("FOLDER").unwrap();
    let partial = Path::new(&folder).join("partial");
    std::fs::write(&partial, emulator.endpoint()).unwrap();
    std::fs::rename(&partial, Path::new(&folder).join("endpoint")).unwrap();
    std::thread::sleep(Duration::from_mins(1));
}

#[tokio::test]
async fn it_serves_with_its_settings_and_ends_when_it_is_let_go() {
    let emulator = started(&interpreter().await).await;
    let port = port(&emulator.endpoint());
    let (status, answer) = Aws { port }.query("ec2", "2016-11-15", "Action=DescribeVpcs");
    assert_eq!(status, 401, "a stranger's key: {answer}");
    drop(emulator);
    assert!(!answers(port));
}

#[tokio::test]
async fn it_ends_when_its_holder_is_killed() {
    interpreter().await;
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["emulator::holder", "--exact", "--ignored"])
        .env("FOLDER", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let written = folder.path().join("endpoint");
    while !written.exists() {
        assert_eq!(holder.try_wait().unwrap(), None, "it could not start one");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let port = port(&std::fs::read_to_string(written).unwrap());
    assert!(answers(port));
    holder.kill().unwrap();
    holder.wait().unwrap();
    for _ in 0..200 {
        if !answers(port) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it serves on");
}

#[tokio::test]
async fn an_interpreter_without_it_is_an_error_at_once() {
    let error = Emulator::moto(&interpreter().await).await.unwrap_err();
    assert!(matches!(error, Error::CloudEnded { .. }), "{error}");
}
