//! The Docker engine: what answers, and, where one does, images and containers that leave nothing behind.

use crate::support::{Aws, Project, REGION, quiet, request};
use local::{BinaryImage, Docker, Engine, Start, engine, engine_at};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// A socket that answers every request with this.
fn socket(answer: &'static str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let length = answer.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}");
        }
    });
    (folder, format!("unix://{}", path.display()))
}

#[tokio::test]
async fn only_an_engine_that_answers_counts() {
    let (_kept, host) = socket(r#"{"Version":"28.2.2","Os":"linux","Arch":"amd64"}"#);
    let found = engine_at(&host).await.unwrap();
    assert_eq!((found.version.as_str(), found.architecture.as_str()), ("28.2.2", "amd64"));
    let (_kept, windows) = socket(r#"{"Version":"28.2.2","Os":"windows","Arch":"amd64"}"#);
    assert_eq!(engine_at(&windows).await, None);
    let (_kept, other) = socket("<html>not an engine</html>");
    assert_eq!(engine_at(&other).await, None);
    // A socket file that nobody listens on, as after a crash of the engine.
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("docker.sock");
    drop(UnixListener::bind(&dead).unwrap());
    assert_eq!(engine_at(&format!("unix://{}", dead.display())).await, None);
    assert_eq!(engine_at("ssh://build@host").await, None);
    assert_eq!(engine_at("tcp://127.0.0.1:1").await, None);
}

/// The engine of this machine; without one there is nothing to test here.
async fn real() -> Option<Engine> {
    let found = engine().await;
    if found.is_none() {
        eprintln!("skipped: no Docker engine answers on this machine");
    }
    found
}

fn image(engine: &Engine) -> Option<BinaryImage> {
    let busybox = std::path::PathBuf::from("/bin/busybox");
    if !busybox.exists() {
        eprintln!("skipped: no static binary (/bin/busybox) to make an image from");
        return None;
    }
    let serve = [
        "sh",
        "-c",
        "mkdir -p /tmp/w && echo $ANSWER > /tmp/w/index.html && exec busybox httpd -f -p 8080 -h /tmp/w",
    ];
    Some(BinaryImage {
        binary: busybox,
        args: serve.map(str::to_owned).into(),
        env: BTreeMap::from([
            ("PATH".to_owned(), "/".to_owned()),
            ("ANSWER".to_owned(), "hello".to_owned()),
        ]),
        architecture: engine.architecture.clone(),
        user: "65532:65532".to_owned(),
    })
}

#[tokio::test]
async fn a_service_runs_as_containers_and_a_purge_leaves_none() {
    let Some(engine) = real().await else { return };
    let Some(image) = image(&engine) else { return };
    let project = Project::new();
    let start = Start { region: REGION.to_owned(), docker: Docker::On(engine.clone()) };
    let started = project.start_as(&start).await;
    let repository = format!(
        "000000000000.dkr.ecr.{REGION}.amazonaws.com/{}",
        project.cloud.folder().instance()
    );
    project.cloud.load_image(&engine, &image, &format!("{repository}:one")).await.unwrap();
    project
        .cloud
        .tag_image(&engine, &format!("{repository}:one"), &repository, "two")
        .await
        .unwrap();
    assert!(engine.has_image(&format!("{repository}:two")).await.unwrap());
    assert!(!engine.has_image(&format!("{repository}:three")).await.unwrap());
    assert!(project.cloud.tag_image(&engine, "no-such-image", &repository, "x").await.is_err());

    let aws = Aws { port: started.running.port };
    let ecs = |action: &str, body: &serde_json::Value| {
        let (status, answer) =
            aws.json("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), body);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    };
    ecs("CreateCluster", &json!({ "clusterName": "c" }));
    let container =
        json!({ "name": "api", "image": format!("{repository}:two"), "essential": true });
    let definition = json!({ "family": "f", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [container] });
    ecs("RegisterTaskDefinition", &definition);
    ecs(
        "CreateService",
        &json!({ "cluster": "c", "serviceName": "s", "taskDefinition": "f", "desiredCount": 2,
        "launchType": "FARGATE" }),
    );
    let mut addresses = Vec::new();
    for _ in 0..200 {
        let listed = ecs("ListTasks", &json!({ "cluster": "c" }));
        let tasks = ecs("DescribeTasks", &json!({ "cluster": "c", "tasks": listed["taskArns"] }));
        let details = tasks["tasks"].as_array().unwrap().iter().flat_map(|task| {
            task["attachments"][0]["details"].as_array().cloned().unwrap_or_default()
        });
        addresses = details
            .filter(|it| it["name"] == "privateIPv4Address")
            .map(|it| it["value"].as_str().unwrap().to_owned())
            .collect();
        if addresses.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    let answered = (0..50).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        request((&addresses[0], 8080), "GET /index.html", &[], "")
    });
    assert_eq!(answered.map(|it| it.1.trim().to_owned()), Some("hello".to_owned()));

    project.cloud.stop(true, quiet).await.unwrap();
    assert!(request((&addresses[0], 8080), "GET /", &[], "").is_none(), "its container is gone");
    assert!(!engine.has_image(&format!("{repository}:one")).await.unwrap());
    assert!(!engine.has_image(&format!("{repository}:two")).await.unwrap());
    assert!(project.files().is_empty());
}

#[tokio::test]
async fn containers_of_a_killed_server_are_swept() {
    let Some(engine) = real().await else { return };
    let Some(image) = image(&engine) else { return };
    let project = Project::new();
    let started = project
        .start_as(&Start { region: REGION.to_owned(), docker: Docker::On(engine.clone()) })
        .await;
    let reference = format!("{}:one", project.cloud.folder().instance());
    project.cloud.load_image(&engine, &image, &reference).await.unwrap();
    let aws = Aws { port: started.running.port };
    let ecs = |action: &str, body: &serde_json::Value| {
        aws.json("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), body).1
    };
    ecs("CreateCluster", &json!({ "clusterName": "c" }));
    ecs(
        "RegisterTaskDefinition",
        &json!({ "family": "f", "containerDefinitions": [
        { "name": "api", "image": reference, "essential": true }] }),
    );
    ecs("RunTask", &json!({ "cluster": "c", "taskDefinition": "f" }));
    let address = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let tasks = ecs("ListTasks", &json!({ "cluster": "c" }));
        let tasks = ecs("DescribeTasks", &json!({ "cluster": "c", "tasks": tasks["taskArns"] }));
        (tasks["tasks"][0]["lastStatus"] == "RUNNING").then_some(())
    });
    assert!(address.is_some(), "the task never ran");
    started.running.process.kill();
    assert!(started.running.process.gone(Duration::from_secs(10)).await);
    let swept = std::sync::Mutex::new(0);
    let observe = |it| {
        if let local::Progress::RemovedContainers { count } = it {
            *swept.lock().unwrap() += count;
        }
    };
    assert_eq!(project.cloud.stop(true, observe).await.unwrap(), local::Stopped::Lost);
    assert_eq!(*swept.lock().unwrap(), 1);
}
