//! Load balancers and their parts on an emulator.

use std::collections::BTreeSet;

use aws::Aws;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerAttribute, PathPatternConditionConfig, RuleCondition,
    RulePriorityPair, Tag, TargetGroupAttribute,
};
use engine::{Adapter, Class, Id, Input, Op, Resource, Seen, Which};
use kinds::{
    DefaultAction, ElasticIp, HealthCheck, InternetGateway, Listener, ListenerRule, ListenerRules,
    LoadBalancer, LoadBalancerAttributes, NatGateway, RouteTable, SecurityGroup,
    SecurityGroupRules, Subnet, TargetGroup, Vpc,
};

use crate::contract::Project;
use crate::emulator::Emulator;

/// What a load balancer stands on.
struct Ground {
    vpc: Seen<Vpc>,
    gateway: Seen<InternetGateway>,
    subnets: [Seen<Subnet>; 2],
    group: Seen<SecurityGroup>,
}

impl Ground {
    async fn of(project: &Project) -> Self {
        let vpc = project.vpc().await;
        Self {
            gateway: project.gateway(&vpc).await,
            subnets: [
                project.subnet(&vpc, "a", "10.20.1.0/24").await,
                project.subnet(&vpc, "b", "10.20.2.0/24").await,
            ],
            group: project.group(&vpc, "alb").await,
            vpc,
        }
    }

    async fn load_balancer(&self, project: &Project) -> Seen<LoadBalancer> {
        let balancer = LoadBalancer {
            name: project.named("alb"),
            scheme: "internet-facing".into(),
            subnets: self.subnets.iter().map(|subnet| subnet.outputs.id.clone()).collect(),
            security_groups: [self.group.outputs.id.clone()].into(),
            attributes: LoadBalancerAttributes {
                deletion_protection: true,
                drop_invalid_headers: true,
                idle_timeout: 75,
            },
            tags: project.tags("load-balancer.main"),
        };
        project.make(&balancer).await
    }

    async fn target_group(&self, project: &Project, name: &str) -> Seen<TargetGroup> {
        let group = TargetGroup {
            name: project.named(name),
            vpc: self.vpc.outputs.id.clone(),
            port: 8080,
            protocol: "HTTP".into(),
            health: HealthCheck {
                path: "/readyz".into(),
                codes: "200".into(),
                interval: 10,
                timeout: 5,
                healthy: 2,
                unhealthy: 3,
            },
            deregistration_delay: 15,
            tags: project.tags(&format!("target-group.{name}")),
        };
        project.make(&group).await
    }

    async fn remove(&self, project: &Project) {
        project.remove(&self.group).await;
        project.remove(&self.gateway).await;
        for subnet in &self.subnets {
            project.remove(subnet).await;
        }
        project.remove(&self.vpc).await;
    }
}

impl Project {
    async fn tag_part_by_hand(&self, arn: &str) {
        let tag = Tag::builder().key("by").value("hand").build();
        self.aws.read().elb.add_tags().resource_arns(arn).tags(tag).send().await.unwrap();
    }

    fn op(&self) -> Op {
        Op { id: "0".repeat(32), owner: self.owner() }
    }
}

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

/// What a plan costs when nothing is to be done: one call a kind where AWS allows it.
#[tokio::test]
async fn a_look_at_each_kind_takes_few_calls() {
    async fn look<R: Resource>(aws: &Aws, ids: &[&Id])
    where
        Aws: Adapter<R>,
    {
        let ids: Vec<Id> = ids.iter().map(|id| (*id).clone()).collect();
        aws.observe(Which::<R>::Ids(&ids)).await.unwrap();
    }
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let ground = Ground::of(&project).await;
    let balancer = ground.load_balancer(&project).await;
    let group = ground.target_group(&project, "api").await;
    let listener = Listener {
        load_balancer: balancer.outputs.arn.clone(),
        port: 80,
        protocol: "HTTP".into(),
        default: DefaultAction::Forward { target_group: group.outputs.arn.clone() },
        tags: project.tags("listener.http"),
    };
    let listener = project.make(&listener).await;

    let aws = emulator.connect();
    let [a, b] = &ground.subnets;
    look::<Vpc>(&aws, &[&ground.vpc.id]).await;
    look::<Subnet>(&aws, &[&a.id, &b.id]).await;
    look::<InternetGateway>(&aws, &[&ground.gateway.id]).await;
    look::<SecurityGroup>(&aws, &[&ground.group.id]).await;
    look::<SecurityGroupRules>(&aws, &[&ground.group.id]).await;
    look::<ElasticIp>(&aws, &[&"eipalloc-0123456789abcdef0".into()]).await;
    look::<NatGateway>(&aws, &[&"nat-0123456789abcdef0".into()]).await;
    look::<RouteTable>(&aws, &[&"rtb-0123456789abcdef0".into()]).await;
    look::<LoadBalancer>(&aws, &[&balancer.id]).await;
    look::<TargetGroup>(&aws, &[&group.id]).await;
    look::<Listener>(&aws, &[&listener.id]).await;
    look::<ListenerRules>(&aws, &[&listener.id]).await;
    let calls: u64 = aws.calls().iter().map(|(_, count)| count).sum();
    assert_eq!(calls, 19, "{:?}", aws.calls());
    assert_eq!(aws.attempts(), calls, "nothing was repeated");

    project.remove(&listener).await;
    project.remove(&balancer).await;
    project.remove(&group).await;
    ground.remove(&project).await;
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
