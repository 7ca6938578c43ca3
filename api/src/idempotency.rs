//! Idempotency keys: how they are sent, what they are bound to, and which are in use in this process.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use http::HeaderMap;

use crate::{
    problem::{Code, FieldError, Problem, Text},
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
    let text = Text::new(
        "is 1 to 255 visible ASCII characters",
        "tem de 1 a 255 caracteres ASCII visíveis",
    );
    let error =
        FieldError { pointer: "Idempotency-Key".to_owned(), code: "idempotency_key_format", text };
    Err(Problem::invalid(Code::InvalidParameter, vec![error]))
}

/// The keys that this process is working on. Another process is seen through the database's advisory lock.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<(String, String)>>);

impl InFlight {
    /// Takes a key until the guard is dropped; `None` when it is taken.
    pub(crate) fn take(&self, scope: &str, key: &str) -> Option<Taken<'_>> {
        let entry = (scope.to_owned(), key.to_owned());
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        fresh.then_some(Taken { keys: self, entry })
    }
}

pub(crate) struct Taken<'a> {
    keys: &'a InFlight,
    entry: (String, String),
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}
