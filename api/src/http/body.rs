//! Reading JSON bodies: one object, every complaint collected, nothing read through a float.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use serde_json::value::RawValue;

use crate::{
    app::Shared,
    http::context::Context,
    payment::Status,
    payment::data::{Data, DataError, Members},
    payment::money::{Money, MoneyError},
    problem::{Code, Complaint, FieldError, Problem},
};

/// A body that is too large is still heard out up to so many times the limit: a client that is cut off in the middle of
/// sending often never sees the answer.
const HEARD_OUT: usize = 8;
/// Unknown fields that are named at most.
const UNKNOWN_FIELDS: usize = 20;

/// The bytes of a JSON body, with the media type and the size already judged.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl FromRequest<Shared> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        if !is_plain_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        let context = request.extensions().get::<Arc<Context>>().cloned();
        let receiving = |now| {
            if let Some(context) = &context {
                context.receiving.store(now, Ordering::Relaxed);
            }
        };
        receiving(true);
        let bytes = receive(request.into_body(), app.settings.body_limit).await;
        receiving(false);
        bytes.map(Self)
    }
}

/// Whether the body is said to be JSON in UTF-8, without a coding around it.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let coding = text(header::CONTENT_ENCODING).trim_ascii();
    let mut parts = text(header::CONTENT_TYPE).split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let kind = parts.next().unwrap_or_default();
    let charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_at_checked(8)?;
        name.eq_ignore_ascii_case(b"charset=").then_some(value)
    });
    (coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
        && kind.eq_ignore_ascii_case(b"application/json")
        && charsets.into_iter().all(|charset| {
            let charset = charset.strip_prefix(b"\"").unwrap_or(charset);
            let charset = charset.strip_suffix(b"\"").unwrap_or(charset);
            charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8")
        })
}

async fn receive(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::InvalidRequest))?;
        let Some(data) = frame.data_ref() else { continue };
        size += data.len();
        if size <= limit {
            bytes.extend_from_slice(data);
        } else if size > limit.saturating_mul(HEARD_OUT) {
            break;
        }
    }
    if size <= limit {
        return Ok(bytes.freeze());
    }
    Err(Problem::new(Code::BodyTooLarge).detail(
        format!("The body is larger than {limit} bytes."),
        format!("O corpo é maior que {limit} bytes."),
    ))
}

/// The fields of one JSON object, taken one by one.
pub(crate) struct Fields<'a> {
    prefix: String,
    members: Members<'a>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Reads the whole body.
    ///
    /// # Errors
    /// `malformed_json` when it is not one JSON object.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let members = serde_json::from_slice(bytes).map_err(|error| {
            Problem::new(Code::MalformedJson).detail(
                format!(
                    "The body is not one JSON object: line {}, column {}.",
                    error.line(),
                    error.column()
                ),
                format!(
                    "O corpo não é um único objeto JSON: linha {}, coluna {}.",
                    error.line(),
                    error.column()
                ),
            )
        })?;
        Ok(Self { prefix: String::new(), members, errors: Vec::new() })
    }

    /// Takes a field out; a second one of the same name is a complaint.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = None;
        let mut twice = false;
        self.members.0.retain(|(key, value)| {
            let same = key == name;
            if same {
                twice |= found.is_some();
                found = Some(*value);
            }
            !same
        });
        if twice {
            self.complain(name, Complaint::Duplicate);
        }
        found
    }

    /// Takes an object out, as fields of its own that complain under its pointer.
    pub(crate) fn take_object(&mut self, name: &str) -> Option<Fields<'a>> {
        let Some(value) = self.take(name) else {
            self.complain(name, Complaint::Required);
            return None;
        };
        let Ok(members) = serde_json::from_str(value.get()) else {
            self.complain(name, Complaint::NotAnObject);
            return None;
        };
        Some(Fields { prefix: self.pointer(name), members, errors: Vec::new() })
    }

    /// Adds the complaints of an inner object, with those about its unknown fields.
    pub(crate) fn absorb(&mut self, inner: Fields<'_>) {
        self.errors.extend(inner.complaints());
    }

    /// Takes an amount in the challenge's form: a text by grammar or a JSON number.
    pub(crate) fn take_amount(&mut self, name: &str) -> Option<Money> {
        let Some(value) = self.take(name) else {
            self.complain(name, Complaint::Required);
            return None;
        };
        let amount = match value.get().as_bytes().first() {
            Some(b'"') => {
                text_of(value).map_or(Err(MoneyError::Format), |text| Money::parse(&text))
            }
            Some(b'-' | b'0'..=b'9') => Money::parse_number(value.get()),
            _ => Err(MoneyError::Format),
        };
        self.amount(name, amount)
    }

    /// Keeps an amount or complains about it.
    pub(crate) fn amount(
        &mut self,
        name: &str,
        amount: Result<Money, MoneyError>,
    ) -> Option<Money> {
        amount.map_err(|error| self.complain(name, money_complaint(error))).ok()
    }

    /// Takes the free JSON of a payment; absent is the empty object.
    pub(crate) fn take_data(&mut self, name: &str) -> Data {
        let Some(value) = self.take(name) else { return Data::empty() };
        Data::parse(value).unwrap_or_else(|error| {
            let complaint = match error {
                DataError::Syntax => Complaint::DataText,
                DataError::TooDeep => Complaint::DataTooDeep,
                DataError::DuplicateKey => Complaint::DataDuplicateKey,
                DataError::NullCharacter => Complaint::DataNullCharacter,
                DataError::Number => Complaint::DataNumber,
                DataError::TooManyExponents => Complaint::DataExponents,
            };
            self.complain(name, complaint);
            Data::empty()
        })
    }

    /// Takes a status.
    pub(crate) fn take_status(&mut self, name: &str, required: bool) -> Option<Status> {
        let Some(value) = self.take(name) else {
            if required {
                self.complain(name, Complaint::Required);
            }
            return None;
        };
        let status = text_of(value).and_then(|text| Status::from_name(&text));
        if status.is_none() {
            self.complain(name, Complaint::UnknownStatus);
        }
        status
    }

    pub(crate) fn complain(&mut self, name: &str, complaint: Complaint) {
        self.errors.push(FieldError::new(self.pointer(name), complaint));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `validation_failed` with every complaint, those about unknown fields included.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let errors = self.complaints();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(Code::ValidationFailed, errors))
        }
    }

    fn complaints(mut self) -> Vec<FieldError> {
        let unknown = self.members.0.iter().map(|(name, _)| self.pointer(name));
        // Each would be answered with more bytes than it was sent with.
        let unknown: Vec<_> = unknown.take(UNKNOWN_FIELDS).collect();
        let unknown = unknown.into_iter();
        self.errors.extend(unknown.map(|name| FieldError::new(name, Complaint::UnknownField)));
        self.errors
    }

    /// RFC 6901.
    fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.prefix, name.replace('~', "~0").replace('/', "~1"))
    }
}

/// The value of a JSON text.
pub(crate) fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn money_complaint(error: MoneyError) -> Complaint {
    match error {
        MoneyError::Format => Complaint::AmountFormat,
        MoneyError::Ambiguous => Complaint::AmountAmbiguous,
        MoneyError::TooPrecise => Complaint::AmountTooPrecise,
        MoneyError::NotPositive => Complaint::AmountNotPositive,
        MoneyError::TooLarge => Complaint::AmountTooLarge,
    }
}
