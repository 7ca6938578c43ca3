//! An answer's content: read as JSON for the log and the model, changed in place where time or paging asks for it.

use bytes::Bytes;
use serde_json::Value;

use super::Protocol;
use super::xml::Element;

/// What an answer carries.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Xml(Element),
    Json(Value),
    /// Nothing that is judged: an object's bytes, an empty body, an encoding unknown here.
    Opaque,
}

impl Content {
    pub(crate) fn read(protocol: Protocol, response: &http::Response<Bytes>) -> Self {
        if response.headers().contains_key(http::header::CONTENT_ENCODING) {
            return Self::Opaque;
        }
        match protocol {
            Protocol::Ec2 | Protocol::Query => std::str::from_utf8(response.body())
                .ok()
                .and_then(Element::parse)
                .map_or(Self::Opaque, Self::Xml),
            Protocol::Json(_) => {
                serde_json::from_slice(response.body()).map_or(Self::Opaque, Self::Json)
            }
            Protocol::S3 | Protocol::Opaque => Self::Opaque,
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Xml(root) => {
                // Query services wrap the content in `<Operation>Result`.
                let result = root.children.iter().find(|c| c.name.ends_with("Result"));
                result.unwrap_or(root).to_value()
            }
            Self::Json(value) => value.clone(),
            Self::Opaque => Value::Null,
        }
    }

    /// The body to send instead; `None` for content that was never read.
    pub(crate) fn write(&self) -> Option<Bytes> {
        match self {
            Self::Xml(root) => Some(Bytes::from(root.write())),
            Self::Json(value) => Some(Bytes::from(value.to_string())),
            Self::Opaque => None,
        }
    }
}
