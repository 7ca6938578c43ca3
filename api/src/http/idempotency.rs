//! Idempotency keys: how they are sent and what they are bound to.

use http::HeaderMap;

use crate::{
    problem::{Code, Complaint, FieldError, Problem},
    settings::Idempotency,
};

/// Reads `Idempotency-Key` (a quoted structured-field string, or bare) or `X-Idempotency-Key`.
///
/// # Errors
/// When a key is malformed, or missing where it is required.
pub(crate) fn key(headers: &HeaderMap, mode: Idempotency) -> Result<Option<String>, Problem> {
    let Some(sent) = headers.get("idempotency-key").or_else(|| headers.get("x-idempotency-key"))
    else {
        return match mode {
            Idempotency::Optional => Ok(None),
            Idempotency::Required => Err(Problem::new(Code::IdempotencyKeyMissing)),
        };
    };
    let text = sent.to_str().unwrap_or_default().trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').unwrap_or_default(),
        None => text,
    };
    if (1..=255).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
    {
        return Ok(Some(key.to_owned()));
    }
    let error = FieldError::new("Idempotency-Key", Complaint::IdempotencyKeyFormat);
    Err(Problem::invalid(Code::InvalidParameter, vec![error]))
}
