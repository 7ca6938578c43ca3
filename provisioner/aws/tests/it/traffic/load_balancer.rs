//! Load balancers and target groups: changed by hand, and of others.

use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerAttribute, TargetGroupAttribute};
use engine::{Adapter, Class, Which};
use kinds::{LoadBalancer, TargetGroup};

use super::Ground;
use crate::contract::Project;
use crate::emulator::Emulator;

#[tokio::test]
async fn a_load_balancer_is_brought_back_and_removed_though_protected() {
    let project = Project::new(Emulator::get().await.connect());
    let elb = &project.aws.read().elb;
    let ground = Ground::of(&project).await;
    let seen = ground.load_balancer(&project).await;
    let (desired, arn) = (seen.spec.clone(), seen.id.as_str());
    let full_name = seen.outputs.full_name.get().unwrap();
    assert!(full_name.starts_with(&format!("app/{}/", desired.name)), "{full_name}");
    assert!(!seen.outputs.dns_name.get().unwrap().is_empty());

    for (key, value) in [
        ("deletion_protection.enabled", "false"),
        ("routing.http.drop_invalid_header_fields.enabled", "false"),
        ("idle_timeout.timeout_seconds", "61"),
    ] {
        let attribute = LoadBalancerAttribute::builder().key(key).value(value).build();
        let call = elb.modify_load_balancer_attributes().load_balancer_arn(arn);
        call.attributes(attribute).send().await.unwrap();
        project.heals(&desired, &seen.id, "attributes").await;
    }
    let other = project.group(&ground.vpc, "other").await;
    let call = elb.set_security_groups().load_balancer_arn(arn).security_groups(other.id.as_str());
    call.send().await.unwrap();
    project.heals(&desired, &seen.id, "security_groups").await;
    project.remove(&other).await;
    let third = project.subnet(&ground.vpc, "c", "10.20.3.0/24").await;
    let subnets = [&ground.subnets[0], &third].map(|subnet| subnet.id.0.clone());
    let call = elb.set_subnets().load_balancer_arn(arn).set_subnets(Some(subnets.into()));
    call.send().await.unwrap();
    project.heals(&desired, &seen.id, "subnets").await;
    project.tag_part_by_hand(arn).await;
    let seen = project.heals(&desired, &seen.id, "tags").await;

    project.remove(&seen).await;
    project.remove(&third).await;
    ground.remove(&project).await;
}

/// `CreateLoadBalancer` with the name and settings of one that exists answers with that one.
#[tokio::test]
async fn a_strangers_load_balancer_is_not_taken_for_ours() {
    let project = Project::new(Emulator::get().await.connect());
    let ground = Ground::of(&project).await;
    let seen = ground.load_balancer(&project).await;
    let calls = crate::contract::mutations(&project.aws);
    let stranger = Project::new(project.aws.clone());
    let desired = LoadBalancer { tags: stranger.tags("load-balancer.main"), ..seen.spec.clone() };
    let refused = project.aws.create(&desired, &stranger.op()).await.unwrap_err();
    assert_eq!(refused.class, Class::Exists);
    assert_eq!(crate::contract::mutations(&project.aws), calls, "nothing was changed");
    let named = project.aws.observe(Which::Named(&[desired])).await.unwrap();
    assert_eq!(named[0].owner.as_ref().unwrap().project, project.owner().project);

    let group = ground.target_group(&project, "api").await;
    let desired = TargetGroup { tags: stranger.tags("target-group.api"), ..group.spec.clone() };
    let refused = project.aws.create(&desired, &stranger.op()).await.unwrap_err();
    assert_eq!(refused.class, Class::Exists);

    project.remove(&group).await;
    project.remove(&seen).await;
    ground.remove(&project).await;
}

#[tokio::test]
async fn a_target_group_keeps_its_health_check_and_delay() {
    let project = Project::new(Emulator::get().await.connect());
    let elb = &project.aws.read().elb;
    let ground = Ground::of(&project).await;
    let seen = ground.target_group(&project, "api").await;
    let (desired, arn) = (seen.spec.clone(), seen.id.as_str());
    assert!(seen.outputs.full_name.get().unwrap().starts_with("targetgroup/"));
    let call = elb.modify_target_group().target_group_arn(arn).health_check_path("/elsewhere");
    call.health_check_interval_seconds(20).send().await.unwrap();
    project.heals(&desired, &seen.id, "health").await;
    let delay = TargetGroupAttribute::builder().key("deregistration_delay.timeout_seconds");
    let call = elb.modify_target_group_attributes().target_group_arn(arn);
    call.attributes(delay.value("300").build()).send().await.unwrap();
    project.heals(&desired, &seen.id, "deregistration_delay").await;
    project.tag_part_by_hand(arn).await;
    let seen = project.heals(&desired, &seen.id, "tags").await;
    project.remove(&seen).await;
    ground.remove(&project).await;
}
