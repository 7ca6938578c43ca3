//! Plain calls to an emulator: as AWS's own documents spell them, without an SDK.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::{Error, Result};

/// A connection to an emulator that checks no signature.
pub struct Wire {
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Wire {
    #[must_use]
    pub fn new(url: &str) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(std::time::Duration::from_secs(2))
            .build_http();
        Self { url: url.into(), client }
    }

    /// A call of the query protocol; its XML.
    pub async fn query(&self, service: &str, version: &str, body: &str) -> Result<String> {
        let kind = "application/x-www-form-urlencoded";
        let request = self.request(Method::POST, "/", service).header("content-type", kind);
        self.send(request, format!("{body}&Version={version}")).await
    }

    /// A call of the JSON protocol.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = self
            .request(Method::POST, "/", service)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target);
        let text = self.send(request, body.to_string()).await?;
        serde_json::from_str(&text).map_err(|_| Error::Emulator(format!("{target}: {text}")))
    }

    /// What S3 answers at a path.
    pub async fn get(&self, path: &str) -> Result<String> {
        let request = self.request(Method::GET, path, "s3");
        self.send(request, String::new()).await
    }

    /// A call that is no service's.
    pub async fn post(&self, path: &str) -> Result<()> {
        let request = Request::builder().method(Method::POST).uri(format!("{}{path}", self.url));
        self.send(request, String::new()).await.map(drop)
    }

    fn request(&self, method: Method, path: &str, service: &str) -> http::request::Builder {
        let host = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let scope = format!("{KEY}/20260101/us-east-1/{service}/aws4_request");
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={}",
            "0".repeat(64)
        );
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("host", host)
            .header("authorization", signed)
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Result<String> {
        let broken = |error: &dyn std::fmt::Display| Error::Emulator(error.to_string());
        let request = request.body(Full::new(body.into())).map_err(|error| broken(&error))?;
        let answer = self.client.request(request).await.map_err(|error| broken(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() { Ok(text) } else { Err(Error::Emulator(text)) }
    }
}

/// The access key of whoever looks; the account is the emulator's own.
pub const KEY: &str = "AKIAPROOF00000000001";
