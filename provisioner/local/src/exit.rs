//! How a process ended, in the form that survives in a file and reads well in a sentence.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The end of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code, when it exited by itself.
    pub code: Option<i32>,
    /// The signal's number, when one ended it.
    pub signal: Option<i32>,
    /// The program was never started: the operating system's message.
    pub unstarted: Option<String>,
    /// When.
    pub at: jiff::Timestamp,
}

impl Exit {
    pub(crate) fn of(status: ExitStatus) -> Self {
        Self {
            code: status.code(),
            signal: status.signal(),
            unstarted: None,
            at: jiff::Timestamp::now(),
        }
    }

    pub(crate) fn never_started(message: String) -> Self {
        Self { code: None, signal: None, unstarted: Some(message), at: jiff::Timestamp::now() }
    }

    /// The code that a container engine reports: 128 and the signal's number when a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.code.or(self.signal.map(|signal| 128 + signal)).unwrap_or(127)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.unstarted, self.code, self.signal) {
            (Some(message), ..) => write!(f, "could not be started: {message}"),
            (None, Some(code), _) => write!(f, "exited with code {code}"),
            (None, None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None, None) => write!(f, "ended"),
        }
    }
}
