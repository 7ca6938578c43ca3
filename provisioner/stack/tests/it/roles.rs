//! What overridden fields and existing secrets need of a service's roles, and what its task definition says of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stack::{ExistingSecret, Facts, Image, stack};

use crate::files::prod;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf";
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1a2b";

/// The resources of a file, by address.
fn graph(file: &str) -> BTreeMap<String, Value> {
    let environment = prod(&[("prod", file)]).unwrap().environment;
    let found = |arn: &str| ExistingSecret { arn: arn.into(), version: "v1".into() };
    let facts = Facts {
        zones: ["a", "b"].map(|zone| format!("us-east-1{zone}")).into(),
        images: BTreeMap::from([("web".into(), Image::Reference("ghcr.io/acme/web:1".into()))]),
        existing: BTreeMap::from([("db".into(), found(ARN))]),
        ..Facts::default()
    };
    let graph = stack(&environment, &facts).unwrap();
    graph.iter().map(|(at, node)| (at.to_string(), node.spec.clone())).collect()
}

fn file(service: &str, top: &str) -> String {
    format!(
        "project: shop\nregion: us-east-1\nservices:\n  web:\n    image: ghcr.io/acme/web:1\n{service}{top}"
    )
}

/// What a role may do: actions by resource.
fn may(graph: &BTreeMap<String, Value>, role: &str) -> Vec<(String, String)> {
    let document = &graph[&format!("role.{role}")]["inline"][0]["document"];
    let document: Value = match document {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    let mut all = Vec::new();
    for statement in document["Statement"].as_array().unwrap() {
        for action in statement["Action"].as_array().unwrap() {
            for on in statement["Resource"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                all.push((text(action), text(on)));
            }
        }
    }
    all
}

#[test]
fn existing_secrets_are_read_and_nothing_else() {
    let secrets = format!(
        "secrets:\n  db: {{ arn: \"{ARN}\", key: password, kms: \"{KEY}\" }}\n  own: given\n"
    );
    let graph = graph(&file("    secrets: { DB: db, OWN: own }\n", &secrets));
    let kinds: Vec<_> = graph.keys().filter(|at| at.starts_with("secret.")).collect();
    assert_eq!(kinds, ["secret.own"]);
    let container = &graph["task-definition.web"]["containers"]["web"];
    assert_eq!(container["secrets"][0]["valueFrom"], format!("{ARN}:password::"));
    assert_eq!(container["secrets"][1]["valueFrom"], json!({"$output": "secret.own/arn"}));
    assert_eq!(
        container["dockerLabels"],
        json!({
            "provisioner.secret.db": "v1",
            "provisioner.secret.own": {"$output": "secret.own/version"},
        })
    );
    let may = may(&graph, "web-execution");
    for (action, on) in [("secretsmanager:GetSecretValue", ARN), ("kms:Decrypt", KEY)] {
        assert!(may.contains(&(action.into(), on.into())), "{action}: {may:?}");
    }
}

#[test]
fn an_override_gets_the_rights_that_it_needs() {
    let lines = "    override:
      container:
        environmentFiles: [{ type: s3, value: \"arn:aws:s3:::acme/shop/app.env\" }]
        repositoryCredentials: { credentialsParameter: \"arn:aws:secretsmanager:us-east-1:123456789012:secret:hub-AbCdEf\" }
        mountPoints: [{ sourceVolume: data, containerPath: /data, readOnly: true }, { sourceVolume: more, containerPath: /more }]
      task_definition:
        volumes:
          - { name: data, efsVolumeConfiguration: { fileSystemId: fs-1, transitEncryption: ENABLED, authorizationConfig: { iam: ENABLED } } }
          - { name: more, efsVolumeConfiguration: { fileSystemId: fs-2, transitEncryption: ENABLED, authorizationConfig: { iam: ENABLED } } }
          - { name: open, efsVolumeConfiguration: { fileSystemId: fs-3 } }
      service:
        enableExecuteCommand: true
";
    let with = graph(&file(lines, ""));
    let execution = may(&with, "web-execution");
    for (action, on) in [
        ("s3:GetObject", "arn:aws:s3:::acme/shop/app.env"),
        ("s3:GetBucketLocation", "arn:aws:s3:::acme"),
        (
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:hub-AbCdEf",
        ),
    ] {
        assert!(execution.contains(&(action.into(), on.into())), "{action}: {execution:?}");
    }
    let system = |id: &str| format!("arn:aws:elasticfilesystem:us-east-1:*:file-system/{id}");
    let task = may(&with, "web-task");
    let has = |action: &str, on: &str| task.contains(&(action.to_owned(), on.to_owned()));
    assert!(has("ssmmessages:OpenDataChannel", "*"), "{task:?}");
    assert!(has("elasticfilesystem:ClientMount", &system("fs-1")), "{task:?}");
    assert!(!has("elasticfilesystem:ClientWrite", &system("fs-1")), "{task:?}");
    assert!(has("elasticfilesystem:ClientWrite", &system("fs-2")), "{task:?}");
    assert!(!task.iter().any(|(_, on)| on.contains("fs-3")), "{task:?}");
    assert!(with["task-definition.web"]["settings"].get("taskRoleArn").is_some());
    assert!(!graph(&file("", "")).contains_key("role.web-task"));
}

#[test]
fn zones_are_not_rebalanced_where_ecs_refuses_it() {
    let settings = |most: u32| {
        let lines = format!(
            "    override: {{ service: {{ deploymentConfiguration: {{ maximumPercent: {most}, minimumHealthyPercent: 50 }} }} }}\n"
        );
        graph(&file(&lines, ""))["service.web"]["settings"]["availabilityZoneRebalancing"].clone()
    };
    assert_eq!(settings(100), "DISABLED");
    assert_eq!(settings(150), Value::Null);
}

#[test]
fn log_lines_wait_as_the_file_says() {
    let options = |logs: &str| {
        let graph = graph(&file("", logs));
        graph["task-definition.web"]["containers"]["web"]["logConfiguration"]["options"].clone()
    };
    let usual = options("");
    assert_eq!(
        (&usual["mode"], &usual["max-buffer-size"]),
        (&json!("non-blocking"), &json!("25m"))
    );
    let said = options("logs: { mode: blocking, multiline: \"^[0-9]{4}-\" }\n");
    assert_eq!((&said["mode"], &said["max-buffer-size"]), (&json!("blocking"), &Value::Null));
    assert_eq!(said["awslogs-multiline-pattern"], "^[0-9]{4}-");
}
