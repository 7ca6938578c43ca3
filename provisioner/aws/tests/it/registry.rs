//! Where images go: the registry beside the named endpoint, or ECR's own with its password.

use aws::Aws;
use aws::registry::Registry;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use engine::Class;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answers;
use crate::emulator::{Emulator, config};

const REGION: &str = "us-east-1";
const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

#[tokio::test]
async fn the_registry_is_where_the_endpoint_is() {
    let emulator = Emulator::get().await;
    let registry = emulator.connect().registry(HOST, REGION).await.unwrap();
    assert_eq!(format!("http://{}", registry.host), emulator.url());
    assert!(registry.plain_http && registry.credentials.0 == "AWS", "{registry:?}");
    if emulator.is_moto() {
        return;
    }
    // Somebody who speaks the registry protocol answers there.
    let mut stream = TcpStream::connect(&registry.host).await.unwrap();
    let request =
        format!("GET /v2/ HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", registry.host);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Of all of `AWS_ENDPOINT_URL_<SERVICE>`.
#[derive(Debug)]
struct Endpoint(&'static str, String);

impl LoadServiceConfig for Endpoint {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == self.0).then(|| self.1.clone())
    }
}

#[tokio::test]
async fn the_endpoint_of_ecr_goes_before_that_of_all_services() {
    let emulator = Emulator::get().await;
    let with = |all: &str, id, url: &str| {
        let own = Endpoint(id, url.to_owned());
        Aws::new(&config(all).to_builder().service_config(own).build())
    };
    let nobody = "http://127.0.0.1:9";
    let own = with(nobody, "ECR", emulator.url()).registry(HOST, REGION).await.unwrap();
    assert_eq!(format!("http://{}", own.host), emulator.url());
    let shared = with(emulator.url(), "ECS", nobody).registry(HOST, REGION).await.unwrap();
    assert_eq!(format!("http://{}", shared.host), emulator.url());
}

#[tokio::test]
async fn the_password_of_ecr_is_decoded_and_not_printed() {
    let aws = answers::aws(|operation, _| {
        assert_eq!(operation, "GetAuthorizationToken");
        // AWS:eyJ:x
        let token = json!({"authorizationToken": "QVdTOmV5Sjp4", "proxyEndpoint": HOST});
        (200, json!({"authorizationData": [token]}))
    });
    let registry = aws.registry(HOST, REGION).await.unwrap();
    assert!(!format!("{registry:?}").contains("eyJ"));
    let credentials = ("AWS".to_owned(), "eyJ:x".to_owned());
    assert_eq!(registry, Registry { host: HOST.into(), credentials, plain_http: false });
}

/// A password of one Region is not said to be good in another.
#[tokio::test]
async fn the_password_is_asked_for_in_the_registrys_region() {
    let aws = answers::served(None, |request| {
        assert!(request.uri().contains("ecr.us-east-1.amazonaws.com"), "{}", request.uri());
        let token = json!({"authorizationToken": "QVdTOmV5Sjp4"});
        let body = json!({"authorizationData": [token]}).to_string();
        HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body))
    });
    assert_ne!(answers::REGION, REGION);
    aws.registry(HOST, REGION).await.unwrap();
}

#[tokio::test]
async fn a_refused_or_empty_answer_is_an_error() {
    let refused = answers::aws(|_, _| answers::refusal("AccessDeniedException", "not allowed"));
    assert!(refused.registry(HOST, REGION).await.unwrap_err().is(Class::Denied));
    let broken = json!({"authorizationData": [{"authorizationToken": "c2VjcmV0"}]});
    let empty = answers::aws(move |_, _| (200, broken.clone()));
    let error = empty.registry(HOST, REGION).await.unwrap_err();
    assert!(error.is(Class::Invalid) && !error.message.contains("secret"), "{error}");
}
