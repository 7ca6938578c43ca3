//! AWS's answers as they come: times as numbers and as texts, parts missing, lists of answers.

use explain::{Answers, Probe, Refusal, WayOut, explain};
use serde_json::{Value, json};

use crate::fixture::{fixtures, picture};

fn answers(value: Value) -> Answers {
    serde_json::from_value(value).unwrap()
}

#[test]
fn times_are_read_as_the_api_and_as_the_command_line_give_them() {
    let of = |at: Value| {
        let event = json!({"createdAt": at, "message": "x"});
        answers(json!({"describeServices": {"services": [{"events": [event]}]}})).picture().events
            [0]
        .at
    };
    let expected = "2026-11-03T10:00:00.25Z".parse().ok();
    assert_eq!(of(json!(1_793_700_000.25)), expected);
    assert_eq!(of(json!("2026-11-03T10:00:00.250000+00:00")), expected);
    assert_eq!(of(json!("2026-11-03T11:00:00.25+01:00")), expected);
    assert_eq!(of(json!("soon")), None);
}

#[test]
fn a_task_is_read_whole() {
    let picture = picture("18-out-of-memory");
    let task = picture.tasks.iter().find(|task| task.last_status == "STOPPED").unwrap();
    assert_eq!(task.id.len(), 32);
    assert!(task.task_definition.ends_with("payments-prod-api:42"));
    assert_eq!(task.stop_code, "EssentialContainerExited");
    assert_eq!(task.stopped_reason, "Essential container in task exited");
    assert_eq!(task.address.as_deref(), Some("10.40.64.20"));
    assert!(task.created_at < task.started_at && task.started_at < task.stopped_at);
    let container = &task.containers[0];
    assert_eq!((container.name.as_str(), container.exit_code), ("api", Some(137)));
    assert_eq!(container.reason, "OutOfMemoryError: Container killed due to memory usage");
}

#[test]
fn the_rest_is_read_whole() {
    let picture = picture("20-health-check-code");
    assert_eq!(picture.grace, Some(60));
    assert_eq!((picture.counts.desired, picture.counts.running), (2, 3));
    let target = &picture.targets[0];
    assert_eq!(
        (target.id.as_str(), target.port, target.state.as_str()),
        ("10.40.64.21", 8000, "unhealthy")
    );
    assert_eq!(target.reason, "Target.ResponseCodeMismatch");
    let check = picture.health_check.unwrap();
    assert_eq!(
        (check.path.as_str(), check.codes.as_str(), check.port.as_str()),
        ("/healthz", "200", "traffic-port")
    );
    assert_eq!((check.interval, check.timeout, check.healthy, check.unhealthy), (10, 5, 2, 2));
    let line = &picture.logs[0];
    assert_eq!((line.container.as_str(), line.task.len()), ("api", 32));
    assert!(line.line.contains("listening") && line.at.is_some());
    let before = picture.before.unwrap();
    assert!(before.revision.ends_with(":41") && before.running == 2);
}

#[test]
fn answers_in_several_pages_are_one() {
    let page = |id: &str| json!({"tasks": [{"taskArn": format!("arn:aws:ecs:::task/c/{id}")}]});
    let picture = answers(json!({"describeTasks": [page("a"), page("b")]})).picture();
    let ids: Vec<&str> = picture.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn what_aws_cannot_know_is_taken_over() {
    let picture = answers(json!({
        "service": "api",
        "environment": "prod",
        "revision": "payments-prod-api:7",
        "asked": "v9",
        "wayOut": "public-address",
        "probe": {"path": "/", "status": 502},
        "refusal": {"code": "ClientException", "message": "no"},
    }))
    .picture();
    assert_eq!(picture.revision.arn, "payments-prod-api:7");
    assert_eq!(picture.asked.as_deref(), Some("v9"));
    assert_eq!(picture.way_out, Some(WayOut::PublicAddress));
    assert_eq!(
        picture.probe,
        Some(Probe { path: "/".into(), status: Some(502), ..Probe::default() })
    );
    let refusal =
        Refusal { code: "ClientException".into(), message: "no".into(), ..Refusal::default() };
    assert_eq!(picture.refusal, Some(refusal));
}

#[test]
fn answers_of_another_shape_leave_holes_and_no_error() {
    for strange in
        [json!(null), json!([]), json!("x"), json!({"services": 1, "tasks": {}, "events": "x"})]
    {
        let picture = answers(json!({
            "describeServices": strange,
            "describeTasks": strange,
            "describeTaskDefinition": strange,
            "describeTargetHealth": strange,
            "describeTargetGroups": strange,
            "filterLogEvents": strange,
        }))
        .picture();
        assert!(explain(&picture).rows.is_empty());
    }
}

#[test]
fn pictures_survive_json() {
    for fixture in fixtures() {
        let text = serde_json::to_string(&fixture.picture).unwrap();
        assert_eq!(serde_json::from_str::<explain::Picture>(&text).unwrap(), fixture.picture);
    }
}

/// The form for programs: whatever changes here needs a thought about its version.
#[test]
fn the_json_form_is_as_documented() {
    insta::assert_json_snapshot!("json", explain(&picture("16-exit-on-start")));
}
