//! Application Auto Scaling. MiniStack lacks it, so its answers are prepared, in AWS's shapes.

use std::sync::{Arc, Mutex};

use aws::Aws;
use aws::scale::{Scaling, ScalingChange};
use engine::{Adapter, Class, Op, Owner, Which};
use kinds::{ScalableTarget, ScalingPolicy};
use serde_json::{Map, Value, json};

use crate::answers::{self, Answer};
use crate::contract::Project;
use crate::emulator::Emulator;

/// Scalable targets and policies by their names.
pub(crate) type Account = Arc<Mutex<Map<String, Value>>>;

/// An account that keeps scalable targets and policies.
fn scaling() -> (Aws, Account) {
    let account = Account::default();
    let kept = Arc::clone(&account);
    (answers::aws(move |operation, body| answer(&kept, operation, body)), account)
}

/// What Application Auto Scaling answers.
pub(crate) fn answer(account: &Account, operation: &str, body: &Value) -> Answer {
    let mut kept = account.lock().unwrap();
    let resource = body["ResourceId"].as_str().unwrap_or_default().to_owned();
    let policy = format!("{resource}/{}", body["PolicyName"].as_str().unwrap_or_default());
    let listed = |names: &Value, field: &str, is_policy: bool| -> Vec<Value> {
        let entries = kept.values().filter(|e| e.get("PolicyName").is_some() == is_policy);
        let wanted = |e: &&Value| names.as_array().is_none_or(|n| n.contains(&e[field]));
        entries.filter(wanted).cloned().collect()
    };
    let gone = answers::refusal("ObjectNotFoundException", "No scaling policy found for it");
    match operation {
        "RegisterScalableTarget" => {
            assert_eq!(body["ServiceNamespace"], "ecs");
            let mut entry = body.clone();
            entry["CreationTime"] = json!(0);
            entry["RoleARN"] = json!("arn:aws:iam::1:role/x");
            kept.insert(resource, entry);
            (200, json!({}))
        }
        "PutScalingPolicy" => {
            let mut entry = body.clone();
            entry["PolicyARN"] = json!(format!("arn:{policy}"));
            entry["CreationTime"] = json!(0);
            kept.insert(policy, entry);
            (200, json!({"PolicyARN": "arn"}))
        }
        "DescribeScalableTargets" => {
            (200, json!({"ScalableTargets": listed(&body["ResourceIds"], "ResourceId", false)}))
        }
        "DescribeScalingPolicies" => {
            (200, json!({"ScalingPolicies": listed(&body["PolicyNames"], "PolicyName", true)}))
        }
        "DeregisterScalableTarget" => kept.remove(&resource).map_or(gone, |_| (200, json!({}))),
        "DeleteScalingPolicy" => kept.remove(&policy).map_or(gone, |_| (200, json!({}))),
        other => panic!("{other} is not expected"),
    }
}

#[tokio::test]
async fn a_scalable_target_keeps_its_bounds() {
    let (aws, account) = scaling();
    let project = Project::new(aws);
    let cluster = project.named("test");
    let resource = format!("service/{cluster}/api");
    let desired = ScalableTarget { cluster: cluster.into(), service: "api".into(), min: 2, max: 6 };
    let seen = project.make(&desired).await;
    assert_eq!(seen.outputs.resource.known(), Some(&*resource));
    account.lock().unwrap()[&resource]["MinCapacity"] = json!(1);
    project.heals(&desired, &seen.id, "min").await;
    account.lock().unwrap()[&resource]["MaxCapacity"] = json!(60);
    project.heals(&desired, &seen.id, "max").await;
    project.remove(&seen).await;
}

#[tokio::test]
async fn a_scaling_policy_keeps_its_numbers() {
    let (aws, account) = scaling();
    let project = Project::new(aws);
    let target = format!("service/{}/api", project.named("test"));
    let desired = ScalingPolicy {
        target: target.as_str().into(),
        name: "cpu".into(),
        metric: "ECSServiceAverageCPUUtilization".into(),
        value: 60.0,
        scale_in_cooldown: 120,
        scale_out_cooldown: 30,
    };
    // Of the same name, on another service.
    let other = json!({"ResourceId": "service/other/web", "PolicyName": "cpu", "PolicyARN": "arn",
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
        "PolicyType": "TargetTrackingScaling", "CreationTime": 0});
    account.lock().unwrap().insert("other".into(), other);
    let id = project.make(&desired).await.id;
    let alter = |field: &str, value: Value| {
        let mut account = account.lock().unwrap();
        account[id.as_str()]["TargetTrackingScalingPolicyConfiguration"][field] = value;
    };
    alter("TargetValue", json!(75.0));
    project.heals(&desired, &id, "value").await;
    alter("ScaleInCooldown", json!(1));
    project.heals(&desired, &id, "scale_in_cooldown").await;
    alter("ScaleOutCooldown", json!(1));
    project.heals(&desired, &id, "scale_out_cooldown").await;
    let memory = json!({"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"});
    alter("PredefinedMetricSpecification", memory);
    project.heals(&desired, &id, "metric").await;
    alter("PredefinedMetricSpecification", Value::Null);
    let seen = project.heals(&desired, &id, "metric").await;
    project.remove(&seen).await;
}

#[tokio::test]
async fn an_emulator_without_scaling_is_told_from_an_error() {
    let emulator = Emulator::get().await;
    let aws = emulator.connect();
    let ids = ["service/shop/api".into()];
    let targets = Adapter::<ScalableTarget>::observe(&aws, Which::Ids(&ids)).await;
    let policies = Adapter::<ScalingPolicy>::observe(&aws, Which::Ids(&ids)).await;
    if emulator.is_moto() {
        assert!(targets.unwrap().is_empty() && policies.unwrap().is_empty());
    } else {
        assert!(targets.unwrap_err().is(Class::NotEmulated));
        assert!(policies.unwrap_err().is(Class::NotEmulated));
    }
}

#[tokio::test]
async fn bounds_are_read_and_moved_outside_of_the_graph() {
    let (aws, account) = scaling();
    assert_eq!(aws.scaling("shop", "api").await.unwrap(), None);
    let target = ScalableTarget { cluster: "shop".into(), service: "api".into(), min: 2, max: 6 };
    let op = Op { id: "0".repeat(32), owner: Owner::of("shop", "test") };
    aws.create(&target, &op).await.unwrap();
    let expected = Scaling { min: 2, max: 6, suspended: false };
    assert_eq!(aws.scaling("shop", "api").await.unwrap(), Some(expected));
    let change = ScalingChange { min: Some(0), max: Some(0), suspended: None };
    aws.set_scaling("shop", "api", change).await.unwrap();
    assert_eq!(account.lock().unwrap()["service/shop/api"]["MaxCapacity"], 0);
    let change = ScalingChange { suspended: Some(true), ..ScalingChange::default() };
    let sent = Arc::new(Mutex::new(Value::Null));
    let heard = Arc::clone(&sent);
    let aws = answers::aws(move |_, body| {
        *heard.lock().unwrap() = body.clone();
        (200, json!({}))
    });
    aws.set_scaling("shop", "api", change).await.unwrap();
    let sent = sent.lock().unwrap();
    assert_eq!(sent["SuspendedState"]["DynamicScalingInSuspended"], true);
    assert_eq!(sent["MinCapacity"], Value::Null, "what is not said stays");
}
