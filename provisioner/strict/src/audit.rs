//! The auditor: AWS's ordering rules, checked on a call log. It sees what any client's calls show, nothing of its inside.
//!
//! Attempts count: a call that AWS refuses for its order is as wrong as one that an emulator accepts. Rule numbers are
//! those of the table in `README.md`.

mod always;
mod create;
mod history;
mod kinds;
mod network;
mod retire;
mod service;
mod serving;
mod starts;

use serde::{Deserialize, Serialize};

use crate::call::Call;
use history::History;

/// A rule that calls broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule's number.
    pub rule: u8,
    /// The calls that broke it, by `seq`.
    pub calls: Vec<u64>,
    /// What was wrong, in a sentence.
    pub text: String,
}

impl Violation {
    /// Whether AWS itself allows it: the rule only saves work that may turn out wasted.
    #[must_use]
    pub fn advisory(&self) -> bool {
        self.rule == 10
    }
}

/// Collects violations while rules run.
struct Report(Vec<Violation>);

impl Report {
    fn add(&mut self, rule: u8, call: &Call, text: impl Into<String>) {
        self.0.push(Violation {
            rule,
            calls: vec![call.seq],
            text: format!("{}: {}", call.operation, text.into()),
        });
    }

    /// Adds a violation unless `kept`.
    fn require(&mut self, kept: bool, rule: u8, call: &Call, text: &str) {
        if !kept {
            self.add(rule, call, text);
        }
    }
}

/// Judges a log against the ordering rules. Calls may overlap: only what was answered before a call was made counts as
/// known to its client.
#[must_use]
pub fn audit(log: &[Call]) -> Vec<Violation> {
    let history = History::new(log);
    let mut report = Report(Vec::new());
    for call in history.calls().filter(|c| c.mutating) {
        create::check(&history, call, &mut report);
        network::check(&history, call, &mut report);
        service::check(&history, call, &mut report);
        starts::check(&history, call, &mut report);
        retire::check(&history, call, &mut report);
        serving::check(&history, call, &mut report);
        always::check(&history, call, &mut report);
    }
    always::check_whole(&history, &mut report);
    report.0
}

/// Judges the log of a command that must change nothing (`plan`, `status`, `drift`): rule 63.
#[must_use]
pub fn audit_read_only(log: &[Call]) -> Vec<Violation> {
    let mut report = Report(Vec::new());
    for call in log.iter().filter(|c| c.mutating) {
        report.add(63, call, "a command that only reads made a mutating call");
    }
    report.0
}
