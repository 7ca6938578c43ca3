//! What counts and what does not: other revisions, older failures, what ECS stopped itself; and which of
//! several causes speaks first.

use explain::{Container, Event, LogLine, Outcome, Picture, Task, explain};

use crate::fixture::{fixtures, picture};

fn first(picture: &Picture) -> Option<String> {
    explain(picture).first().map(|row| row.rule.clone())
}

fn ours(task: &Task) -> bool {
    task.task_definition.ends_with(":42")
}

#[test]
fn what_failed_never_counts_as_serving() {
    for fixture in fixtures() {
        let outcome = fixture.picture.outcome();
        assert_ne!(outcome, Outcome::Serves, "{}", fixture.name);
    }
    assert_eq!(picture("27-rolled-back").outcome(), Outcome::RolledBack);
    assert_eq!(picture("59-completed-without-tasks").outcome(), Outcome::Failed);
}

#[test]
fn a_finished_rollback_is_a_failure_although_aws_calls_it_complete() {
    let picture = picture("16-exit-on-start");
    let primary = &picture.deployments[0];
    assert_eq!((primary.status.as_str(), primary.rollout_state.as_str()), ("PRIMARY", "COMPLETED"));
    let explanation = explain(&picture);
    assert_eq!(explanation.outcome, Outcome::RolledBack);
    assert!(explanation.headline.contains("was rolled back: payments-prod-api:41 runs"));
}

#[test]
fn the_other_revisions_failures_are_not_ours() {
    let mut picture = picture("16-exit-on-start");
    picture.tasks.retain(ours);
    for task in &mut picture.tasks {
        task.task_definition = task.task_definition.replace(":42", ":41");
    }
    assert_eq!(first(&picture).as_deref(), Some("circuit-breaker"));
}

#[test]
fn what_is_older_than_the_deployment_explains_nothing() {
    let mut picture = picture("22-quota-vcpu");
    picture.since = Some("2026-11-03T10:00:31Z".parse().unwrap());
    assert_eq!(first(&picture), None);
    picture.since = Some("2026-11-03T10:00:30Z".parse().unwrap());
    assert_eq!(first(&picture).as_deref(), Some("quota-vcpu"));
}

#[test]
fn the_code_of_a_container_that_ecs_stopped_says_nothing() {
    let mut picture = picture("20-load-balancer-check");
    assert!(picture.tasks.iter().any(|task| task.containers[0].exit_code == Some(143)));
    let rules: Vec<String> = explain(&picture).rows.into_iter().map(|row| row.rule).collect();
    assert!(!rules.contains(&"terminated".to_owned()), "{rules:?}");
    for task in &mut picture.tasks {
        task.stop_code = "EssentialContainerExited".into();
    }
    let rules: Vec<String> = explain(&picture).rows.into_iter().map(|row| row.rule).collect();
    assert!(rules.contains(&"terminated".to_owned()), "{rules:?}");
}

#[test]
fn the_container_that_crashed_speaks_before_those_that_ended_with_it() {
    let mut picture = picture("16-exit-on-start");
    for task in &mut picture.tasks {
        let of = |name: &str, code| Container {
            name: name.into(),
            exit_code: Some(code),
            ..Container::default()
        };
        task.containers = vec![of("proxy", 143), of("agent", 137), of("api", 101), of("clock", 0)];
    }
    let explanation = explain(&picture);
    assert_eq!(explanation.rows[0].rule, "exit-on-start");
    assert!(explanation.rows[0].cause.contains("api ended by itself with exit code 101"));
    assert_eq!(explanation.rows.iter().filter(|row| row.rule == "terminated").count(), 0);
}

#[test]
fn what_most_tasks_say_comes_first() {
    let rare = picture("25-interface-timeout").tasks.into_iter().find(ours).unwrap();
    let mut picture = picture("16-exit-on-start");
    picture.tasks.insert(0, Task { id: "another".into(), ..rare });
    let explanation = explain(&picture);
    let said: Vec<(&str, usize)> =
        explanation.rows.iter().take(2).map(|row| (row.rule.as_str(), row.cases)).collect();
    assert_eq!(said, [("exit-on-start", 2), ("interface-timeout", 1)]);
    assert!(explanation.text().contains("\nalso:  EC2 took too long"), "{}", explanation.text());
}

#[test]
fn a_crash_explains_the_unhealthy_target_that_it_leaves() {
    let mut picture = picture("20-health-check-refused");
    let crashed = crate::fixture::picture("16-exit-on-start");
    let target = picture.targets[0].id.clone();
    picture.tasks = crashed.tasks;
    picture.tasks[0].address = Some(target);
    let causes: Vec<String> = explain(&picture).rows.into_iter().map(|row| row.rule).collect();
    assert_eq!(causes.first().map(String::as_str), Some("exit-on-start"));
    assert!(!causes.contains(&"health-check-refused".into()), "{causes:?}");
}

/// A picture of a service that serves, after a task of it crashed on the way.
fn serving() -> Picture {
    let mut picture = picture("41-probe-code");
    picture.probe = None;
    let crashed = crate::fixture::picture("16-exit-on-start");
    picture.tasks.extend(crashed.tasks.into_iter().filter(ours));
    picture
}

#[test]
fn what_was_overcome_is_not_brought_up_again() {
    let explanation = explain(&serving());
    assert_eq!(explanation.outcome, Outcome::Serves);
    assert!(explanation.rows.is_empty() && explanation.raw.is_empty(), "{explanation:#?}");
    let mut later = serving();
    for task in &mut later.tasks {
        task.stopped_at = task.stopped_at.map(|at| at + jiff::SignedDuration::from_hours(1));
    }
    assert_eq!(first(&later).as_deref(), Some("exit-on-start"));
}

#[test]
fn an_unhealthy_target_or_a_failed_probe_is_not_serving() {
    let healthy = serving();
    let mut sick = healthy.clone();
    sick.targets[0].state = "unhealthy".into();
    assert_eq!(sick.outcome(), Outcome::Failed);
    let mut missing = healthy.clone();
    missing.deployments[0].counts.running = 1;
    assert_eq!(missing.outcome(), Outcome::Failed);
}

#[test]
fn quotes_and_line_breaks_do_not_matter() {
    let mut picture = picture("22-quota-vcpu");
    picture.events = vec![Event {
        at: None,
        message: "(service api) was unable to place a task. Reason: You've reached the limit\non the number of vCPUs you can run concurrently"
            .into(),
    }];
    assert_eq!(first(&picture).as_deref(), Some("quota-vcpu"));
    picture.events[0].message = picture.events[0].message.replace('\'', "\u{2019}").to_uppercase();
    assert_eq!(first(&picture).as_deref(), Some("quota-vcpu"));
}

#[test]
fn a_program_that_listens_where_it_is_asked_is_not_told_to_listen_elsewhere() {
    let mut picture = picture("20-port-mismatch");
    for line in &mut picture.logs {
        line.line = line.line.replace("3000", "8000");
    }
    assert_eq!(first(&picture).as_deref(), Some("health-check-refused"));
}

#[test]
fn a_program_that_was_quick_enough_is_not_called_slow() {
    let mut picture = picture("20-slow-start");
    picture.grace = Some(120);
    assert_eq!(first(&picture).as_deref(), Some("health-check-refused"));
}

/// A line that another task wrote on its start.
fn says(picture: &mut Picture, line: &str) {
    let said = LogLine { line: line.into(), ..picture.logs[0].clone() };
    picture.logs.insert(0, said);
}

#[test]
fn a_second_port_makes_no_mismatch() {
    let mut picture = picture("20-port-mismatch");
    says(&mut picture, "metrics listening on :9090");
    assert_eq!(first(&picture).as_deref(), Some("health-check-refused"));
}

#[test]
fn a_second_port_on_loopback_is_nobodys_business() {
    let mut picture = picture("20-health-check-refused");
    says(&mut picture, "metrics listening on 127.0.0.1:9090");
    says(&mut picture, "listening on 0.0.0.0:8000");
    assert_eq!(first(&picture).as_deref(), Some("health-check-refused"));
    says(&mut picture, "listening on 127.0.0.1:8000");
    assert_eq!(first(&picture).as_deref(), Some("loopback"));
}

#[test]
fn a_program_is_as_slow_as_its_first_word_of_being_ready() {
    let mut picture = picture("20-slow-start");
    says(&mut picture, "listening on 0.0.0.0:8000");
    assert_eq!(first(&picture).as_deref(), Some("health-check-refused"));
}
