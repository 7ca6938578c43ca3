//! What belongs to other revisions, other deployments and other times, and what is only on its way.

use explain::{Event, Outcome, Picture, Target, Task, explain};

use crate::fixture::picture;

fn rules(picture: &Picture) -> Vec<String> {
    explain(picture).rows.into_iter().map(|row| row.rule).collect()
}

/// A deployment of which nothing has failed yet, beside the old revision's tasks.
fn quiet() -> Picture {
    let mut picture = picture("22-quota-vcpu");
    picture.events.clear();
    assert_eq!(picture.outcome(), Outcome::Rolling);
    assert!(rules(&picture).is_empty());
    picture
}

fn old_task(picture: &Picture) -> Task {
    picture.tasks.iter().find(|task| task.task_definition.ends_with(":41")).unwrap().clone()
}

#[test]
fn events_of_other_tasks_and_deployments_are_not_ours() {
    let mut picture = quiet();
    let (task, ours) = (old_task(&picture).id, picture.deployments[0].id.clone());
    let other = picture.deployments[1].id.clone();
    let told = |message: String| vec![Event { at: None, message }];
    let unhealthy = |task: &str| {
        format!(
            "(service api) (task {task}) (port 8000) is unhealthy in (target-group x) due to (reason Request timed out)."
        )
    };
    let failed = |id: &str| {
        format!("(service api) (deployment {id}) deployment failed: tasks failed to start.")
    };
    picture.events = told(unhealthy(&task));
    assert!(rules(&picture).is_empty());
    picture.events = told(unhealthy("3f2a1b4c5d6e47f88a9b0c1d2e3f4a5b"));
    assert_eq!(rules(&picture), ["health-check-timeout"]);
    picture.events = told(failed(&other));
    assert!(rules(&picture).is_empty());
    picture.events = told(failed(&ours));
    assert_eq!(rules(&picture), ["circuit-breaker"]);
}

#[test]
fn targets_of_other_tasks_and_targets_on_their_way_are_no_failure() {
    let mut picture = quiet();
    let sick = |id: &str, state: &str| Target {
        id: id.into(),
        port: 8000,
        state: state.into(),
        reason: "Target.Timeout".into(),
        ..Target::default()
    };
    let old = old_task(&picture).address.unwrap();
    picture.targets = vec![sick(&old, "unhealthy")];
    assert!(rules(&picture).is_empty());
    for state in ["initial", "draining", "healthy"] {
        picture.targets = vec![sick("10.40.64.99", state)];
        assert!(rules(&picture).is_empty(), "{state}");
    }
    picture.targets = vec![sick("10.40.64.99", "unhealthy")];
    assert_eq!(rules(&picture), ["health-check-timeout"]);
}

#[test]
fn what_was_logged_before_or_elsewhere_explains_nothing() {
    let whole = picture("14-architecture");
    assert_eq!(rules(&whole)[0], "architecture");
    let mut earlier = whole.clone();
    for line in &mut earlier.logs {
        line.at = line.at.map(|at| at - jiff::SignedDuration::from_hours(1));
    }
    assert_eq!(rules(&earlier)[0], "exit-on-start");
    let mut elsewhere = whole.clone();
    for line in &mut elsewhere.logs {
        line.task = old_task(&whole).id;
    }
    assert_eq!(rules(&elsewhere)[0], "exit-on-start");
}

#[test]
fn a_consequence_does_not_take_a_task_from_its_cause() {
    let mut picture = picture("20-load-balancer-check");
    picture.tasks.truncate(1);
    let target = picture.tasks[0].address.clone().unwrap();
    picture.targets = vec![Target {
        id: target,
        state: "unhealthy".into(),
        description: "status 500".into(),
        ..Target::default()
    }];
    let rules = rules(&picture);
    assert_eq!(rules[0], "local-health-code");
    assert!(!rules.contains(&"load-balancer-check".into()), "{rules:?}");
}
