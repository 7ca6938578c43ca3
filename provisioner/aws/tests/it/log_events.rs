//! Lines of containers on an emulator.

use aws::log_events::{LogQuery, Streams};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use engine::Class;
use serde_json::json;

use crate::answers;
use crate::contract::Project;
use crate::emulator::Emulator;

#[tokio::test]
async fn lines_of_all_tasks_are_read_in_the_order_of_time() {
    let project = Project::new(Emulator::get().await.connect());
    let (aws, logs) = (&project.aws, &project.aws.read().logs);
    let group = format!("/{}/api", project.named("test"));
    let now = jiff::Timestamp::now().as_millisecond() - 60_000;
    logs.create_log_group().log_group_name(&group).send().await.unwrap();
    for (stream, offset) in [("api/api/1", 0), ("api/api/2", 1), ("worker/worker/3", 2)] {
        logs.create_log_stream()
            .log_group_name(&group)
            .log_stream_name(stream)
            .send()
            .await
            .unwrap();
        let lines = (0..4).map(|n| {
            let line = InputLogEvent::builder().timestamp(now + 10 * n + offset);
            line.message(format!("{stream} says {n}")).build().unwrap()
        });
        let put = logs.put_log_events().log_group_name(&group).log_stream_name(stream);
        put.set_log_events(Some(lines.collect())).send().await.unwrap();
    }
    let read = async |streams: Streams, since: Option<i64>, until: Option<i64>| {
        let query = LogQuery { group: group.clone(), streams, since, until, filter: String::new() };
        let (mut messages, mut next) = (Vec::new(), None);
        loop {
            let page = aws.log_events(&query, next.as_deref()).await.unwrap();
            messages.extend(page.events.into_iter().map(|event| event.message));
            next = page.next;
            if next.is_none() {
                return messages;
            }
        }
    };
    let all = read(Streams::All, None, None).await;
    assert_eq!(all.len(), 12);
    assert_eq!(all[..3], ["api/api/1 says 0", "api/api/2 says 0", "worker/worker/3 says 0"]);
    assert_eq!(read(Streams::Prefixed("api/".into()), None, None).await.len(), 8);
    let one = Streams::Named(vec!["worker/worker/3".into()]);
    assert_eq!(
        read(one, Some(now + 12), Some(now + 32)).await,
        ["worker/worker/3 says 1", "worker/worker/3 says 2"]
    );

    let last = aws.last_log_events(&group, "api/api/1", 2).await.unwrap();
    let last: Vec<&str> = last.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(last, ["api/api/1 says 2", "api/api/1 says 3"]);
    assert_eq!(aws.last_log_events(&group, "api/api/1", 100).await.unwrap().len(), 4);
    let missing = aws.last_log_events(&group, "api/api/9", 1).await.unwrap_err();
    assert!(missing.is(Class::Absent), "{missing}");
}

/// A page of CloudWatch may be empty although there is more before it.
#[tokio::test]
async fn the_last_lines_are_looked_for_behind_empty_pages() {
    let aws = answers::aws(|operation, body| {
        assert_eq!((operation, &body["startFromHead"]), ("GetLogEvents", &json!(false)));
        let line = |n: i64| json!({"timestamp": n, "message": n.to_string()});
        let (lines, token) = match body["nextToken"].as_str() {
            None => (vec![], "b/1"),
            Some("b/1") => (vec![line(2), line(3)], "b/2"),
            Some("b/2") => (vec![line(1)], "b/3"),
            Some(token) => (vec![], token),
        };
        (200, json!({"events": lines, "nextBackwardToken": token}))
    });
    let lines = aws.last_log_events("/shop", "api", 5).await.unwrap();
    let lines: Vec<i64> = lines.iter().map(|event| event.timestamp).collect();
    assert_eq!(lines, [1, 2, 3]);
    assert_eq!(aws.last_log_events("/shop", "api", 2).await.unwrap().len(), 2);
}
