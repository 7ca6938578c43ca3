//! Being started, found again, given secrets, and ended.

use std::os::unix::process::CommandExt;

use local::{Error, Process, Processes, ServiceSpec, State, run_once};

use super::{Services, answer};

#[tokio::test]
async fn replicas_have_their_own_addresses_survive_and_are_found_again() {
    let services = Services::new();
    let first = services.processes.ensure(&services.spec("one")).await.unwrap();
    assert_eq!((first.running.len(), first.started.len(), first.surplus.len()), (2, 2, 0));
    let (one, two) = (&first.running[0], &first.running[1]);
    assert_ne!(one.address, two.address, "a target group keys targets by address");
    assert_eq!(answer(one, "/").unwrap(), "one ");

    let later = Services::open(services.folder.path());
    let again = later.ensure(&services.spec("one")).await.unwrap();
    assert_eq!(again.running, first.running);
    assert!(again.started.is_empty() && again.surplus.is_empty());

    let fewer = later.ensure(&ServiceSpec { replicas: 1, ..services.spec("one") }).await.unwrap();
    assert_eq!((fewer.running.len(), fewer.surplus.len()), (1, 1));
    later.retire(&fewer.surplus).await.unwrap();
    let State::Exited(exit) = later.state(&fewer.surplus[0]) else {
        panic!("{:?}", fewer.surplus[0])
    };
    assert_eq!(exit.code(), 0, "it drained: {exit}");
    assert_eq!(later.tail(&fewer.surplus[0], 1), ["draining"]);
}

#[tokio::test]
async fn a_service_outlives_its_command_and_an_interrupt_of_its_terminal() {
    let services = Services::new();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["processes::command", "--exact", "--ignored"])
        .env("FOLDER", services.folder.path())
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    assert!(command.wait().unwrap().success());
    // What a terminal does on Ctrl-C: the signal goes to everyone in the command's group who is still there.
    let group = rustix::process::Pid::from_raw(i32::try_from(command.id()).unwrap()).unwrap();
    let told = rustix::process::kill_process_group(group, rustix::process::Signal::INT);
    assert_eq!(told, Err(rustix::io::Errno::SRCH), "no one is left in it");
    let found = services.processes.ensure(&services.spec("one")).await.unwrap();
    assert_eq!((found.running.len(), found.started.len()), (2, 0));
    assert_eq!(answer(&found.running[0], "/").unwrap(), "one ");
}

#[tokio::test]
async fn a_secret_reaches_the_process_and_no_file() {
    let services = Services::new();
    let mut spec = services.spec("one");
    spec.secrets.insert("PASSWORD".to_owned(), "hunter-two-and-a-half".to_owned());
    assert!(!format!("{spec:?}").contains("hunter"));
    let up = services.processes.ensure(&spec).await.unwrap();
    assert_eq!(answer(&up.running[0], "/").unwrap(), "one hunter-two-and-a-half");
    let mut folders = vec![services.folder.path().to_owned()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                read += 1;
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains("hunter"), "{}", path.display());
            }
        }
    }
    assert!(read > 4, "{read}");
    // Its value is no part of the version, its revision is.
    spec.secrets.insert("PASSWORD".to_owned(), "other".to_owned());
    assert!(services.processes.ensure(&spec).await.unwrap().started.is_empty());
    spec.revision = "2".to_owned();
    assert_eq!(services.processes.ensure(&spec).await.unwrap().running[0].version, 2);
}

#[tokio::test]
async fn stopping_all_leaves_no_process_and_no_file() {
    let services = Services::new();
    let up = services.processes.ensure(&services.spec("one")).await.unwrap();
    let pids: Vec<Process> = up.running.iter().map(|it| Process::of(it.pid).unwrap()).collect();
    let folder = services.folder.path().join("services");
    assert_eq!(Processes::stop_all(&folder).await.unwrap(), 2);
    assert!(pids.iter().all(|it| !it.is_alive()));
    assert!(!folder.exists());
    assert_eq!(Processes::stop_all(&folder).await.unwrap(), 0);
}

#[tokio::test]
async fn a_program_run_once_streams_its_lines_and_gives_its_code() {
    let services = Services::new();
    let mut spec = services.spec("migrating");
    spec.secrets.insert("PASSWORD".to_owned(), "p".to_owned());
    spec.args[1] = "import os, sys; print(os.environ['ANSWER'], len(os.environ['PASSWORD'])); sys.stdout.flush(); \
                    print('failed', file=sys.stderr); sys.exit(7)"
        .to_owned();
    let mut lines = Vec::new();
    let exit = run_once(&spec, |line| lines.push(line.to_owned())).await.unwrap();
    lines.sort();
    assert_eq!((exit.code(), lines), (7, vec!["failed".to_owned(), "migrating 1".to_owned()]));
    spec.program = "/nonexistent".into();
    assert!(matches!(run_once(&spec, |_| ()).await, Err(Error::Unstartable { .. })));
}
