//! The SDK's errors as the engine's: AWS's own code, message and request id, and what the failure
//! means for the next step.

mod codes;

use std::error::Error as StdError;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use engine::{Class, Error};

use self::codes::of_code;
use crate::client::emulated;
use crate::client::http::AtHost;

/// The message when no source had any credentials.
pub const NO_CREDENTIALS: &str = "there are no credentials";

/// Turns a failed call into the engine's error. `operation` is written as in IAM policies:
/// `ec2:DeleteSubnet`.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub fn error<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(held_back) = chain(&error).find_map(|cause| cause.downcast_ref::<Error>()) {
        return held_back.clone();
    }
    let request = error.request_id().or_else(|| error.meta().request_id()).map(Into::into);
    let code = error.meta().code().map(str::to_owned);
    let message = error.meta().message().map(without_encoded);
    let class = match &error {
        SdkError::ServiceError(context) => {
            of_answer(operation, context.raw(), code.as_deref(), message.as_deref())
        }
        SdkError::ResponseError(context) => of_answer(operation, context.raw(), None, None),
        SdkError::DispatchFailure(_) if never_sent(&error) => Class::Transient,
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
            unless_read(operation, Class::Lost)
        }
        _ => Class::Invalid,
    };
    let class = if lacks_credentials(&error) { Class::Credentials } else { class };
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let message = message.unwrap_or_else(|| match (class, status) {
        _ if found_no_credentials(&error) => NO_CREDENTIALS.into(),
        (Class::NotEmulated, _) => "the endpoint does not implement this operation".into(),
        (_, Some(status)) => format!("HTTP status {status} without an explanation"),
        (_, None) => match at_host(&error) {
            Some(host) => format!("{host}: {}", root(&error)),
            None => root(&error),
        },
    });
    let message = match error.raw_response().and_then(|raw| skew(raw, SystemTime::now())) {
        Some(skew) if class == Class::Credentials => format!("{message}; {skew}"),
        _ => message,
    };
    Error { class, message, code, operation: Some(operation.into()), request }
}

/// EC2 says the reasons of a refusal in a kilobyte of code, for who may decode it.
const ENCODED: &str = "Encoded authorization failure message:";

/// A message without what only STS can read (STS API reference, DecodeAuthorizationMessage). CloudTrail
/// keeps the whole of it.
fn without_encoded(message: &str) -> String {
    match message.split_once(ENCODED) {
        Some((said, _)) => format!(
            "{} The reasons are encoded: `aws sts decode-authorization-message` reads the \
             errorMessage that CloudTrail has of this request",
            said.trim_end()
        ),
        None => message.into(),
    }
}

/// A failure that came inside an answer of success: `DeleteVpcEndpoints` and ECS do so.
pub(crate) fn refusal(operation: &'static str, code: Option<&str>, message: Option<&str>) -> Error {
    let (known, text) = (code.unwrap_or_default(), message.unwrap_or_default());
    Error {
        class: of_code(operation, known, text).unwrap_or(Class::Invalid),
        message: text.into(),
        code: code.map(Into::into),
        operation: Some(operation.into()),
        request: None,
    }
}

/// A create call answered with success and without saying what was made: to be looked for.
pub(crate) fn unnamed(operation: &'static str) -> Error {
    let mut error = Error::new(Class::Lost, "the answer does not say what was made");
    error.operation = Some(operation.into());
    error
}

/// The result of a delete call: gone already is success.
pub(crate) fn gone(result: engine::Result<()>) -> engine::Result<()> {
    result.or_else(|e| if e.is(Class::Absent) { Ok(()) } else { Err(e) })
}

/// What a failure means whose effect would be in doubt: a read has no effect.
fn unless_read(operation: &str, class: Class) -> Class {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    let reads = ["Describe", "List", "Get", "Head", "BatchGet", "Filter"];
    if reads.iter().any(|verb| name.starts_with(verb)) { Class::Transient } else { class }
}

fn of_answer(
    operation: &str,
    raw: &HttpResponse,
    code: Option<&str>,
    message: Option<&str>,
) -> Class {
    if emulated::lacks_operation(raw, code) {
        return Class::NotEmulated;
    }
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    if let Some(class) = of_code(operation, code, message) {
        return class;
    }
    match raw.status().as_u16() {
        429 => Class::Throttled,
        401 | 403 => Class::Denied,
        status if status >= 500 => unless_read(operation, Class::Lost),
        // An answer that says success and cannot be read: something was done.
        status if status < 300 => unless_read(operation, Class::Lost),
        _ => Class::Invalid,
    }
}

/// Connection refused, unknown host, no agreement on TLS: nothing was sent. The connector's own type
/// cannot be asked, its texts can.
pub(crate) fn never_sent(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        let text = cause.to_string();
        text.starts_with("client error (Connect)") || text.starts_with("HTTP connect timeout")
    })
}

/// The host that did not answer. Not that of a credentials provider: those are explained in other words.
fn at_host<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a str> {
    chain(error).find_map(|cause| Some(cause.downcast_ref::<AtHost>()?.host.as_str()))
}

/// How far this machine's clock is from AWS's, where that is too far for a signature: five minutes (AWS General
/// Reference, "Troubleshooting Signature Version 4").
fn skew(raw: &HttpResponse, now: SystemTime) -> Option<String> {
    let date = raw.headers().get("date")?;
    let theirs = DateTime::from_str(date, Format::HttpDate).ok()?.secs();
    let ours = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let minutes = (ours - theirs) / 60;
    let side = if minutes > 0 { "ahead of" } else { "behind" };
    (minutes.abs() >= 5)
        .then(|| format!("this machine's clock is {} minutes {side} AWS's", minutes.abs()))
}

/// Whether every source of credentials was asked and none had any. What the last one says of itself, the metadata service
/// of a machine that has none, helps nobody.
fn found_no_credentials(error: &(dyn StdError + 'static)) -> bool {
    let found = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>());
    matches!(found, Some(CredentialsError::CredentialsNotLoaded(_)))
}

fn lacks_credentials(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| cause.downcast_ref::<CredentialsError>().is_some())
}

/// The innermost cause: the SDK's outer ones only say that something failed.
fn root(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_reasons_are_not_shown() {
        let said = "You are not authorized to perform this operation. User: arn:aws:sts::1:x is not \
                    authorized to perform: ec2:CreateVpc.";
        let whole = format!("{said} {ENCODED} {}", "q1Zx".repeat(300));
        let shown = without_encoded(&whole);
        assert!(shown.starts_with(said) && shown.len() < 300, "{shown}");
        assert!(shown.contains("decode-authorization-message") && !shown.contains("q1Zx"));
        assert_eq!(without_encoded(said), said);
    }
}
