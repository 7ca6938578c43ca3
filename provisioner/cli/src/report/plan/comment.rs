//! A plan as the comment of a pull request, in GitHub's Markdown.

use engine::plan::{Action, Plan, Step};

use super::{added, change, not_emulated, summary};

/// GitHub refuses comments over 65,536 characters; what stands around the changes takes some.
const LONGEST: usize = 64_000;

/// Begins with a mark, invisible on the page, by which the comment of an earlier run is found and
/// replaced: `<!-- provisioner plan prod -->`. Then the changes as a diff, which GitHub colours.
pub(crate) fn plan_comment(plan: &Plan, environment: &str) -> String {
    let steps = plan.changes().filter(|step| step.action != Action::None);
    let mut changes: String = steps.map(one).collect();
    if changes.len() > LONGEST {
        let end = changes[..changes.floor_char_boundary(LONGEST)].rfind('\n').unwrap_or_default();
        let left = changes[end..].lines().count();
        changes.truncate(end);
        changes += &format!("\n  and {left} more lines: provisioner plan --env {environment}\n");
    }
    let mut text =
        format!("<!-- provisioner plan {environment} -->\n### {}", summary(plan, environment));
    if !changes.is_empty() {
        // No value has as many backticks: names, numbers and policies have none at all.
        text += &format!("\n````diff\n{changes}````\n");
    }
    let added = added(plan, environment);
    if !added.is_empty() {
        text += &format!("\n{added}");
    }
    let skipped = not_emulated(plan);
    if !skipped.is_empty() {
        text += &format!("\nnot emulated here: {}\n", skipped.join(", "));
    }
    text
}

fn one(step: &Step) -> String {
    let (sign, what) = match step.action {
        Action::Create => ("+", "create"),
        Action::Update => ("!", "update"),
        Action::Replace => ("-", "replace"),
        _ => ("-", "delete"),
    };
    let mut text = format!("{sign} {what} {}", step.address);
    if let Some(reason) = &step.reason {
        text += &format!("  ({reason})");
    }
    text.push('\n');
    for difference in &step.differences {
        text += &format!(
            "      {}\n",
            change(&difference.path, difference.from.as_ref(), difference.to.as_ref())
                .replace('\n', " ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use engine::diff::Difference;
    use serde_json::json;

    use super::*;

    fn step(address: &str, action: Action, differences: Vec<Difference>) -> Step {
        let empty = json!({
            "address": address, "action": "none", "how": null, "reason": null, "differences": [],
            "desired": null, "seen": null, "depends": [], "older": [],
        });
        let step: Step = serde_json::from_value(empty).unwrap();
        Step { action, differences, ..step }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        let mut plan = Plan::default();
        plan.steps.extend(steps.into_iter().map(|step| (step.address.clone(), step)));
        plan
    }

    #[test]
    fn changes_are_a_diff_under_a_mark() {
        let cpu = Difference {
            path: "settings.cpu".into(),
            from: Some(json!("256")),
            to: Some(json!("512")),
        };
        let plan = plan(vec![
            step("service.api", Action::Update, vec![cpu]),
            step("vpc.main", Action::Create, Vec::new()),
        ]);
        let text = plan_comment(&plan, "prod");
        assert!(
            text.starts_with("<!-- provisioner plan prod -->\n### prod: 1 to create, 1 to update")
        );
        assert!(
            text.contains("\n! update service.api\n      settings.cpu: 256 -> 512\n"),
            "{text}"
        );
        assert!(text.contains("\n+ create vpc.main\n````\n"), "{text}");
    }

    #[test]
    fn a_long_plan_says_what_it_leaves_out() {
        let names = (0..5000).map(|n| format!("security-group.service-{n}"));
        let plan = plan(names.map(|name| step(&name, Action::Create, Vec::new())).collect());
        let text = plan_comment(&plan, "prod");
        assert!(text.len() < 65_536);
        assert!(text.contains("more lines: provisioner plan --env prod\n````\n"), "{text:.300}");
    }

    #[test]
    fn no_change_has_no_diff() {
        let text = plan_comment(&plan(Vec::new()), "prod");
        assert_eq!(
            text,
            "<!-- provisioner plan prod -->\n### prod: nothing to change (0 resources)\n"
        );
    }
}
