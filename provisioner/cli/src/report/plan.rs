//! A plan for people, and as JSON.

mod comment;

pub(crate) use comment::plan_comment;

use engine::diff::Difference;
use engine::plan::{Action, Plan, Step};
use engine::{Address, Resource};
use kinds::{Service, TaskDefinition};
use serde_json::{Value, json};

use super::{BOLD, DIM, GREEN, RED, YELLOW, styled};

/// Where a service says which revision it runs.
pub(crate) const REVISION: &str = "settings.taskDefinition";

/// What will change, grouped by what happens, each difference on a line of its own.
pub(crate) fn plan(plan: &Plan, environment: &str) -> String {
    let mut text = String::new();
    for (action, title) in [
        (Action::Create, "create"),
        (Action::Replace, "replace"),
        (Action::Update, "update"),
        (Action::Delete, "delete"),
    ] {
        let steps: Vec<&Step> = plan.changes().filter(|step| step.action == action).collect();
        if !steps.is_empty() {
            text += &format!("{}\n", styled(BOLD, &format!("{title} ({})", steps.len())));
            text.extend(steps.into_iter().map(one));
        }
    }
    let older = plan.changes().map(|step| step.older.len()).sum::<usize>();
    if older > 0 {
        text += &format!("{}\n", styled(DIM, &format!("and {older} superseded one(s) to remove")));
    }
    let skipped = not_emulated(plan);
    if !skipped.is_empty() {
        text += &format!("{} {}\n", styled(DIM, "not emulated here:"), skipped.join(", "));
    }
    text + &added(plan, environment) + &summary(plan, environment)
}

/// How much others have added, on one line; nothing when they have added nothing.
fn added(plan: &Plan, environment: &str) -> String {
    let count: usize = plan.steps.values().map(|step| step.additions.len()).sum();
    let counted = match count {
        0 => return String::new(),
        1 => "1 addition".into(),
        _ => format!("{count} additions"),
    };
    format!("{counted} by others, left alone; to see what: provisioner drift --env {environment}\n")
}

/// How many of what, on one line.
fn summary(plan: &Plan, environment: &str) -> String {
    if plan.is_empty() {
        return format!("{environment}: nothing to change ({} resources)\n", plan.steps.len());
    }
    let count = |action| plan.changes().filter(|step| step.action == action).count();
    format!(
        "{environment}: {} to create, {} to update, {} to replace, {} to delete, {} unchanged\n",
        count(Action::Create),
        count(Action::Update),
        count(Action::Replace),
        count(Action::Delete),
        plan.steps.values().filter(|step| step.action == Action::None).count(),
    )
}

fn not_emulated(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.values().filter(|step| step.action == Action::NotEmulated);
    steps.map(|step| step.address.as_str()).collect()
}

fn one(step: &Step) -> String {
    let (style, sign) = match step.action {
        Action::Create => (GREEN, "+"),
        Action::Update => (YELLOW, "~"),
        Action::Replace => (RED, "±"),
        _ => (RED, "-"),
    };
    let mut text = format!("  {} {}", styled(style, sign), step.address);
    if let Some(reason) = &step.reason {
        text += &styled(DIM, &format!("  ({reason})"));
    }
    text.push('\n');
    for difference in &step.differences {
        text += &format!("      {}\n", differing(difference));
    }
    text
}

fn differing(Difference { path, from, to }: &Difference) -> String {
    change(path, from.as_ref(), to.as_ref())
}

/// What a path had and has.
pub(super) fn change(path: &str, from: Option<&Value>, to: Option<&Value>) -> String {
    let label = path.split_once(".dockerLabels.").map(|(_, label)| label);
    let secret = label.and_then(|label| label.strip_prefix(stack::VERSION_LABEL));
    if let (Some(secret), Some(_), Some(_)) = (secret, from, to) {
        return format!(
            "the secret {secret} has another value: new tasks get it, and this rolls those that run with the old one"
        );
    }
    match (from, to) {
        (Some(from), Some(to)) => format!("{path}: {} -> {}", short(from), short(to)),
        (None, Some(to)) => format!("{path}: + {}", short(to)),
        (Some(from), None) => format!("{path}: - {}", short(from)),
        (None, None) => path.to_owned(),
    }
}

/// A value on one line.
pub(super) fn short(value: &Value) -> String {
    if engine::input::is_unknown(value) {
        return "(known after apply)".into();
    }
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= 100 {
        return text;
    }
    let start: String = text.chars().take(97).collect();
    format!("{start}...")
}

/// The documented form: `{"format", "environment", "empty", "needs_up", "calls", "seconds", "steps":
/// [{"address", "action", "how", "reason", "differences": [{"path", "from", "to"}], "additions": [{"path",
/// "value"}]}]}`. In `needs_up` is
/// what `deploy` does not do: everything but new revisions and services that move to them.
pub(crate) fn plan_json(plan: &Plan, environment: &str, calls: u64, seconds: f64) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .values()
        .map(|step| {
            json!({
                "address": step.address,
                "action": step.action,
                "how": step.how,
                "reason": step.reason,
                "differences": step.differences,
                "additions": step.additions,
                "superseded": step.older.len(),
            })
        })
        .collect();
    json!({
        "format": super::FORMAT,
        "environment": environment,
        "empty": plan.is_empty(),
        "needs_up": needs_up(plan),
        "calls": calls,
        "seconds": seconds,
        "steps": steps,
    })
}

/// The changes that are no new revision, and no move of a service to one.
fn needs_up(plan: &Plan) -> Vec<&Address> {
    let is_deploys = |step: &&Step| match step.address.kind() {
        TaskDefinition::KIND => true,
        Service::KIND => {
            step.action == Action::Update && step.differences.iter().all(|one| one.path == REVISION)
        }
        _ => false,
    };
    plan.changes().filter(|step| !is_deploys(step)).map(|step| &step.address).collect()
}
