//! An AWS that gives prepared answers, in place of the network: for what no emulator answers. No
//! endpoint is named, so everything behaves as in front of AWS itself.

use std::fmt;
use std::sync::Arc;

use aws::Aws;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// Status and body.
pub(crate) type Answer = (u16, Value);

/// Answers an operation, `DescribeServices` for example, and its body.
type Script = dyn Fn(&str, &Value) -> Answer + Send + Sync;

#[derive(Clone)]
struct Answers(Arc<Script>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let (status, body) = (self.0)(operation, &serde_json::from_slice(body).unwrap_or_default());
        let status = status.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

/// An account whose services, those that speak JSON, answer as `answer` says.
pub(crate) fn aws(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Aws {
    let answers = Answers(Arc::new(answer));
    let connector = move |_: &_, _: &_| SharedHttpConnector::new(answers.clone());
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    Aws::new(
        &SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(connector))
            .build(),
    )
}

/// An error as the JSON protocols answer it.
pub(crate) fn refusal(code: &str, message: &str) -> Answer {
    (400, serde_json::json!({"__type": code, "message": message}))
}
