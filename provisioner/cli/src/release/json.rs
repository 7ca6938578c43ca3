//! The end of a release as JSON.

use serde_json::{Value, json};

use super::End;
use crate::report::{FORMAT, calls};

/// The documented form: `{"format", "environment", "service", "end": "nothing" | "serves" | "left" |
/// "rolled-back" | "not-back", "release", "explanation", "calls"}`.
pub(crate) fn release_json(end: &End, service: &str, environment: &str, aws: &aws::Aws) -> Value {
    let (word, release, explanation) = match end {
        End::Nothing => ("nothing", None, None),
        End::Serves(started) => ("serves", Some(started), None),
        End::Left(started) => ("left", Some(started), None),
        End::RolledBack { started, explanation, .. } => {
            ("rolled-back", Some(started), explanation.as_ref())
        }
        End::NotBack { started, explanation, .. } => {
            ("not-back", Some(started), explanation.as_ref())
        }
    };
    json!({
        "format": FORMAT,
        "environment": environment,
        "service": service,
        "end": word,
        "release": release,
        "explanation": explanation,
        "calls": calls(aws),
    })
}
