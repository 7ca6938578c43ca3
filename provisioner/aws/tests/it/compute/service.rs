//! Services on an emulator, and services in trouble as AWS tells it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ecs::types::Tag;
use engine::{Adapter, Class, Id, Op, Ready, Seen, Which};
use kinds::Service;
use serde_json::{Map, Value, json};

use super::fields;
use crate::answers;
use crate::contract::{Project, differences};
use crate::emulator::Emulator;

/// Looks until it is ready: on moto, whose tasks never start, that takes ten seconds.
async fn ready(project: &Project, id: &Id) -> Seen<Service> {
    for _ in 0..60 {
        let seen = project.see::<Service>(id).await;
        if seen.ready == Ready::Yes {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{:?}", project.see::<Service>(id).await.ready);
}

#[tokio::test]
async fn a_service_keeps_every_setting() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let ecs = &project.aws.read().ecs;
    let cluster = project.cluster().await;
    let definition = project.make(&project.definition()).await;
    let around = project.surroundings().await;
    let settings = json!({
        "taskDefinition": definition.id, "launchType": "FARGATE", "platformVersion": "LATEST",
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": around.subnets, "securityGroups": [around.groups[0]],
            "assignPublicIp": "DISABLED"}},
        "loadBalancers": [
            {"targetGroupArn": around.target_group, "containerName": "api", "containerPort": 8080}],
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "maximumPercent": 200, "minimumHealthyPercent": 100},
        "healthCheckGracePeriodSeconds": 60, "enableExecuteCommand": true,
        "enableECSManagedTags": true, "propagateTags": "SERVICE",
        "availabilityZoneRebalancing": "ENABLED"});
    let service = json!({
        "name": "api", "cluster": cluster.id, "initial_count": 2, "settings": settings,
        "tags": project.tags("service.api")});
    let desired: Service = serde_json::from_value(service).unwrap();
    let op = Op { id: "c".repeat(32), owner: project.owner() };
    let id = project.aws.create(&desired, &op).await.unwrap();
    let lost = project.aws.observe(Which::Lost(&desired, &op)).await.unwrap();
    assert_eq!(lost[0].owner.as_ref().map(|owner| &owner.op), Some(&op.id));
    let seen = ready(&project, &id).await;
    let which = Which::Ours(&project.owner());
    let ours = Adapter::<Service>::observe(&project.aws, which).await.unwrap();
    assert_eq!(ours.iter().map(|seen| &seen.id).collect::<Vec<_>>(), [&id]);
    assert!(differences(&desired, &seen).is_empty());
    assert_eq!(!project.aws.notes().is_empty(), emulator.is_moto(), "{:?}", project.aws.notes());

    let by_hand = || ecs.update_service().cluster(cluster.id.as_str()).service("api");
    by_hand().desired_count(5).send().await.unwrap();
    project.settle(&desired, &id).await;
    let updates = project.aws.mutating_calls();
    assert!(!updates.iter().any(|(name, _)| name == "ecs:UpdateService"), "the count is not ours");

    let change = async |path: &str, body: Value| {
        change(&project, &id, body).await;
        project.heals(&desired, &id, &format!("settings.{path}")).await;
    };
    let second = project.make(&project.definition()).await;
    change("taskDefinition", json!({"taskDefinition": second.id})).await;
    change("platformVersion", json!({"platformVersion": "1.4.0"})).await;
    change("healthCheckGracePeriodSeconds", json!({"healthCheckGracePeriodSeconds": 1})).await;
    change("enableExecuteCommand", json!({"enableExecuteCommand": false})).await;
    change("loadBalancers", json!({"loadBalancers": []})).await;
    let network = |subnets: Value, groups: Value, public: &str| {
        json!({"networkConfiguration": {"awsvpcConfiguration": {
            "subnets": subnets, "securityGroups": groups, "assignPublicIp": public}}})
    };
    let (both, one) = (json!(around.subnets), json!([around.groups[0]]));
    let at = "networkConfiguration.awsvpcConfiguration";
    let fewer = network(json!([around.subnets[0]]), one.clone(), "DISABLED");
    change(&format!("{at}.subnets"), fewer).await;
    let other = network(both.clone(), json!([around.groups[1]]), "DISABLED");
    change(&format!("{at}.securityGroups"), other).await;
    change(&format!("{at}.assignPublicIp"), network(both, one, "ENABLED")).await;
    let rollout = |percent: u32, breaker: bool| {
        json!({"deploymentConfiguration": {"maximumPercent": percent,
            "deploymentCircuitBreaker": {"enable": breaker, "rollback": breaker},
            "minimumHealthyPercent": 100}})
    };
    change("deploymentConfiguration.maximumPercent", rollout(150, true)).await;
    change("deploymentConfiguration.deploymentCircuitBreaker", rollout(200, false)).await;
    // MiniStack takes these and keeps the old values.
    if emulator.is_moto() {
        change("propagateTags", json!({"propagateTags": "NONE"})).await;
        change("enableECSManagedTags", json!({"enableECSManagedTags": false})).await;
        let off = json!({"availabilityZoneRebalancing": "DISABLED"});
        change("availabilityZoneRebalancing", off).await;
    }
    let arn = seen.outputs.arn.get().unwrap();
    let tag = Tag::builder().key("by").value("hand").build();
    ecs.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
    project.heals(&desired, &id, "tags[by]").await;

    let mut other = desired.clone();
    other.settings.insert("launchType".into(), json!("EC2"));
    let refused = project.aws.update(&other, &seen).await.unwrap_err();
    assert!(refused.is(Class::Invalid) && refused.message.contains("launchType"), "{refused}");
    project.remove(&project.see::<Service>(&id).await).await;
    project.remove(&cluster).await;
}

/// Changes a service behind the adapter's back, with a body as the API reference writes it.
async fn change(project: &Project, id: &Id, body: Value) {
    let mut seen = project.see::<Service>(id).await;
    seen.spec.settings.clear();
    let mut other = seen.spec.clone();
    other.settings = fields(body);
    project.aws.update(&other, &seen).await.unwrap();
}

/// A service as AWS describes one, with its deployments.
fn described(desired: u64, deployments: &Value) -> Value {
    json!({
        "serviceName": "api", "status": "ACTIVE", "desiredCount": desired, "runningCount": 0,
        "serviceArn": "arn:aws:ecs:eu-central-1:1:service/shop/api",
        "clusterArn": "arn:aws:ecs:eu-central-1:1:cluster/shop",
        "taskDefinition": "api:2", "deployments": deployments, "events": [],
        "loadBalancers": [], "tags": []})
}

/// An account with one service and one stopped task.
fn account(service: Value) -> aws::Aws {
    answers::aws(move |operation, body| match operation {
        "DescribeServices" => (200, json!({"services": [service], "failures": []})),
        "ListTasks" if body["desiredStatus"] == "STOPPED" => {
            (200, json!({"taskArns": ["arn:aws:ecs:eu-central-1:1:task/shop/a1"]}))
        }
        "DescribeTasks" => (
            200,
            json!({"tasks": [{
                "taskArn": "arn:aws:ecs:eu-central-1:1:task/shop/a1", "stoppedAt": 1.7e9,
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "api", "exitCode": 1}]}]}),
        ),
        other => panic!("{other} is not expected"),
    })
}

async fn judged(service: Value) -> Ready {
    let ids = ["shop/api".into()];
    let aws = account(service);
    let mut seen = Adapter::<Service>::observe(&aws, Which::Ids(&ids)).await.unwrap();
    seen.pop().expect("it is there").ready
}

#[tokio::test]
async fn a_failed_deployment_says_why_its_tasks_stopped() {
    let breaker = "ECS deployment circuit breaker: tasks failed to start.";
    let failed = json!({"id": "ecs-svc/2", "status": "PRIMARY", "taskDefinition": "api:2",
        "runningCount": 0, "failedTasks": 3, "rolloutState": "FAILED",
        "rolloutStateReason": breaker});
    let task = "Task a1 stopped: Essential container in task exited; container api exited with 1";
    let never = Ready::Never(format!("{breaker} {task}"));
    assert_eq!(judged(described(2, &json!([failed]))).await, never);

    let mut trying = failed.clone();
    trying["rolloutState"] = json!("IN_PROGRESS");
    let wait = Ready::Wait(format!("0 of 2 tasks running, 3 failed; {task}"));
    assert_eq!(judged(described(2, &json!([trying]))).await, wait);
}

#[tokio::test]
async fn nothing_is_taken_for_granted_on_aws() {
    let running = json!({"id": "ecs-svc/2", "status": "PRIMARY", "taskDefinition": "api:2",
        "runningCount": 2, "failedTasks": 0, "rolloutState": "IN_PROGRESS"});
    let Ready::Wait(_) = judged(described(2, &json!([running]))).await else {
        panic!("all tasks run, and the deployment is not completed")
    };
    let mut done = running;
    done["rolloutState"] = json!("COMPLETED");
    assert_eq!(judged(described(2, &json!([done]))).await, Ready::Yes);
    let mut draining = described(2, &json!([done]));
    draining["status"] = json!("DRAINING");
    draining["runningCount"] = json!(1);
    assert_eq!(judged(draining).await, Ready::Leaving("1 tasks still running".into()));
}

#[tokio::test]
async fn services_are_described_ten_at_a_time_and_again_after_throttling() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&calls);
    let aws = answers::aws(move |_, body| {
        let mut calls = heard.lock().unwrap();
        calls.push(body.clone());
        if calls.len() == 1 {
            return answers::refusal("ThrottlingException", "Rate exceeded");
        }
        let names = body["services"].as_array().unwrap();
        assert!(names.len() <= 10, "{} services in one call", names.len());
        let services: Vec<Value> = names
            .iter()
            .map(|name| {
                let mut service =
                    described(0, &json!([{"status": "PRIMARY", "taskDefinition": "api:2"}]));
                service["serviceName"] = name.clone();
                service
            })
            .collect();
        (200, json!({"services": services, "failures": []}))
    });
    let ids: Vec<Id> = (0..23).map(|n| format!("shop/api-{n}").into()).collect();
    let seen = Adapter::<Service>::observe(&aws, Which::Ids(&ids)).await.unwrap();
    assert_eq!(seen.len(), ids.len());
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 4);
    assert!(calls[1..].contains(&calls[0]), "the repeated call is the same call");
}

#[tokio::test]
async fn a_failed_service_is_deployed_again_though_nothing_differs() {
    let failed = json!({"status": "PRIMARY", "taskDefinition": "api:2", "rolloutState": "FAILED"});
    let service = described(1, &json!([failed]));
    let ids = ["shop/api".into()];
    let aws = account(service);
    let seen = Adapter::<Service>::observe(&aws, Which::Ids(&ids)).await.unwrap().remove(0);
    let aws = answers::aws(|operation, body| {
        assert_eq!(operation, "UpdateService");
        let expected = json!({"cluster": "shop", "service": "api", "forceNewDeployment": true});
        assert_eq!(*body, expected);
        (200, json!({}))
    });
    aws.update(&seen.spec, &seen).await.unwrap();
}

#[tokio::test]
async fn a_service_of_that_name_that_is_there_already() {
    let aws = answers::aws(|_, body| {
        assert_eq!(body["clientToken"], "d".repeat(32));
        assert_eq!(body["desiredCount"], 3);
        let message = "Creation of service was not idempotent.";
        answers::refusal("InvalidParameterException", message)
    });
    let project = Project::new(aws);
    let desired = Service {
        name: "api".into(),
        cluster: "shop".into(),
        initial_count: 3,
        settings: Map::new(),
        tags: project.tags("service.api"),
    };
    let op = Op { id: "d".repeat(32), owner: project.owner() };
    let refused = project.aws.create(&desired, &op).await.unwrap_err();
    assert!(refused.is(Class::Exists), "{refused}");
}
