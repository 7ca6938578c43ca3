//! What the strict cloud saw: faults, refusals, broken rules, and what is left.

use std::collections::BTreeMap;

use serde::Serialize;
use strict::{Call, Violation, audit};

#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) calls: usize,
    /// Injected faults that came about, by kind.
    pub(crate) faults: BTreeMap<String, usize>,
    /// What AWS would have refused, and what was then repeated or gone round: operation and code.
    pub(crate) refused: BTreeMap<String, usize>,
    /// Orders of calls that AWS does not allow. There must be none.
    pub(crate) violations: Vec<Violation>,
    /// What still exists after `destroy`, by kind. There must be nothing.
    pub(crate) left: BTreeMap<String, Vec<String>>,
}

impl Findings {
    /// Of the calls after `from`.
    pub(crate) fn of(cloud: &strict::Running, from: u64) -> Self {
        let calls = cloud.calls();
        let violations = audit(&calls)
            .into_iter()
            .filter(|one| !one.advisory() && one.calls.iter().any(|seq| *seq > from))
            .collect();
        let own: Vec<&Call> = calls.iter().filter(|call| call.seq > from).collect();
        let faults = own.iter().filter_map(|call| call.fault.as_deref());
        let refused = own
            .iter()
            .filter(|call| call.refused && call.fault.is_none())
            .map(|call| format!("{}:{} {}", call.service, call.operation, code(call)));
        let left = cloud.inventory(None).into_iter();
        Self {
            calls: own.len(),
            faults: counted(faults.map(said)),
            refused: counted(refused),
            violations,
            left: left.map(|(kind, names)| (kind, names.into_iter().collect())).collect(),
        }
    }
}

fn code(call: &Call) -> &str {
    call.code.as_deref().unwrap_or("refused")
}

/// A kind of fault in words.
fn said(fault: &str) -> String {
    let words = match fault {
        "throttle" => "throttled",
        "500" | "500-before" | "500-after" | "503" => "answered with a server error",
        "before" => "cut off before the effect",
        "after" => "cut off after the effect",
        other => other,
    };
    words.to_owned()
}

fn counted(all: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts
}
