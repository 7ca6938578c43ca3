//! Tasks, their images and their output.

use local::Level;
use serde_json::{Value, json};

use super::level;
use super::stack::Stack;
use crate::support::request;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

pub(super) fn ecs(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "service tasks" => {
            let (_, tasks) = stack.tasks("tasks");
            // An image that exists nowhere cannot really run.
            level(
                tasks["tasks"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|task| task["lastStatus"] != "RUNNING"),
            )
        }
        "one-off tasks" => {
            stack.tasks("once");
            let run = stack.ecs("RunTask", &json!({ "cluster": "once", "taskDefinition": "once" }));
            level(run["tasks"][0]["lastStatus"] != "RUNNING")
        }
        "target registration" => {
            let (group, _) = stack.tasks("targets");
            let health =
                stack.aws.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}"));
            level(health.contains("<Id>"))
        }
        "secrets of tasks" => {
            let (_, tasks) = stack.tasks("secrets");
            // A secret that does not exist keeps a real task from starting.
            level(tasks["tasks"][0]["lastStatus"] != "RUNNING")
        }
        "container health checks" => {
            let (_, tasks) = stack.tasks("health");
            level(tasks["tasks"][0]["healthStatus"] != "UNKNOWN")
        }
        _ => return None,
    })
}

pub(super) fn ecr(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "repositories and registry" => {
            let target = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
            let made = stack.aws.json("ecr", target, &json!({ "repositoryName": "table/api" }));
            assert_eq!(made.0, 200, "{}", made.1);
            let manifest = json!({ "schemaVersion": 2, "mediaType": OCI, "layers": [],
                "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
                    "digest": format!("sha256:{}", "0".repeat(64)) } })
            .to_string();
            let to = ("127.0.0.1", stack.aws.port);
            let path = "/v2/table/api/manifests/v1";
            request(to, &format!("PUT {path}"), &[("content-type", OCI)], &manifest).unwrap();
            level(
                request(to, &format!("GET {path}"), &[("accept", OCI)], "").unwrap()
                    == (200, manifest),
            )
        }
        "lifecycle and scanning" => {
            let call = |action: &str, body: &Value| {
                stack.aws.json(
                    "ecr",
                    &format!("AmazonEC2ContainerRegistry_V20150921.{action}"),
                    body,
                )
            };
            call("CreateRepository", &json!({ "repositoryName": "scanned" }));
            let policy =
                json!({ "repositoryName": "scanned", "lifecyclePolicyText": "{\"rules\":[]}" });
            assert_eq!(call("PutLifecyclePolicy", &policy).0, 200);
            assert_eq!(call("GetLifecyclePolicy", &json!({ "repositoryName": "scanned" })).0, 200);
            let image = json!({ "repositoryName": "scanned", "imageId": { "imageTag": "v1" } });
            level(
                call("DescribeImageScanFindings", &image)
                    .1
                    .to_string()
                    .contains("imageScanFindings"),
            )
        }
        _ => return None,
    })
}

pub(super) fn logs(stack: &Stack, operation: &str) -> Level {
    let call = |action: &str, body: &Value| {
        stack.aws.json("logs", &format!("Logs_20140328.{action}"), body)
    };
    let group = operation.replace(' ', "-");
    call("CreateLogGroup", &json!({ "logGroupName": group }));
    if operation == "task output" {
        stack.tasks("output");
        let streams = call("DescribeLogStreams", &json!({ "logGroupName": group })).1;
        return level(streams["logStreams"].as_array().is_some_and(|it| !it.is_empty()));
    }
    call("CreateLogStream", &json!({ "logGroupName": group, "logStreamName": "s" }));
    let now = milliseconds();
    let event = json!({ "timestamp": now, "message": "a line" });
    call(
        "PutLogEvents",
        &json!({ "logGroupName": group, "logStreamName": "s", "logEvents": [event] }),
    );
    level(
        call("FilterLogEvents", &json!({ "logGroupName": group })).1.to_string().contains("a line"),
    )
}

fn milliseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
