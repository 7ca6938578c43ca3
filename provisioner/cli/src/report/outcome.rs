//! How a run ended.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::Address;
use engine::apply::Outcome;
use engine::plan::Action;
use serde_json::{Value, json};

use super::{RED, YELLOW, styled};

/// The last lines of a run.
pub(crate) fn outcome(outcome: &Outcome, environment: &str) -> String {
    let count = |action| outcome.done.iter().filter(|(_, done)| *done == action).count();
    let mut text = format!(
        "{environment}: {} created, {} updated, {} replaced, {} deleted\n",
        count(Action::Create),
        count(Action::Update),
        count(Action::Replace),
        count(Action::Delete),
    );
    for (address, why) in &outcome.not_emulated {
        let _infallible = writeln!(text, "  {} {address}: {why}", styled(YELLOW, "not emulated"));
    }
    for (address, error) in &outcome.failed {
        let _infallible = writeln!(text, "  {} {address}: {error}", styled(RED, "failed"));
    }
    if !outcome.skipped.is_empty() {
        let names: Vec<&str> =
            outcome.skipped.iter().map(|(address, _)| address.as_str()).collect();
        let _infallible = writeln!(text, "  not begun: {}", names.join(", "));
    }
    text
}

/// The documented form: `{"format", "environment", "complete", "done": [{"address", "action"}], "failed":
/// [{"address", "error"}], "skipped": [{"address", "because"}], "not_emulated": [{"address", "why"}],
/// "calls": {"total", "mutating": {operation: number}}, "outputs"}`. The calls that change something are
/// those for resources: state and lock are not among them.
pub(crate) fn outcome_json(
    outcome: &Outcome,
    environment: &str,
    aws: &aws::Aws,
    outputs: &BTreeMap<String, String>,
) -> Value {
    let pairs = |list: &[(Address, String)], name: &str| {
        let all = list.iter().map(|(address, text)| json!({"address": address, name: text}));
        all.collect::<Vec<_>>()
    };
    let done = outcome.done.iter().map(|(at, action)| json!({"address": at, "action": action}));
    let failed =
        outcome.failed.iter().map(|(at, error)| json!({"address": at, "error": error.to_string()}));
    json!({
        "format": super::FORMAT,
        "environment": environment,
        "complete": outcome.is_complete(),
        "done": done.collect::<Vec<_>>(),
        "failed": failed.collect::<Vec<_>>(),
        "skipped": pairs(&outcome.skipped, "because"),
        "not_emulated": pairs(&outcome.not_emulated, "why"),
        "calls": calls(aws),
        "outputs": outputs,
    })
}

/// How often AWS was called, and with what that changes something.
pub(crate) fn calls(aws: &aws::Aws) -> Value {
    let own = |operation: &str| operation.starts_with("s3:") || operation.starts_with("dynamodb:");
    let mutating: BTreeMap<String, u64> =
        aws.mutating_calls().into_iter().filter(|(operation, _)| !own(operation)).collect();
    let total: u64 = aws.calls().iter().map(|(_, number)| number).sum();
    json!({"total": total, "mutating": mutating})
}

/// Addresses and names, one a line.
pub(crate) fn outputs(outputs: &BTreeMap<String, String>) -> String {
    let width = outputs.keys().map(String::len).max().unwrap_or_default();
    let lines = outputs.iter().map(|(name, value)| format!("{name:width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is left after a destroy.
pub(crate) fn receipt(left: &[String]) -> String {
    if left.is_empty() {
        return "nothing is left of it".into();
    }
    left.iter().fold("left behind:".to_owned(), |mut text, line| {
        let _infallible = write!(text, "\n  {line}");
        text
    })
}
