//! Listeners and their rules.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, PathPatternConditionConfig, RuleCondition, RulePriorityPair,
};
use engine::{Adapter, Class, Input, Seen, Which};
use kinds::{DefaultAction, Listener, ListenerRule, ListenerRules, TargetGroup};

use super::Ground;
use crate::contract::Project;
use crate::emulator::Emulator;

fn rule(priority: u32, path: &str, host: Option<&str>, group: &Seen<TargetGroup>) -> ListenerRule {
    ListenerRule {
        priority,
        paths: [path.to_owned()].into(),
        hosts: host.map(Into::into).into_iter().collect(),
        target_group: group.outputs.arn.clone(),
    }
}

#[tokio::test]
async fn a_listener_has_exactly_its_rules() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let elb = &project.aws.read().elb;
    let ground = Ground::of(&project).await;
    let balancer = ground.load_balancer(&project).await;
    let (api, web) =
        (ground.target_group(&project, "api").await, ground.target_group(&project, "web").await);
    let not_found = DefaultAction::FixedResponse {
        status: 404,
        content_type: "text/plain".into(),
        body: "no route".into(),
    };
    let listener = Listener {
        load_balancer: balancer.outputs.arn.clone(),
        port: 80,
        protocol: "HTTP".into(),
        default: not_found,
        tags: project.tags("listener.http"),
    };
    let seen = project.make(&listener).await;
    let arn = seen.id.as_str();
    let named = project.aws.observe(Which::Named(std::slice::from_ref(&listener))).await.unwrap();
    assert_eq!(named.iter().map(|one| &one.id).collect::<Vec<_>>(), [&seen.id]);
    let forward = Action::builder().r#type(ActionTypeEnum::Forward);
    let forward = forward.target_group_arn(web.id.as_str()).build();
    let call = elb.modify_listener().listener_arn(arn).port(8081);
    call.default_actions(forward.clone()).send().await.unwrap();
    project.heals(&listener, &seen.id, "default").await;
    let redirect = Listener { default: DefaultAction::RedirectToHttps, ..listener.clone() };
    project.settle(&redirect, &seen.id).await;
    project.settle(&listener, &seen.id).await;
    project.tag_part_by_hand(arn).await;
    let seen = project.heals(&listener, &seen.id, "tags").await;

    let rules = |rules: &[ListenerRule]| ListenerRules {
        listener: seen.outputs.arn.clone(),
        rules: rules.iter().cloned().collect(),
        tags: project.tags("listener-rules.http"),
    };
    let desired =
        rules(&[rule(10, "/api/*", None, &api), rule(20, "/*", Some("shop.example.com"), &web)]);
    let set = project.make(&desired).await;
    let first = arn_of(&project, arn, "10").await;
    let labels = elb.describe_tags().resource_arns(&first).send().await.unwrap();
    let labels = labels.tag_descriptions()[0].tags().to_vec();
    assert!(labels.iter().any(|tag| tag.key() == Some("provisioner:project")), "{labels:?}");

    let by_hand = RuleCondition::builder()
        .field("path-pattern")
        .path_pattern_config(PathPatternConditionConfig::builder().values("/by-hand").build());
    let call = elb.create_rule().listener_arn(arn).priority(15).conditions(by_hand.build());
    call.actions(forward.clone()).send().await.unwrap();
    project.heals(&desired, &set.id, "rules").await;
    elb.modify_rule().rule_arn(&first).actions(forward).send().await.unwrap();
    project.heals(&desired, &set.id, "rules").await;
    let moved = RulePriorityPair::builder().rule_arn(&first).priority(30).build();
    elb.set_rule_priorities().rule_priorities(moved).send().await.unwrap();
    project.heals(&desired, &set.id, "rules").await;
    elb.delete_rule().rule_arn(&first).send().await.unwrap();
    project.heals(&desired, &set.id, "rules").await;
    // moto refuses what AWS allows: two rules that change places.
    if !emulator.is_moto() {
        let before = [arn_of(&project, arn, "10").await, arn_of(&project, arn, "20").await];
        let swapped = rules(&[
            rule(20, "/api/*", None, &api),
            rule(10, "/*", Some("shop.example.com"), &web),
        ]);
        project.settle(&swapped, &set.id).await;
        let after = [arn_of(&project, arn, "20").await, arn_of(&project, arn, "10").await];
        assert_eq!(before, after, "moved, not made again");
    }
    let seen_rules = project.settle(&desired, &set.id).await;

    project.remove(&seen_rules).await;
    project.remove(&seen).await;
    for group in [&api, &web] {
        project.remove(group).await;
    }
    project.remove(&balancer).await;
    ground.remove(&project).await;
}

async fn arn_of(project: &Project, listener: &str, priority: &str) -> String {
    let found =
        project.aws.read().elb.describe_rules().listener_arn(listener).send().await.unwrap();
    let rule = found.rules().iter().find(|rule| rule.priority() == Some(priority)).unwrap();
    rule.rule_arn().unwrap().to_owned()
}

#[tokio::test]
async fn a_rule_set_needs_a_rule() {
    let project = Project::new(Emulator::get().await.connect());
    let empty = ListenerRules {
        listener: Input::from(
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/x/1/2",
        ),
        rules: BTreeSet::new(),
        tags: project.tags("listener-rules.http"),
    };
    let refused = project.aws.create(&empty, &project.op()).await.unwrap_err();
    assert_eq!(refused.class, Class::Invalid);
    assert_eq!(crate::contract::mutations(&project.aws), 0);
}
