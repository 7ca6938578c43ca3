//! Every error a client can see, as RFC 9457 problem details in English and Brazilian Portuguese.
//!
//! A [`Problem`] travels inside the response's extensions; the outermost layer writes the body, because only it knows the
//! request's language and ids.

mod codes;
mod complaints;

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

pub(crate) use codes::Code;
pub(crate) use complaints::Complaint;

/// The languages of problem texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Portuguese,
}

impl Language {
    /// Chooses by `Accept-Language`: the first listed of the languages we have, ordered by quality.
    #[must_use]
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        let Some(accepted) =
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok())
        else {
            return Self::English;
        };
        let mut best = (0.0_f32, Self::English);
        for item in accepted.split(',') {
            let (range, parameters) = item.split_once(';').unwrap_or((item, ""));
            let quality = parameters
                .trim()
                .strip_prefix("q=")
                .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            let language = match range.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("pt") => Self::Portuguese,
                Some("en") => Self::English,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// The BCP 47 tag for `Content-Language`.
    #[must_use]
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt-BR",
        }
    }
}

/// One text in both languages.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub english: Cow<'static, str>,
    pub portuguese: Cow<'static, str>,
}

impl Text {
    #[must_use]
    pub(crate) fn new(
        english: impl Into<Cow<'static, str>>,
        portuguese: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { english: english.into(), portuguese: portuguese.into() }
    }

    #[must_use]
    pub(crate) fn to(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Portuguese => &self.portuguese,
        }
    }
}

/// What is wrong with one field of a body or one parameter.
#[derive(Clone, Debug)]
pub(crate) struct FieldError {
    /// A JSON pointer into the body, or the parameter's name.
    pub pointer: String,
    pub complaint: Complaint,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, complaint: Complaint) -> Self {
        Self { pointer: pointer.into(), complaint }
    }
}

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub code: Code,
    pub detail: Option<Box<Text>>,
    pub errors: Vec<FieldError>,
    /// The present state of the resource, where a conflict is easier to solve with it.
    pub current: Option<serde_json::Value>,
    pub headers: Box<HeaderMap>,
}

impl Problem {
    #[must_use]
    pub(crate) fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), current: None, headers: Box::default() }
    }

    #[must_use]
    pub(crate) fn invalid(code: Code, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(code) }
    }

    #[must_use]
    pub(crate) fn detail(
        mut self,
        english: impl Into<Cow<'static, str>>,
        portuguese: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.detail = Some(Box::new(Text::new(english, portuguese)));
        self
    }

    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// Sets `Retry-After`, in whole seconds and at least one.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, seconds.max(1))
    }

    /// Writes the body.
    #[must_use]
    pub(crate) fn render(self, language: Language, request_id: &str, trace_id: &str) -> Response {
        let (title, detail) =
            (self.code.title(), self.detail.unwrap_or_else(|| Box::new(self.code.meaning())));
        let document = Document {
            r#type: format!("/problems/{}", self.code.name()),
            title: title.to(language),
            status: self.code.status().as_u16(),
            detail: detail.to(language),
            instance: format!("urn:request:{}", uri_text(request_id)),
            code: self.code.name(),
            errors: self.errors.iter().map(|error| FieldDocument::new(error, language)).collect(),
            current: self.current.as_ref(),
            request_id,
            trace_id,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(*self.headers);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(Box::new(self));
        response
    }
}

/// A text with everything percent-encoded that may not stand in a URI (RFC 3986 section 2).
fn uri_text(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The problem that stands for a bare status of the router or a library.
#[must_use]
pub(crate) fn for_status(status: StatusCode) -> Option<Problem> {
    Code::ALL
        .iter()
        .find(|code| code.status() == status && code.is_generic())
        .copied()
        .map(Problem::new)
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a serde_json::Value>,
    request_id: &'a str,
    trace_id: &'a str,
}

#[derive(Serialize)]
struct FieldDocument<'a> {
    pointer: &'a str,
    code: &'static str,
    detail: String,
}

impl<'a> FieldDocument<'a> {
    fn new(error: &'a FieldError, language: Language) -> Self {
        let FieldError { pointer, complaint } = error;
        let detail = complaint.text().to(language).to_owned();
        Self { pointer, code: complaint.code(), detail }
    }
}
