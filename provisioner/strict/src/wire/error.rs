//! Errors in the document that each protocol has for them.

use bytes::Bytes;
use http::StatusCode;

use super::Protocol;
use super::xml::escape;

/// An error that AWS would have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Fault {
    /// A refusal: HTTP 400.
    pub(crate) fn refusal(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// With another HTTP status than 400 (IAM's and S3's conflicts are 409).
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The answer, as the caller's protocol writes it.
    pub(crate) fn answer(
        &self,
        protocol: Protocol,
        service: &str,
        request_id: &str,
    ) -> http::Response<Bytes> {
        let (code, message, id) = (escape(&self.code), escape(&self.message), escape(request_id));
        let (kind, body) = match protocol {
            Protocol::Ec2 => (
                "text/xml;charset=UTF-8",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
                ),
            ),
            Protocol::Query => (
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                    namespace(service),
                    if self.status < 500 { "Sender" } else { "Receiver" },
                ),
            ),
            Protocol::S3 => (
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId><HostId>strict</HostId></Error>"
                ),
            ),
            Protocol::Json(version) => {
                let kind = if version == "1.0" {
                    "application/x-amz-json-1.0"
                } else {
                    "application/x-amz-json-1.1"
                };
                let shape = match service {
                    "dynamodb" => format!("com.amazonaws.dynamodb.v20120810#{}", self.code),
                    _ => self.code.clone(),
                };
                (kind, serde_json::json!({ "__type": shape, "message": self.message }).to_string())
            }
            Protocol::Opaque => (
                "application/json",
                serde_json::json!({ "code": self.code, "message": self.message }).to_string(),
            ),
        };
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        if let Ok(id) = http::HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        if matches!(protocol, Protocol::Opaque)
            && let Ok(code) = http::HeaderValue::from_str(&self.code)
        {
            headers.insert("x-amzn-errortype", code);
        }
        response
    }
}

fn namespace(service: &str) -> &'static str {
    match service {
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    }
}

/// The error code and message in an answer, whatever its protocol.
pub(crate) fn read(
    protocol: Protocol,
    response: &http::Response<Bytes>,
) -> Option<(String, String)> {
    if response.status().as_u16() < 400 {
        return None;
    }
    let text = std::str::from_utf8(response.body()).unwrap_or_default();
    let found = match protocol {
        Protocol::Json(_) | Protocol::Opaque => {
            serde_json::from_str::<serde_json::Value>(text).ok().and_then(|v| {
                let code = v.get("__type").or_else(|| v.get("code"))?.as_str()?;
                let message = v
                    .get("message")
                    .or_else(|| v.get("Message"))
                    .and_then(|m| m.as_str())
                    .unwrap_or_default();
                Some((code.rsplit('#').next().unwrap_or(code).to_owned(), message.to_owned()))
            })
        }
        Protocol::Ec2 | Protocol::Query | Protocol::S3 => super::xml::Element::parse(text)
            .and_then(|mut root| {
                let error = root.find_mut("Error")?;
                Some((error.get("Code").to_owned(), error.get("Message").to_owned()))
            }),
    };
    Some(found.unwrap_or_else(|| (response.status().as_u16().to_string(), String::new())))
}
