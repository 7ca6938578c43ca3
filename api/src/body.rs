//! Reading JSON bodies: one object, every complaint collected, nothing read through a float.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use bytes::BytesMut;
use http::header;
use http_body_util::BodyExt;
use serde_json::value::RawValue;

use crate::{
    app::Shared,
    context::Context,
    data::{Data, DataError, Members},
    money::{Money, MoneyError},
    payment::Status,
    problem::{Code, FieldError, Problem, Text},
};

/// A body that is too large is still heard out up to so many times the limit: a client that is cut off in the middle of
/// sending often never sees the answer.
const HEARD_OUT: usize = 8;

/// The bytes of a JSON body, with the media type and the size already judged.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl FromRequest<Shared> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !kind.eq_ignore_ascii_case(b"application/json") {
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
            self.complain(name, "duplicate", "appears more than once", "aparece mais de uma vez");
        }
        found
    }

    /// Takes an object out, as fields of its own that complain under its pointer.
    pub(crate) fn take_object(&mut self, name: &str) -> Option<Fields<'a>> {
        let Some(value) = self.take(name) else {
            self.complain(name, "required", "is required", "é obrigatório");
            return None;
        };
        let Ok(members) = serde_json::from_str(value.get()) else {
            self.complain(name, "wrong_type", "is an object", "é um objeto");
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
            self.complain(name, "required", "is required", "é obrigatório");
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
        amount.map_err(|error| self.errors.push(money_error(self.pointer(name), error))).ok()
    }

    /// Takes the free JSON of a payment; absent is the empty object.
    pub(crate) fn take_data(&mut self, name: &str) -> Data {
        let Some(value) = self.take(name) else { return Data::empty() };
        Data::parse(value).unwrap_or_else(|error| {
            let (code, english, portuguese) = match error {
                DataError::Syntax => (
                    "data_text",
                    "has a text that is not Unicode",
                    "tem um texto que não é Unicode",
                ),
                DataError::TooDeep => {
                    ("data_too_deep", "is nested too deeply", "tem níveis demais")
                }
                DataError::DuplicateKey => {
                    ("duplicate", "has a key twice in one object", "repete uma chave em um objeto")
                }
                DataError::NullCharacter => {
                    ("data_null_character", "has the character U+0000", "tem o caractere U+0000")
                }
                DataError::Number => (
                    "data_number",
                    "has a number of more than 40 characters when it is written without an exponent",
                    "tem um número com mais de 40 caracteres quando escrito sem expoente",
                ),
                DataError::TooManyExponents => (
                    "data_number",
                    "has numbers whose exponents make it more than twice as long when written out",
                    "tem números cujos expoentes o deixam com mais que o dobro do tamanho por extenso",
                ),
            };
            self.complain(name, code, english, portuguese);
            Data::empty()
        })
    }

    /// Takes a status.
    pub(crate) fn take_status(&mut self, name: &str, required: bool) -> Option<Status> {
        let Some(value) = self.take(name) else {
            if required {
                self.complain(name, "required", "is required", "é obrigatório");
            }
            return None;
        };
        let status = text_of(value).and_then(|text| Status::from_name(&text));
        if status.is_none() {
            self.complain(
                name,
                "unknown_status",
                "is inserted or consumed",
                "é inserted ou consumed",
            );
        }
        status
    }

    pub(crate) fn complain(
        &mut self,
        name: &str,
        code: &'static str,
        english: &'static str,
        portuguese: &'static str,
    ) {
        self.errors.push(FieldError {
            pointer: self.pointer(name),
            code,
            text: Text::new(english, portuguese),
        });
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
        let unknown: Vec<String> =
            self.members.0.iter().map(|(name, _)| self.pointer(name)).collect();
        self.errors.extend(unknown.into_iter().map(|pointer| FieldError {
            pointer,
            code: "unknown_field",
            text: Text::new("is not a field of this object", "não é um campo deste objeto"),
        }));
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

fn money_error(pointer: String, error: MoneyError) -> FieldError {
    let (code, portuguese) = match error {
        MoneyError::Format => (
            "amount_format",
            "um valor é escrito 12.345,67 ou 12345.67, com exatamente duas casas decimais",
        ),
        MoneyError::Ambiguous => (
            "amount_ambiguous",
            "o valor é ambíguo: um ponto seguido de três algarismos pode separar milhares ou decimais",
        ),
        MoneyError::TooPrecise => {
            ("amount_too_precise", "um valor tem no máximo duas casas decimais")
        }
        MoneyError::NotPositive => ("amount_not_positive", "um valor é maior que zero"),
        MoneyError::TooLarge => ("amount_too_large", "um valor é no máximo 9.999.999.999.999,99"),
    };
    FieldError { pointer, code, text: Text::new(error.to_string(), portuguese) }
}
