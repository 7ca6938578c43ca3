//! Texts that no rule knows: they are shown as they came, and nothing is made up for them.

use explain::{
    Container, Counts, Deployment, Event, Explanation, Picture, Probe, Refusal, Revision, Target,
    Task, explain,
};

use crate::fixture::picture;

const GARBAGE: &str = "Flux capacitor misaligned (code 88)";

/// A first deployment under way, of which AWS has said nothing yet.
fn quiet() -> Picture {
    Picture {
        service: "api".into(),
        environment: "prod".into(),
        revision: Revision { arn: "payments-prod-api:42".into(), ..Revision::default() },
        counts: Counts { desired: 2, ..Counts::default() },
        deployments: vec![Deployment {
            status: "PRIMARY".into(),
            task_definition: "payments-prod-api:42".into(),
            rollout_state: "IN_PROGRESS".into(),
            ..Deployment::default()
        }],
        ..Picture::default()
    }
}

fn stopped(task: Task) -> Task {
    Task { id: "3f2a1b4c5d6e".into(), last_status: "STOPPED".into(), ..task }
}

fn assert_raw(explanation: &Explanation, text: &str) {
    assert!(explanation.rows.is_empty(), "{:#?}", explanation.rows);
    assert_eq!(explanation.raw, [text]);
    let shown = explanation.text();
    assert!(shown.starts_with("cause: not known; AWS says:\n"), "{shown}");
    assert!(shown.contains(text), "{shown}");
}

#[test]
fn a_text_that_nobody_knows_is_shown_wherever_it_is() {
    let container =
        Container { name: "api".into(), reason: GARBAGE.into(), ..Container::default() };
    let target =
        Target { state: "unhealthy".into(), description: GARBAGE.into(), ..Target::default() };
    let cases = [
        Picture {
            tasks: vec![stopped(Task { stopped_reason: GARBAGE.into(), ..Task::default() })],
            ..quiet()
        },
        Picture {
            tasks: vec![stopped(Task { containers: vec![container], ..Task::default() })],
            ..quiet()
        },
        Picture { events: vec![Event { message: GARBAGE.into(), at: None }], ..quiet() },
        Picture { targets: vec![target], ..quiet() },
    ];
    for picture in cases {
        assert_raw(&explain(&picture), GARBAGE);
    }
}

#[test]
fn an_unknown_refusal_and_an_unknown_rollout_are_shown_with_their_codes() {
    let refusal =
        Refusal { code: "TeapotException".into(), message: GARBAGE.into(), ..Refusal::default() };
    let refused = Picture { refusal: Some(refusal), ..quiet() };
    assert_raw(&explain(&refused), &format!("TeapotException: {GARBAGE}"));
    let mut failed = quiet();
    failed.deployments[0].rollout_state = "FAILED".into();
    failed.deployments[0].rollout_reason = GARBAGE.into();
    assert_raw(&explain(&failed), &format!("FAILED: {GARBAGE}"));
}

#[test]
fn an_exit_code_without_a_meaning_is_only_shown() {
    let container = Container { name: "api".into(), exit_code: Some(300), ..Container::default() };
    let picture = Picture {
        tasks: vec![stopped(Task {
            stop_code: "EssentialContainerExited".into(),
            stopped_reason: GARBAGE.into(),
            containers: vec![container],
            ..Task::default()
        })],
        ..quiet()
    };
    let explanation = explain(&picture);
    assert!(explanation.rows.is_empty());
    assert_eq!(explanation.raw, [GARBAGE, "container api ended with exit code 300"]);
}

#[test]
fn the_end_of_a_container_whose_exit_code_is_not_known_is_shown() {
    let reason = "Essential container in task exited";
    let picture = Picture {
        tasks: vec![stopped(Task {
            stop_code: "EssentialContainerExited".into(),
            stopped_reason: reason.into(),
            ..Task::default()
        })],
        ..quiet()
    };
    assert_raw(&explain(&picture), reason);
}

#[test]
fn an_unknown_text_beside_a_known_one_is_shown_under_it() {
    let mut picture = picture("06-image-not-found");
    picture.events.push(Event { at: None, message: GARBAGE.into() });
    let explanation = explain(&picture);
    assert_eq!(explanation.rows[0].rule, "image-not-found");
    assert_eq!(explanation.raw, [GARBAGE]);
    assert!(explanation.text().ends_with(&format!("raw:   {GARBAGE}\n")), "{}", explanation.text());
}

#[test]
fn the_same_unknown_text_of_many_tasks_is_shown_once() {
    let task = |id: &str, address: &str| Task {
        id: id.into(),
        stopped_reason: format!(
            "{GARBAGE} at {address}: task 0f6c3a52-6a0e-4d28-9d1c-0a52b2a7f0c1"
        ),
        ..stopped(Task::default())
    };
    let picture =
        Picture { tasks: vec![task("a", "10.0.0.7:443"), task("b", "10.0.1.9:443")], ..quiet() };
    assert_eq!(explain(&picture).raw.len(), 1);
}

#[test]
fn where_nothing_failed_nothing_is_said() {
    let explanation = explain(&quiet());
    assert!(explanation.rows.is_empty() && explanation.raw.is_empty());
    assert!(explanation.text().starts_with("cause: none is known"), "{}", explanation.text());
}

#[test]
fn a_probe_that_answers_strangely_is_still_named_by_its_code() {
    let probe =
        Probe { path: "/".into(), status: Some(418), body: GARBAGE.into(), ..Probe::default() };
    let explanation = explain(&Picture { probe: Some(probe), ..quiet() });
    assert_eq!(explanation.rows[0].rule, "probe-code");
    assert!(explanation.rows[0].cause.contains("418"));
}
