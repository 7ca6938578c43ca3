//! Errors as the engine needs them: what happened, in the cloud's own words, and what it means for
//! the next step.

use std::fmt;

/// The result of everything that may fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure means for the next step. The adapters sort every error code into one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Refused before it was executed because of its rate. Retried with backoff.
    Throttled,
    /// Did not reach the cloud, or failed there without a doubt about its effect. Retried.
    Transient,
    /// No answer, or a server error after the request was sent: the effect is unknown. Looked up
    /// before anything is repeated.
    Lost,
    /// The resource named in the call is not there (any more, or not yet).
    Absent,
    /// Something of that name is there already.
    Exists,
    /// Something else still uses it. Retried while the other goes away.
    Blocked,
    /// Something it relies on is not known everywhere yet (a fresh role). Retried for some minutes.
    Propagating,
    /// The caller may not do this.
    Denied,
    /// The request is wrong and will stay wrong.
    Invalid,
    /// The endpoint behind a configured endpoint URL does not implement this.
    NotEmulated,
    /// The lock is no longer ours: nothing may be changed any more.
    Fenced,
    /// Credentials expired or missing.
    Credentials,
    /// It exists and belongs to somebody else.
    Foreign,
    /// The user interrupted the run.
    Interrupted,
    /// A quota of the account is used up.
    Quota,
    /// The state is damaged, newer than this program, or was written by somebody else meanwhile.
    State,
    /// The wait took longer than it ever should.
    Stuck,
    /// Anything else: final.
    Other,
}

/// One failure.
#[derive(Clone, Debug)]
pub struct Error {
    pub class: Class,
    pub message: String,
    /// The cloud's own error code, `DependencyViolation` for example.
    pub code: Option<String>,
    /// The call that failed, `ec2:DeleteSubnet` for example.
    pub operation: Option<String>,
    /// The cloud's request id, for its support.
    pub request: Option<String>,
}

impl Error {
    #[must_use]
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), code: None, operation: None, request: None }
    }

    /// For what cannot be retried and has no class of its own.
    #[must_use]
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Class::Other, message)
    }

    #[must_use]
    pub fn is(&self, class: Class) -> bool {
        self.class == class
    }

    /// Says in front of the message what was being done.
    #[must_use]
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(request) = &self.request {
            write!(f, " (request {request})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A resource struct that does not survive JSON is a mistake in its definition.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::other(format!("cannot convert a resource: {error}"))
    }
}
