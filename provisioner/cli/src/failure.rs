//! From an error to what the user sees: a message, hints, an exit code.

pub(crate) mod credentials;

use std::fmt;

use engine::Class;
use serde::Serialize;
use stack::environment::Complaints;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    Failed = 1,
    /// `plan` found changes: no failure.
    Changes = 3,
    Config = 4,
    Locked = 5,
    Refused = 6,
    PartWay = 7,
    State = 8,
    /// A release failed, and what ran before runs again.
    RolledBack = 9,
    /// A release failed, and what ran before does not serve again either.
    NotBack = 10,
    Interrupted = 130,
}

/// Why a command ends without having done its work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// What the user can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hints: Vec<String>,
    /// What is wrong in an environment file, each with its place and its fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) complaints: Option<Complaints>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new(), complaints: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n  {hint}"))
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        let code = match error.class {
            Class::Foreign => Code::Refused,
            Class::State | Class::Fenced => Code::State,
            Class::Interrupted => Code::Interrupted,
            _ => Code::Failed,
        };
        let failure = Self::new(code, error.to_string());
        match error.class {
            Class::Credentials => failure
                .hint(credentials::Sources::here().sign_in())
                .hint("then run the same command again"),
            Class::Denied => failure.hint("the role in use lacks this permission"),
            Class::Fenced => failure.hint(
                "somebody else has the lock now; look with `provisioner status`, then run it again",
            ),
            Class::Transient if std::env::var_os(crate::args::INSIDE).is_some() => {
                failure.hint("does the local cloud run? provisioner local status")
            }
            Class::Transient if std::env::var_os("AWS_ENDPOINT_URL").is_some() => {
                failure.hint("is AWS_ENDPOINT_URL right?")
            }
            Class::Transient => {
                failure.hint("is the network up? does it need a proxy (HTTPS_PROXY)?")
            }
            Class::Interrupted => failure.hint("run the same command again to go on"),
            _ => failure,
        }
    }
}

impl From<engine::lock::Refusal> for Failure {
    fn from(refusal: engine::lock::Refusal) -> Self {
        match refusal {
            engine::lock::Refusal::Held(held) => Self::new(Code::Locked, held.to_string()),
            engine::lock::Refusal::Failed(error) => error.into(),
        }
    }
}

impl From<Complaints> for Failure {
    fn from(complaints: Complaints) -> Self {
        let message = complaints.to_string();
        Self { complaints: Some(complaints), ..Self::new(Code::Config, message) }
    }
}

impl From<local::Error> for Failure {
    fn from(error: local::Error) -> Self {
        let failure = Self::new(Code::Failed, error.to_string());
        match error.fix() {
            Some(fix) => failure.hint(fix),
            None => failure,
        }
    }
}

impl From<image::Error> for Failure {
    fn from(error: image::Error) -> Self {
        Self::new(Code::Failed, error.to_string())
    }
}

/// A file that cannot be read or written.
pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{}: {error}", path.display()))
}
