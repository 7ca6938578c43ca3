//! The wire protocols of AWS: which operation a request is, its parameters and an answer's content as JSON of one
//! form for all protocols, and errors in the shape each protocol has.

pub(crate) mod answer;
pub(crate) mod error;
pub(crate) mod query;
pub(crate) mod rest;
pub(crate) mod signature;
pub(crate) mod xml;

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;

/// How a request is written, and so how its errors must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Form in, XML out, with EC2's own error document.
    Ec2,
    /// Form in, XML out.
    Query,
    /// `x-amz-target` and JSON, content type `application/x-amz-json-<version>`.
    Json(&'static str),
    /// S3's REST dialect.
    S3,
    /// Anything else (other REST services, RPC v2 CBOR): named in the log, never judged.
    Opaque,
}

/// One API request, identified.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) protocol: Protocol,
    /// The name used in signatures: `ec2`, `elasticloadbalancing`, `ecs`, ...
    pub(crate) service: String,
    pub(crate) operation: String,
    /// Lists are arrays, whatever the protocol calls their members.
    pub(crate) parameters: Value,
    /// The access key when it has the form of an account number (MiniStack's convention), else zeros.
    pub(crate) account: String,
    pub(crate) region: String,
    /// The access key id that signed.
    pub(crate) principal: String,
}

impl Request {
    /// Identifies a request; `None` when it is no signed API call (a load balancer's traffic, a health check).
    pub(crate) fn identify(parts: &Parts, body: &Bytes) -> Option<Self> {
        let path = parts.uri.path();
        if path.starts_with("/_") {
            return None;
        }
        let scope = signature::Scope::of(parts)?;
        let target = parts.headers.get("x-amz-target").and_then(|v| v.to_str().ok());
        let kind = parts
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let (protocol, operation, parameters) = if let Some(target) = target {
            let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
            let version = if kind.ends_with("1.0") { "1.0" } else { "1.1" };
            (
                Protocol::Json(version),
                operation,
                serde_json::from_slice(body).unwrap_or(Value::Null),
            )
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            let (operation, parameters) = query::parse(body)?;
            let protocol = if scope.service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
            (protocol, operation, parameters)
        } else if scope.service == "s3" {
            let (operation, mut parameters) = rest::s3(parts);
            if operation == "PutBucketPolicy" {
                parameters["Policy"] = String::from_utf8_lossy(body).into();
            }
            (Protocol::S3, operation, parameters)
        } else {
            let operation = match path.rsplit_once("/operation/") {
                Some((_, operation)) => operation.to_owned(),
                None => format!("{} {path}", parts.method),
            };
            (Protocol::Opaque, operation, Value::Null)
        };
        Some(Self {
            protocol,
            operation,
            parameters,
            account: scope.account(),
            // The one API whose calls are signed under another name than IAM has for it.
            service: if scope.service == "tagging" { "tag".into() } else { scope.service },
            region: scope.region,
            principal: scope.key,
        })
    }

    /// `service:Operation`.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// Whether the operation changes anything.
    pub(crate) fn mutating(&self) -> bool {
        mutating(&self.service, &self.operation)
    }
}

/// Whether an operation changes anything. Decided by AWS's verb conventions.
pub(crate) fn mutating(service: &str, operation: &str) -> bool {
    const READS: [&str; 23] = [
        "Describe",
        "Get",
        "List",
        "Head",
        "BatchGet",
        "BatchCheck",
        "Query",
        "Scan",
        "Simulate",
        "Lookup",
        "Search",
        "Filter",
        "Test",
        "Validate",
        "Decode",
        "Preview",
        "Assume",
        "StartQuery",
        "StopQuery",
        "TransactGet",
        "Select",
        // Requests of services whose operations are not told from their paths.
        "GET ",
        "HEAD ",
    ];
    service != "sts" && !READS.iter().any(|verb| operation.starts_with(verb))
}
