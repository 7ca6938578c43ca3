//! Revisions that are in use already: a release that is gone back to, or what an interrupted deploy has left.

use engine::diff::{Difference, Sides};
use engine::kind::Look;
use engine::state::{Entry, State};
use engine::{Id, Ready, Sharing, diff};
use kinds::TaskDefinition;
use serde_json::Value;

use crate::failure::Failure;
use crate::run::{LockedRun, PlannedRun, at};

/// Makes an earlier revision, which is still active, the present one. Returns whether it is there.
pub(super) fn reuse(state: &mut State, service: &str, revision: &str, definition: &Value) -> bool {
    let Some(entry) = state.resources.get_mut(&at::<TaskDefinition>(service)) else { return false };
    let Some(index) = entry.older.iter().position(|id| id.as_str() == revision) else {
        return false;
    };
    let earlier = entry.older.remove(index);
    if let Some(present) = entry.id.replace(earlier) {
        entry.older.push(present);
    }
    entry.desired.clone_from(definition);
    entry.sent = None;
    entry.outputs.insert("arn".into(), revision.into());
    true
}

/// Makes a revision with the content that is wanted the present one, when an interrupted deploy has left such a one:
/// the same content is not registered twice. Returns whether there was one.
pub(super) async fn pick_up(
    run: &LockedRun<'_>,
    draft: &PlannedRun,
    wanted: &mut State,
    service: &str,
) -> Result<bool, Failure> {
    let address = at::<TaskDefinition>(service);
    let step = draft.plan.steps.get(&address).filter(|step| !step.differences.is_empty());
    let (Some(desired), Some(entry)) =
        (step.and_then(|step| step.desired.as_ref()), wanted.resources.get(&address))
    else {
        return Ok(false);
    };
    let newer = newer(entry);
    if newer.is_empty() {
        return Ok(false);
    }
    let kind = run.session.kinds.of(&address)?;
    let traits = kind.traits();
    let found = kind.observe(&run.aws, Look::Ids(&newer)).await?;
    let same = found.into_iter().find(|seen| {
        // Whatever it has was put there by the deploy that left it: what is not wanted any more counts too.
        let applied = Some(&seen.spec);
        let sides = Sides { desired, applied, seen: &seen.spec, fresh: false };
        let differences = diff::compare(sides, traits, &Sharing::default()).differences;
        let mut differences = differences.iter().filter(|one| !is_default(one));
        seen.ready == Ready::Yes && !differences.any(|one| traits.immutable.contains(&one.field()))
    });
    let Some(same) = same else { return Ok(false) };
    Ok(reuse(wanted, service, same.id.as_str(), desired))
}

/// What ECS fills in where nothing was said (recorded answers of DescribeTaskDefinition), and the name
/// that is the container's key here.
const FILLED_IN: [&str; 4] = ["essential", "hostPort", "name", "protocol"];

/// A value that ECS fills in where nothing was said.
fn is_default(difference: &Difference) -> bool {
    let is_unset = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        value => value == false || value == 0 || value == "",
    };
    let field = difference.path.rsplit('.').next().unwrap_or_default();
    difference.to.is_none()
        && (FILLED_IN.contains(&field) || difference.from.as_ref().is_some_and(is_unset))
}

/// The revisions that came after the present one.
fn newer(entry: &Entry) -> Vec<Id> {
    let number = |id: &Id| id.as_str().rsplit(':').next()?.parse::<u64>().ok();
    let Some(present) = entry.id.as_ref().and_then(number) else { return Vec::new() };
    entry.older.iter().filter(|id| number(id) > Some(present)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_later_may_have_been_left() {
        let arn = |n: u32| Id(format!("arn:aws:ecs:us-east-1:1:task-definition/shop-prod-api:{n}"));
        let entry = |present: Option<u32>| Entry {
            id: present.map(arn),
            older: vec![arn(11), arn(8), arn(9)],
            ..Entry::default()
        };
        assert_eq!(newer(&entry(Some(10))), [arn(11)]);
        assert_eq!(newer(&entry(Some(12))), []);
        assert_eq!(newer(&entry(None)), []);
    }
}
