//! One line of the call log, and the log itself with its counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One API call as the log keeps it. Values of secrets are replaced by `***`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// From 1, in order of arrival.
    pub seq: u64,
    /// How many calls had arrived when this one was answered: a call with a larger `seq` came after this answer.
    pub ended: u64,
    /// Wall time of arrival, RFC 3339.
    pub wall: String,
    /// Virtual seconds at arrival.
    pub clock: f64,
    /// Virtual seconds at the answer.
    pub answered: f64,
    /// Real milliseconds from arrival to answer, added delay included.
    pub elapsed_ms: f64,
    /// The access key id that signed the call.
    pub principal: String,
    pub region: String,
    /// As in the signature: `ec2`, `elasticloadbalancing`, `ecs`, `s3`, ...
    pub service: String,
    pub operation: String,
    pub mutating: bool,
    /// From 1 among the mutating calls; 0 for a read.
    pub mutation: u64,
    pub parameters: Value,
    /// Resource ids and ARNs in the request, in order of appearance.
    pub request_ids: Vec<String>,
    /// Resource ids and ARNs in the answer.
    pub response_ids: Vec<String>,
    /// What the cloud answered (the client got it unless `fault` says otherwise); objects and items are left out.
    pub response: Value,
    /// HTTP status; 0 when no answer exists.
    pub status: u16,
    /// The error code.
    pub code: Option<String>,
    pub message: Option<String>,
    /// The injected fault, as in a fault specification.
    pub fault: Option<String>,
    /// Answered by the strict cloud itself, not by what stands behind it.
    pub refused: bool,
    /// Whether the request carried the value of a known secret outside of Secrets Manager.
    pub leaks_secret: bool,
}

impl Call {
    /// A call answered with 200, for logs written by hand: `seq` and times are the caller's to set.
    #[must_use]
    pub fn answered(service: &str, operation: &str, parameters: Value, response: Value) -> Self {
        Self {
            service: service.to_owned(),
            operation: operation.to_owned(),
            mutating: crate::wire::mutating(service, operation),
            request_ids: crate::redact::ids(&parameters),
            response_ids: crate::redact::ids(&response),
            parameters,
            response,
            status: 200,
            ..Self::default()
        }
    }

    /// Whether the call took effect in the cloud, even if its answer was lost.
    #[must_use]
    pub fn took_effect(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the client saw a good answer.
    #[must_use]
    pub fn delivered(&self) -> bool {
        self.took_effect() && !self.fault.as_deref().is_some_and(Self::loses_answer)
    }

    fn loses_answer(fault: &str) -> bool {
        ["after", "hold-after", "500", "503"].iter().any(|kind| fault.starts_with(kind))
    }
}

/// How many calls were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub total: u64,
    pub mutating: u64,
    /// Answered with an error, by whomever.
    pub failed: u64,
    /// Answered by the strict cloud with a refusal of AWS's.
    pub refused: u64,
    /// Hit by an injected fault.
    pub faulted: u64,
    /// `service:Operation` to calls.
    pub operations: BTreeMap<String, u64>,
}

/// The calls so far, in memory and, when asked for, in a file.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: Vec<Call>,
    counts: Counts,
    arrived: u64,
    file: Option<File>,
}

impl Log {
    pub(crate) fn to_file(file: Option<File>) -> Self {
        Self { file, ..Self::default() }
    }

    /// The number of the next call.
    pub(crate) fn arrive(&mut self) -> u64 {
        self.arrived += 1;
        self.arrived
    }

    pub(crate) fn push(&mut self, mut call: Call) {
        call.ended = self.arrived;
        self.counts.total += 1;
        self.counts.mutating += u64::from(call.mutating);
        self.counts.failed += u64::from(call.status >= 400);
        self.counts.refused += u64::from(call.refused && call.fault.is_none());
        self.counts.faulted += u64::from(call.fault.is_some());
        *self
            .counts
            .operations
            .entry(format!("{}:{}", call.service, call.operation))
            .or_default() += 1;
        if let Some(file) = &mut self.file
            && let Ok(mut line) = serde_json::to_vec(&call)
        {
            line.push(b'\n');
            // A full disk must not change the cloud's answers; the log in memory stays whole.
            let _ = file.write_all(&line);
        }
        self.calls.push(call);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = self.calls.clone();
        calls.sort_by_key(|c| c.seq);
        calls
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.counts = Counts::default();
        self.arrived = 0;
    }
}
