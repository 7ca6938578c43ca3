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

/// Where these accounts are.
pub(crate) const REGION: &str = "eu-central-1";

/// Status and body.
pub(crate) type Answer = (u16, Value);

/// Answers a request.
type Script = dyn Fn(&HttpRequest) -> HttpResponse + Send + Sync;

#[derive(Clone)]
struct Answers(Arc<Script>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok((self.0)(&request)))
    }
}

/// An account whose answers are made whole: at AWS, or at an endpoint that the user named.
pub(crate) fn served(
    endpoint: Option<&str>,
    answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
) -> Aws {
    served_in(REGION, endpoint, answer)
}

/// The same in another Region.
pub(crate) fn served_in(
    region: &'static str,
    endpoint: Option<&str>,
    answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
) -> Aws {
    let answers = Answers(Arc::new(answer));
    let connector = move |_: &_, _: &_| SharedHttpConnector::new(answers.clone());
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client_fn(connector));
    config.set_endpoint_url(endpoint.map(Into::into));
    Aws::new(&config.build())
}

/// An account that answers with a status and a body.
pub(crate) fn at(
    endpoint: Option<&str>,
    answer: impl Fn(&HttpRequest) -> (u16, String) + Send + Sync + 'static,
) -> Aws {
    served(endpoint, move |request| {
        let (status, body) = answer(request);
        response(status, body)
    })
}

/// An answer with the header that every service sends.
pub(crate) fn response(status: u16, body: String) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body));
    response.headers_mut().insert("x-amzn-requestid", "r-1");
    response
}

/// An account at AWS whose services, those that speak JSON, answer an operation, `DescribeServices` for
/// example, and its body.
pub(crate) fn aws(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Aws {
    at(None, move |request| {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let (status, body) = answer(operation, &serde_json::from_slice(body).unwrap_or_default());
        (status, body.to_string())
    })
}

/// An error as the JSON protocols answer it.
pub(crate) fn refusal(code: &str, message: &str) -> Answer {
    (400, serde_json::json!({"__type": code, "message": message}))
}
