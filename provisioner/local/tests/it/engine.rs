//! The Docker engine: what answers, and, where one does, images and containers that leave nothing behind.

use crate::support::{Aws, Project, REGION, element, quiet, request};
use image::{Layout, Recipe};
use local::{Docker, Engine, Start, engine, engine_at};
use serde_json::{Value, json};
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

#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// The engine of this machine; without one there is nothing to test here.
async fn real() -> Option<Engine> {
    let found = engine().await;
    if found.is_none() {
        skip("no Docker engine answers on this machine");
    }
    found
}

/// What a task of the image runs: a web server that answers with a variable and a secret.
const SERVE: &str = "mkdir -p /tmp/w; echo hello $S > /tmp/w/index.html; echo serving with $S > /data/log; \
     cat /data/log; exec /busybox httpd -f -p 8080 -h /tmp/w";

/// An image of BusyBox alone, under a name.
fn image(reference: &str) -> Option<Vec<u8>> {
    let busybox = std::path::PathBuf::from("/bin/busybox");
    if !busybox.exists() {
        skip("no static binary (/bin/busybox) to make an image from");
        return None;
    }
    Some(Layout::of_program(&busybox, &Recipe::default()).unwrap().archive(reference).unwrap())
}

/// The rows of the capability table that change with Docker, by their effect.
struct Stack {
    aws: Aws,
    image: String,
}

impl Stack {
    fn ecs(&self, action: &str, body: &Value) -> Value {
        let (status, answer) =
            self.aws.json("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), body);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    /// Two tasks behind a balancer, with a secret and a log group; the address of one.
    async fn service(&self) -> String {
        let secret = json!({ "Name": "s", "SecretString": "s3cret" });
        let secret = self.aws.json("secretsmanager", "secretsmanager.CreateSecret", &secret).1;
        self.aws.json("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "g" }));
        let vpc = self.aws.ec2("Action=CreateVpc&CidrBlock=10.9.0.0/16");
        let vpc = element(&vpc, "vpcId").unwrap();
        let subnet =
            self.aws.ec2(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.9.1.0/24"));
        let subnet = element(&subnet, "subnetId").unwrap();
        let group = self.aws.elb(&format!(
            "Action=CreateTargetGroup&Name=g&Protocol=HTTP&Port=8080&VpcId={vpc}&TargetType=ip"
        ));
        let group = element(&group, "TargetGroupArn").unwrap();
        let balancer =
            self.aws.elb(&format!("Action=CreateLoadBalancer&Name=b&Subnets.member.1={subnet}"));
        let balancer = element(&balancer, "LoadBalancerArn").unwrap();
        self.aws.elb(&format!(
            "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=\
             forward&DefaultActions.member.1.TargetGroupArn={group}"
        ));
        let container = json!({ "name": "api", "image": self.image, "essential": true,
            "command": ["sh", "-c", SERVE], "portMappings": [{ "containerPort": 8080 }], "secrets": [{ "name": "S", "valueFrom": secret["ARN"] }],
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "g", "awslogs-region": REGION, "awslogs-stream-prefix": "api" } } });
        self.ecs("CreateCluster", &json!({ "clusterName": "c" }));
        self.ecs("RegisterTaskDefinition", &json!({ "family": "f", "networkMode": "awsvpc", "cpu": "256",
            "memory": "512", "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container] }));
        self.ecs("CreateService", &json!({ "cluster": "c", "serviceName": "s", "taskDefinition": "f",
            "desiredCount": 2, "launchType": "FARGATE",
            "loadBalancers": [{ "targetGroupArn": group, "containerName": "api", "containerPort": 8080 }],
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": [subnet] } } }));
        let both = || {
            let health =
                self.aws.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}"));
            let address = element(&health, "Id").map(str::to_owned);
            address.filter(|_| health.matches("<Id>").count() == 2)
        };
        until(both).await.expect("two targets")
    }

    async fn through_the_balancer(&self) -> String {
        let ask = || {
            let answer = request(("127.0.0.1", self.aws.port), "GET /_alb/b/index.html", &[], "")?;
            (answer.0 == 200).then_some(answer.1)
        };
        until(ask).await.expect("an answer").trim().to_owned()
    }

    async fn output(&self, line: &str) -> bool {
        let ask = || {
            let events = self
                .aws
                .json("logs", "Logs_20140328.FilterLogEvents", &json!({ "logGroupName": "g" }))
                .1;
            events.to_string().contains(line).then_some(())
        };
        until(ask).await.is_some()
    }

    async fn run_task(&self, script: &str) -> i64 {
        let container = json!({ "name": "once", "image": self.image, "essential": true,
            "command": ["sh", "-c", script] });
        self.ecs(
            "RegisterTaskDefinition",
            &json!({ "family": "once", "containerDefinitions": [container] }),
        );
        let run = self.ecs("RunTask", &json!({ "cluster": "c", "taskDefinition": "once" }));
        let which = json!({ "cluster": "c", "tasks": [run["tasks"][0]["taskArn"]] });
        until(|| {
            self.ecs("DescribeTasks", &which)["tasks"][0]["containers"][0]["exitCode"].as_i64()
        })
        .await
        .unwrap()
    }
}

/// Asks again until there is an answer, for as long as a slow machine may need.
async fn until<T>(ask: impl Fn() -> Option<T>) -> Option<T> {
    for _ in 0..300 {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

#[tokio::test]
async fn a_service_runs_as_containers_and_a_purge_leaves_none() {
    let Some(engine) = real().await else { return };
    let project = Project::new();
    let start = Start { region: REGION.to_owned(), docker: Docker::On(engine.clone()) };
    let started = project.start_as(&start).await;
    let repository = format!(
        "000000000000.dkr.ecr.{REGION}.amazonaws.com/{}",
        project.cloud.folder().instance()
    );
    let reference = format!("{repository}:one");
    let Some(image) = image(&reference) else { return };
    project.cloud.load_image(&engine, image, &reference).await.unwrap();
    project
        .cloud
        .tag_image(&engine, &format!("{repository}:one"), &repository, "two")
        .await
        .unwrap();
    assert!(engine.has_image(&format!("{repository}:two")).await.unwrap());
    assert!(!engine.has_image(&format!("{repository}:three")).await.unwrap());
    assert!(project.cloud.tag_image(&engine, "no-such-image", &repository, "x").await.is_err());

    let stack =
        Stack { aws: Aws { port: started.running.port }, image: format!("{repository}:two") };
    let address = stack.service().await;
    assert_eq!(stack.through_the_balancer().await, "hello s3cret");
    assert!(stack.output("serving with s3cret").await, "output arrives in the log group");
    assert_eq!(stack.run_task("exit 7").await, 7);

    project.cloud.stop(true, quiet).await.unwrap();
    assert!(request((&address, 8080), "GET /", &[], "").is_none(), "its container is gone");
    assert!(!engine.has_image(&format!("{repository}:one")).await.unwrap());
    assert!(!engine.has_image(&format!("{repository}:two")).await.unwrap());
    assert!(project.files().is_empty());
}

#[tokio::test]
async fn containers_of_a_killed_server_are_swept() {
    let Some(engine) = real().await else { return };
    let project = Project::new();
    let started = project
        .start_as(&Start { region: REGION.to_owned(), docker: Docker::On(engine.clone()) })
        .await;
    let reference = format!("{}:one", project.cloud.folder().instance());
    let Some(image) = image(&reference) else { return };
    project.cloud.load_image(&engine, image, &reference).await.unwrap();
    let aws = Aws { port: started.running.port };
    let ecs = |action: &str, body: &Value| {
        aws.json("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), body).1
    };
    ecs("CreateCluster", &json!({ "clusterName": "c" }));
    ecs(
        "RegisterTaskDefinition",
        &json!({ "family": "f", "containerDefinitions": [
        { "name": "api", "image": reference, "essential": true, "command": ["sleep", "600"] }] }),
    );
    ecs("RunTask", &json!({ "cluster": "c", "taskDefinition": "f" }));
    let running = || {
        let tasks = ecs("ListTasks", &json!({ "cluster": "c" }));
        let tasks = ecs("DescribeTasks", &json!({ "cluster": "c", "tasks": tasks["taskArns"] }));
        (tasks["tasks"][0]["lastStatus"] == "RUNNING").then_some(())
    };
    assert!(until(running).await.is_some(), "the task never ran");
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
