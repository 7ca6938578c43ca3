//! Against an emulator of ECR, if `PROVISIONER_TEST_PYTHON` names a Python that has `ministack`.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use image::{Error, Layout, Recipe, Registry, copy};
use tempfile::TempDir;

use crate::program::{X86_64, elf, noise, write};

/// Runs the server as its child and ends it when the test process is gone.
const KEEPER: &str = "
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
server.terminate()
try:
    server.wait(5)
except subprocess.TimeoutExpired:
    server.kill()
";

struct Ecr {
    host: String,
    keeper: Child,
}

impl Drop for Ecr {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.keeper.stdin.take());
        let _it_has_no_more_to_say = self.keeper.wait();
    }
}

impl Ecr {
    async fn start() -> Self {
        let python = std::env::var("PROVISIONER_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut keeper = Command::new(&python)
            .args(["-c", KEEPER, &python, "-m", "ministack"])
            .env("GATEWAY_PORT", port.to_string())
            // No task starts here, on no machine.
            .env("DOCKER_HOST", "unix:///no-engine.sock")
            .env("BIND_HOST", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{python}: {error}"));
        let host = format!("127.0.0.1:{port}");
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(&*host).await.is_ok() {
                return Self { host, keeper };
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let _already_gone = keeper.kill();
        let _status = keeper.wait();
        panic!("no emulator answers: does {python} have ministack?");
    }

    async fn create(&self, repository: &str) {
        let target = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
        let body = serde_json::json!({
            "repositoryName": repository,
            "imageTagMutability": "IMMUTABLE",
        });
        let scope = "Credential=test/20261121/us-east-1/ecr/aws4_request";
        let answer = reqwest::Client::new()
            .post(format!("http://{}/", self.host))
            .header("x-amz-target", target)
            .header("authorization", format!("AWS4-HMAC-SHA256 {scope}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
}

fn image(payload: &[u8]) -> Layout {
    let folder = TempDir::new().unwrap();
    let program = write(folder.path(), "api", &elf(X86_64, None, payload));
    Layout::of_program(&program, &Recipe::default()).unwrap()
}

#[tokio::test]
async fn ecr_takes_an_image_and_promotes_it() {
    let ecr = Ecr::start().await;
    let registry = Registry::new(&ecr.host, None, true).unwrap();
    let (first, second) = (image(&noise(17 << 20)), image(b"two"));
    let error = registry.push(&first, "dev/api", Some("v1")).await.unwrap_err();
    assert!(matches!(&error, Error::Absent { what, .. } if what.contains("dev/api")), "{error}");

    ecr.create("dev/api").await;
    ecr.create("prod/api").await;
    assert_eq!(registry.push(&first, "dev/api", Some("v1")).await.unwrap(), first.digest);
    registry.push(&first, "dev/api", Some("v1")).await.expect("the same again is fine");
    let error = registry.push(&second, "dev/api", Some("v1")).await.unwrap_err();
    assert!(matches!(&error, Error::Immutable { tag, .. } if tag == "v1"), "{error}");

    let digest = copy((&registry, "dev/api"), "v1", (&registry, "prod/api"), Some("r1")).await;
    assert_eq!(digest.unwrap(), first.digest);
    let inspected = registry.inspect("prod/api", "r1").await.unwrap();
    assert_eq!(inspected.digest, first.digest);
    inspected.require(first.architecture, "r1").unwrap();
    registry.inspect("prod/api", first.digest.as_str()).await.unwrap();
}
