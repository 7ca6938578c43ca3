//! What runs: services, tasks and revisions outside of the graph.

use std::sync::{Arc, Mutex};

use aws::run_task::{Override, RunTask};
use aws::services::ServiceView;
use aws::tasks::{Standing, Task};
use engine::{Adapter, Class, Op};
use kinds::Service;
use serde_json::{Value, json};

use crate::answers;
use crate::contract::Project;
use crate::emulator::Emulator;

#[tokio::test]
async fn a_deployment_is_asked_for_and_followed() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let aws = &project.aws;
    let cluster = project.cluster().await;
    let cluster = cluster.id.as_str();
    let first = project.make(&project.definition()).await;
    let around = project.surroundings().await;
    let network = json!({"awsvpcConfiguration": {
        "subnets": around.subnets, "securityGroups": around.groups, "assignPublicIp": "DISABLED"}});
    let service = json!({
        "name": "api", "cluster": cluster, "initial_count": 2, "tags": project.tags("service.api"),
        "settings": {"taskDefinition": first.id, "launchType": "FARGATE",
            "networkConfiguration": network, "loadBalancers": [{
                "targetGroupArn": around.target_group, "containerName": "api",
                "containerPort": 8080}]}});
    let service: Service = serde_json::from_value(service).unwrap();
    aws.create(&service, &Op { id: "e".repeat(32), owner: project.owner() }).await.unwrap();

    let view = aws.service_view(cluster, "api").await.unwrap().unwrap();
    assert_eq!((view.status.as_str(), view.desired_count), ("ACTIVE", 2));
    assert_eq!(view.load_balancers[0].target_group_arn, around.target_group);
    assert_eq!(view.load_balancers[0].container_port, 8080);
    let subnets = view.network_configuration["awsvpcConfiguration"]["subnets"].as_array().unwrap();
    assert_eq!(subnets.len(), 2);
    let before = view.primary().unwrap();
    assert_eq!(before.task_definition, first.id.as_str());
    assert!(before.created_at.is_some() && !before.id.is_empty(), "{before:?}");

    let mut next = aws.describe_task_definition(first.id.as_str()).await.unwrap().unwrap();
    next["containerDefinitions"][0]["image"] = json!("x/none:2");
    let op = uuid::Uuid::new_v4().simple().to_string();
    let second = aws.register_task_definition(&next, &op).await.unwrap();
    assert!(second.ends_with(":2"), "{second}");
    let made = aws.describe_task_definition(&second).await.unwrap().unwrap();
    assert_eq!(made["containerDefinitions"][0]["image"], "x/none:2");
    let mine = json!({"key": "provisioner:op", "value": op});
    assert!(made["tags"].as_array().unwrap().contains(&mine), "{}", made["tags"]);

    let updated = aws.update_service(cluster, "api", Some(&second), Some(3), false).await.unwrap();
    assert_eq!((updated.task_definition.as_str(), updated.desired_count), (&*second, 3));
    let after = aws.service_view(cluster, "api").await.unwrap().unwrap();
    // moto's deployments keep the revision that they began with.
    let deployed = if emulator.is_moto() { first.id.as_str() } else { &second };
    assert_eq!(after.primary().unwrap().task_definition, deployed);
    let same = aws.update_service(cluster, "api", None, None, true).await.unwrap();
    assert_ne!(same.primary().unwrap().id, after.primary().unwrap().id, "deployed once more");
    assert_eq!((same.task_definition.as_str(), same.desired_count), (&*second, 3));

    aws.deregister_task_definition(first.id.as_str()).await.unwrap();
    aws.deregister_task_definition(first.id.as_str()).await.expect("retired already is success");
    let retired = aws.describe_task_definition(first.id.as_str()).await.unwrap().unwrap();
    assert_eq!(retired["status"], "INACTIVE");
    assert!(aws.service_view(cluster, "none").await.unwrap().is_none());
    let gone = aws.update_service(cluster, "none", None, Some(1), false).await.unwrap_err();
    assert!(gone.is(Class::Absent), "{gone}");

    // moto starts no tasks for services.
    if !emulator.is_moto() {
        let running = aws.tasks(cluster, "api", Standing::Running).await.unwrap();
        assert_eq!(running.len(), 3);
        assert_eq!(running[0].task_definition_arn, second);
        aws.stop_task(cluster, &running[0].task_arn, "by hand").await.unwrap();
        let stopped = aws.describe_tasks(cluster, &[running[0].task_arn.clone()]).await.unwrap();
        assert_eq!(stopped[0].desired_status, "STOPPED");
        assert_eq!(stopped[0].stopped_reason.as_deref(), Some("by hand"));
    }
    assert_eq!(aws.tasks("none", "api", Standing::Running).await.unwrap(), []);
}

#[tokio::test]
async fn a_task_runs_once_with_a_command_of_its_own() {
    let emulator = Emulator::get().await;
    // It answers 500 to a task whose containers have no memory of their own.
    if emulator.is_moto() {
        return;
    }
    let project = Project::new(emulator.connect());
    let aws = &project.aws;
    let cluster = project.cluster().await;
    let definition = project.make(&project.definition()).await;
    let around = project.surroundings().await;
    let network = json!({"awsvpcConfiguration": {
        "subnets": [around.subnets[0]], "securityGroups": [around.groups[0]],
        "assignPublicIp": "DISABLED"}});
    let run = RunTask {
        cluster: cluster.id.0.clone(),
        task_definition: definition.id.0.clone(),
        token: uuid::Uuid::new_v4().simple().to_string(),
        network_configuration: network,
        capacity_provider_strategy: vec![],
        overrides: vec![Override {
            container: "api".into(),
            command: Some(vec!["/api".into(), "migrate".into()]),
            environment: [("A".to_owned(), "2".to_owned())].into(),
        }],
        platform_version: None,
        tags: project.tags("task.migration"),
    };
    let arn = aws.run_task(&run).await.unwrap();
    let found = aws.describe_tasks(&run.cluster, std::slice::from_ref(&arn)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].started_by.as_deref(), Some(run.token.as_str()));
    assert_eq!(found[0].task_definition_arn, run.task_definition);
    aws.stop_task(&run.cluster, &arn, "interrupted").await.unwrap();
    let found = aws.describe_tasks(&run.cluster, std::slice::from_ref(&arn)).await.unwrap();
    assert_eq!(found[0].desired_status, "STOPPED");
}

/// The answer to the first `operation` does not arrive.
fn losing(
    operation: &'static str,
    tell: impl Fn(&str, &Value) -> Value + Send + Sync + 'static,
) -> aws::Aws {
    answers::aws(move |asked, body| {
        if asked == operation {
            return (500, json!({"__type": "ServerException", "message": "Service Unavailable"}));
        }
        (200, tell(asked, body))
    })
}

#[tokio::test]
async fn a_task_and_a_revision_are_found_after_a_lost_answer() {
    let (token, op) = ("t".repeat(32), "o".repeat(32));
    let (started, tagged) = (token.clone(), op.clone());
    let aws = losing("RunTask", move |asked, body| match asked {
        "ListTasks" => {
            assert_eq!(body["family"], "shop-api");
            let stopped = body["desiredStatus"] == "STOPPED";
            json!({"taskArns": if stopped { vec!["arn:task/1", "arn:task/2"] } else { vec![] }})
        }
        "DescribeTasks" => json!({"tasks": [
            {"taskArn": "arn:task/1", "startedBy": "somebody"},
            {"taskArn": "arn:task/2", "startedBy": started}]}),
        other => panic!("{other} is not expected"),
    });
    let mut run = RunTask {
        token,
        cluster: "shop".into(),
        task_definition: "arn:aws:ecs:eu-central-1:1:task-definition/shop-api:7".into(),
        ..RunTask::default()
    };
    assert_eq!(aws.run_task(&run).await.unwrap(), "arn:task/2");
    run.token = "n".repeat(32);
    assert!(aws.run_task(&run).await.unwrap_err().is(Class::Lost));

    let aws = losing("RegisterTaskDefinition", move |asked, body| match asked {
        "ListTaskDefinitions" => json!({"taskDefinitionArns": ["shop-api:9", "shop-api:8"]}),
        "DescribeTaskDefinition" => {
            let ours = body["taskDefinition"] == "shop-api:8";
            let value = if ours { tagged.as_str() } else { "other" };
            json!({"taskDefinition": {}, "tags": [{"key": "provisioner:op", "value": value}]})
        }
        other => panic!("{other} is not expected"),
    });
    let definition = json!({"family": "shop-api", "containerDefinitions": []});
    assert_eq!(aws.register_task_definition(&definition, &op).await.unwrap(), "shop-api:8");
    let lost = aws.register_task_definition(&definition, "never").await.unwrap_err();
    assert!(lost.is(Class::Lost), "{lost}");
}

#[tokio::test]
async fn tasks_are_listed_in_pages_and_described_by_the_hundred() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&sizes);
    let aws = answers::aws(move |asked, body| match (asked, &body["nextToken"]) {
        ("ListTasks", Value::Null) => {
            let arns: Vec<String> = (0..100).map(|n| format!("arn:task/{n}")).collect();
            (200, json!({"taskArns": arns, "nextToken": "more"}))
        }
        ("ListTasks", _) => {
            let arns: Vec<String> = (100..130).map(|n| format!("arn:task/{n}")).collect();
            (200, json!({"taskArns": arns}))
        }
        _ => {
            let arns = body["tasks"].as_array().unwrap();
            heard.lock().unwrap().push(arns.len());
            let tasks = arns.iter().map(|arn| {
                let number: f64 = arn.as_str().unwrap()["arn:task/".len()..].parse().unwrap();
                json!({"taskArn": arn, "createdAt": 1.7e9 + number})
            });
            let forgotten = json!([{"arn": "arn:task/x", "reason": "MISSING"}]);
            (200, json!({"tasks": tasks.collect::<Value>(), "failures": forgotten}))
        }
    });
    let found = aws.tasks("shop", "api", Standing::Stopped).await.unwrap();
    assert_eq!(found.len(), 130);
    assert_eq!(found[0].task_arn, "arn:task/129", "the newest first");
    let mut sizes = sizes.lock().unwrap().clone();
    sizes.sort_unstable();
    assert_eq!(sizes, [30, 100]);
}

#[tokio::test]
async fn stopping_a_task_that_ecs_has_forgotten_is_success() {
    let forgotten = answers::aws(|_, _| {
        answers::refusal("InvalidParameterException", "The referenced task was not found.")
    });
    forgotten.stop_task("shop", "arn:task/1", "done").await.unwrap();
    let refused = answers::aws(|_, _| answers::refusal("AccessDeniedException", "not authorized"));
    let refused = refused.stop_task("shop", "arn:task/1", "done").await.unwrap_err();
    assert!(refused.is(Class::Denied));
}

#[tokio::test]
async fn what_was_recorded_is_read_again_as_it_was() {
    let told = json!({
        "serviceName": "api", "status": "ACTIVE", "desiredCount": 2, "taskDefinition": "api:2",
        "deployments": [{"id": "ecs-svc/2", "status": "PRIMARY", "failedTasks": 3,
            "createdAt": 1_795_261_600.25, "rolloutState": "FAILED"}],
        "events": [{"id": "e", "createdAt": "2026-11-21T11:46:40Z", "message": "(service api) …"}],
        "createdBy": "arn:x", "platformVersion": null});
    let view = ServiceView::read(&told).unwrap();
    assert_eq!(view.primary().unwrap().failed_tasks, 3);
    assert_eq!(view.events[0].created_at.unwrap().to_string(), "2026-11-21T11:46:40Z");
    let kept: ServiceView = serde_json::from_str(&serde_json::to_string(&view).unwrap()).unwrap();
    assert_eq!(kept, view);
    assert!(ServiceView::read(&json!({"desiredCount": "two"})).is_err());
    assert!(Task::read(&json!({"containers": 1})).is_err());
}
