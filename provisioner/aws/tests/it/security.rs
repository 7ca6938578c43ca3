//! Security groups and their rules on an emulator.

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
};
use engine::{Adapter, Class, Input, Op, Seen, Which};
use kinds::{Direction, Rule, SecurityGroup, SecurityGroupRules, Vpc};

use crate::contract::Project;
use crate::emulator::Emulator;

impl Project {
    pub(crate) async fn group(&self, vpc: &Seen<Vpc>, name: &str) -> Seen<SecurityGroup> {
        let group = SecurityGroup {
            vpc: vpc.outputs.id.clone(),
            name: self.named(name),
            description: format!("Access to {name}"),
            tags: self.tags(&format!("security-group.{name}")),
        };
        self.make(&group).await
    }
}

fn rule(direction: Direction, port: i32, peer: impl Into<Input>, description: &str) -> Rule {
    Rule {
        direction,
        protocol: "tcp".into(),
        from: port,
        to: port,
        peer: peer.into(),
        description: description.into(),
    }
}

#[tokio::test]
async fn a_group_is_found_by_name_and_refused_twice() {
    let project = Project::new(Emulator::get().await.connect());
    let vpc = project.vpc().await;
    let seen = project.group(&vpc, "alb").await;
    let desired = seen.spec.clone();
    let op = Op { id: "0".repeat(32), owner: project.owner() };
    let again = project.aws.create(&desired, &op).await.unwrap_err();
    assert_eq!(
        (again.class, again.code.as_deref()),
        (Class::Exists, Some("InvalidGroup.Duplicate"))
    );
    let named = project.aws.observe(Which::Named(std::slice::from_ref(&desired))).await.unwrap();
    assert_eq!(named.iter().map(|one| &one.id).collect::<Vec<_>>(), [&seen.id]);
    project.tag_by_hand(seen.id.as_str()).await;
    let seen = project.heals(&desired, &seen.id, "tags").await;
    project.remove(&seen).await;
    project.remove(&vpc).await;
}

#[tokio::test]
async fn a_group_has_exactly_its_rules() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let ec2 = &project.aws.read().ec2;
    let vpc = project.vpc().await;
    let (alb, tasks) = (project.group(&vpc, "alb").await, project.group(&vpc, "tasks").await);
    // moto forgets the description of a rule whose peer is a group.
    let why = if emulator.is_moto() { "" } else { "From the load balancer" };
    let desired = SecurityGroupRules {
        group: tasks.outputs.id.clone(),
        rules: [
            rule(Direction::Ingress, 8080, alb.outputs.id.clone(), why),
            rule(Direction::Ingress, 9090, "10.20.0.0/16", "Metrics"),
            rule(Direction::Ingress, 9090, "2001:db8::/32", ""),
            rule(Direction::Egress, 443, "0.0.0.0/0", "AWS and the registry"),
        ]
        .into(),
    };
    let seen = project.make(&desired).await;
    let id = seen.id.as_str();

    let by_hand = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build());
    let call = ec2.authorize_security_group_ingress().group_id(id);
    call.ip_permissions(by_hand.build()).send().await.unwrap();
    project.heals(&desired, &seen.id, "rules").await;

    let egress = rule_id(&project, id, true, "0.0.0.0/0").await;
    ec2.revoke_security_group_egress()
        .group_id(id)
        .security_group_rule_ids(egress)
        .send()
        .await
        .unwrap();
    project.heals(&desired, &seen.id, "rules").await;

    let metrics = rule_id(&project, id, false, "10.20.0.0/16").await;
    let other = SecurityGroupRuleRequest::builder()
        .ip_protocol("tcp")
        .from_port(9090)
        .to_port(9090)
        .cidr_ipv4("10.20.0.0/16")
        .description("something else");
    let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(&metrics);
    let update = update.security_group_rule(other.build()).build();
    let call = ec2.modify_security_group_rules().group_id(id).security_group_rules(update);
    call.send().await.unwrap();
    let seen = project.heals(&desired, &seen.id, "rules").await;
    assert_eq!(
        rule_id(&project, id, false, "10.20.0.0/16").await,
        metrics,
        "reworded, not made again"
    );

    // The same create call once more, as after a lost answer: done already.
    let op = Op { id: "0".repeat(32), owner: project.owner() };
    assert_eq!(project.aws.create(&desired, &op).await.unwrap(), seen.id);

    project.remove(&seen).await;
    for group in [tasks, alb] {
        project.remove(&group).await;
    }
    project.remove(&vpc).await;
}

#[tokio::test]
async fn a_rule_for_everything_is_the_default_egress_rule() {
    let project = Project::new(Emulator::get().await.connect());
    let vpc = project.vpc().await;
    let group = project.group(&vpc, "tasks").await;
    let everything = Rule {
        direction: Direction::Egress,
        protocol: "-1".into(),
        from: -1,
        to: -1,
        peer: "0.0.0.0/0".into(),
        description: String::new(),
    };
    let desired =
        SecurityGroupRules { group: group.outputs.id.clone(), rules: [everything].into() };
    let seen = project.make(&desired).await;
    project.remove(&seen).await;
    project.remove(&group).await;
    project.remove(&vpc).await;
}

async fn rule_id(project: &Project, group: &str, egress: bool, cidr: &str) -> String {
    let filter = Filter::builder().name("group-id").values(group).build();
    let call = project.aws.read().ec2.describe_security_group_rules().filters(filter);
    let rules = call.send().await.unwrap().security_group_rules.unwrap();
    let mut rules = rules.iter().filter(|rule| rule.is_egress() == Some(egress));
    let found = rules.find(|rule| rule.cidr_ipv4() == Some(cidr)).unwrap();
    found.security_group_rule_id().unwrap().to_owned()
}
