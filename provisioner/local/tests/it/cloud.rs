//! Start, stop, status, and every way to die.

use crate::support::{Aws, Project, REGION, quiet, request, without_docker};
use local::{Before, LocalCloud, Process, Progress, Start, Status, Stopped};
use serde_json::json;
use std::sync::Mutex;

fn cluster(aws: &Aws, name: &str) {
    let made = aws.json(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.CreateCluster",
        &json!({ "clusterName": name }),
    );
    assert_eq!(made.0, 200, "{}", made.1);
}

fn has_cluster(aws: &Aws, name: &str) -> bool {
    let (_, listed) =
        aws.json("ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", &json!({}));
    listed.to_string().contains(name)
}

fn bucket(aws: &Aws, name: &str) {
    let (status, answer) = aws.make_bucket(name);
    assert_eq!(status, 200, "{answer}");
}

fn has_bucket(aws: &Aws, name: &str) -> bool {
    aws.s3(&format!("HEAD /{name}"), &[], "").0 == 200
}

#[tokio::test]
async fn a_second_start_is_the_same_server_and_a_stop_keeps_everything() {
    let project = Project::new();
    assert_eq!(project.cloud.status().await.unwrap(), Status::Absent);
    let first = project.start().await;
    assert_eq!(first.before, Before::Nothing);
    let again = project.start().await;
    assert_eq!((&again.running, &again.before), (&first.running, &Before::Ran));
    assert_eq!(project.cloud.status().await.unwrap(), Status::Running(first.running.clone()));
    assert_eq!(first.running.variables()["AWS_ENDPOINT_URL"], first.running.endpoint());

    let aws = Aws { port: first.running.port };
    cluster(&aws, "kept");
    bucket(&aws, "kept-bucket");
    assert_eq!(project.cloud.stop(false, quiet).await.unwrap(), Stopped::Saved);
    assert!(!first.running.process.is_alive());
    assert_eq!(project.cloud.status().await.unwrap(), Status::Stopped);
    assert_eq!(project.cloud.stop(false, quiet).await.unwrap(), Stopped::WasNotRunning);

    let back = project.start().await;
    assert_eq!(back.before, Before::Saved);
    assert_eq!(back.running.port, first.running.port, "the port stays while it is free");
    assert!(has_cluster(&aws, "kept") && has_bucket(&aws, "kept-bucket"));
}

#[tokio::test]
async fn a_killed_server_is_a_loss_of_both_halves_and_is_told() {
    let project = Project::new();
    let first = project.start().await;
    let aws = Aws { port: first.running.port };
    cluster(&aws, "before");
    // A clean stop first: a loss must not bring back what an earlier run had saved either.
    project.cloud.stop(false, quiet).await.unwrap();
    let second = project.start().await;
    bucket(&aws, "state-bucket");
    assert_eq!(aws.s3("PUT /state-bucket/state.json", &[], "{}").0, 200);
    second.running.process.kill();
    assert!(second.running.process.gone(std::time::Duration::from_secs(10)).await);
    assert_eq!(project.cloud.status().await.unwrap(), Status::Lost(second.running.clone()));

    let told = Mutex::new(Vec::new());
    let third =
        project.cloud.start(&without_docker(), |it| told.lock().unwrap().push(it)).await.unwrap();
    project.watch(&third);
    assert_eq!(third.before, Before::Lost);
    let lost = Progress::Lost { pid: second.running.process.pid };
    assert!(told.lock().unwrap().contains(&lost), "{told:?}");
    let aws = Aws { port: third.running.port };
    assert!(
        !has_bucket(&aws, "state-bucket"),
        "the state object would name resources that are gone"
    );
    assert!(!has_cluster(&aws, "before"));
}

#[tokio::test]
async fn someone_elses_clean_end_keeps_everything() {
    let project = Project::new();
    let first = project.start().await;
    cluster(&Aws { port: first.running.port }, "kept");
    first.running.process.terminate();
    assert!(first.running.process.gone(std::time::Duration::from_secs(20)).await);
    assert_eq!(project.cloud.status().await.unwrap(), Status::Stopped);
    let back = project.start().await;
    assert_eq!(back.before, Before::Saved);
    assert!(has_cluster(&Aws { port: back.running.port }, "kept"));
}

#[tokio::test]
async fn a_taken_port_gives_another_one_and_keeps_everything() {
    let project = Project::new();
    let first = project.start().await;
    cluster(&Aws { port: first.running.port }, "kept");
    project.cloud.stop(false, quiet).await.unwrap();
    let _squatter = std::net::TcpListener::bind(("127.0.0.1", first.running.port)).unwrap();
    let second = project.start().await;
    assert_ne!(second.running.port, first.running.port);
    assert!(has_cluster(&Aws { port: second.running.port }, "kept"));
}

#[tokio::test]
async fn another_region_restarts_it_and_keeps_everything() {
    let project = Project::new();
    let first = project.start().await;
    cluster(&Aws { port: first.running.port }, "kept");
    let moved =
        project.start_as(&Start { region: "eu-west-1".to_owned(), ..without_docker() }).await;
    assert_eq!(moved.before, Before::Saved);
    assert_ne!(moved.running.process, first.running.process);
    assert!(!first.running.process.is_alive());
    assert!(
        has_cluster(&Aws { port: moved.running.port }, "kept"),
        "a signed call names its own region: {REGION}"
    );
}

#[tokio::test]
async fn a_record_of_a_reused_process_id_is_not_believed() {
    let project = Project::new();
    let first = project.start().await;
    project.cloud.stop(false, quiet).await.unwrap();
    let record = project.cloud.folder().root().join("cloud.json");
    let me = std::process::id();
    let mut running = serde_json::to_value(&first.running).unwrap();
    running["process"] = json!({ "pid": me, "began": "another:1" });
    std::fs::write(&record, json!({ "port": first.running.port, "running": running }).to_string())
        .unwrap();
    let second = project.start().await;
    assert_ne!(second.running.process.pid, me);
    std::fs::write(&record, "{ half").unwrap();
    assert_eq!(project.cloud.status().await.unwrap(), Status::Absent);
    // The record is unreadable and the server still runs: it is found by its own files, saved and ended.
    let third = project.start().await;
    assert!(!second.running.process.is_alive());
    assert!(third.running.process.is_alive());
}

#[tokio::test]
async fn two_first_starts_at_once_make_one_environment_and_one_server_and_a_purge_leaves_nothing() {
    let project = Project::new();
    // Its own environment: the race includes making it.
    let cloud = LocalCloud::of(project.folder.path()).unwrap();
    let told = Mutex::new(Vec::new());
    let start = without_docker();
    let (one, two) = tokio::join!(
        cloud.start(&start, |it| told.lock().unwrap().push(it)),
        cloud.start(&start, |it| told.lock().unwrap().push(it))
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    project.watch(&one);
    project.watch(&two);
    assert_eq!(one.running, two.running);
    let told = told.into_inner().unwrap();
    let made = told.iter().filter(|it| matches!(it, Progress::MakingEnvironment { .. })).count();
    assert_eq!(made, 1, "{told:?}");
    assert!(told.contains(&Progress::WaitingForOther));

    // An environment whose making was cut short is made again.
    assert_eq!(cloud.stop(false, quiet).await.unwrap(), Stopped::Saved);
    let venv = cloud.folder().root().join("venv");
    std::fs::remove_file(venv.join("provisioner.json")).unwrap();
    std::fs::remove_dir_all(venv.join("lib")).unwrap();
    let healed = cloud.start(&start, quiet).await.unwrap();
    project.watch(&healed);
    assert!(
        request(("127.0.0.1", healed.running.port), "GET /_ministack/health", &[], "").is_some()
    );

    assert_eq!(cloud.stop(true, quiet).await.unwrap(), Stopped::Saved);
    assert!(!healed.running.process.is_alive());
    assert_eq!(project.files(), Vec::<std::path::PathBuf>::new());
    assert!(request(("127.0.0.1", healed.running.port), "GET /", &[], "").is_none());
    assert_eq!(cloud.stop(true, quiet).await.unwrap(), Stopped::WasNotRunning);
    assert_eq!(cloud.status().await.unwrap(), Status::Absent);
    assert!(Process::of(healed.running.process.pid).is_none_or(|it| it != healed.running.process));
}

#[tokio::test]
async fn the_users_own_variables_do_not_reach_the_server() {
    let project = Project::new();
    let started = project.start().await;
    let environment = std::fs::read(format!("/proc/{}/environ", started.running.process.pid));
    let Ok(environment) = environment else { return };
    let text = String::from_utf8_lossy(&environment).into_owned();
    assert!(text.contains("BIND_HOST=127.0.0.1") && !text.contains("CARGO_"), "{text}");
}
