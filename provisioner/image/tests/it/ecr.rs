//! Against an emulator of ECR, if `PROVISIONER_TEST_PYTHON` names a Python that has `ministack`.

use std::path::PathBuf;

use image::{Error, Layout, Recipe, Registry, copy};
use local::Emulator;
use tempfile::TempDir;

use crate::program::{X86_64, elf, noise, write};

struct Ecr {
    host: String,
    _server: Emulator,
}

impl Ecr {
    async fn start() -> Self {
        let python = std::env::var_os("PROVISIONER_TEST_PYTHON").map(PathBuf::from);
        let python = python.unwrap_or_else(|| "python3".into());
        let server = Emulator::ministack(&python, &[]).await.expect("a Python with ministack");
        Self { host: server.endpoint().trim_start_matches("http://").into(), _server: server }
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
    assert!(
        matches!(&error, Error::NoRepository { repository, .. } if repository == "dev/api"),
        "{error}"
    );

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
