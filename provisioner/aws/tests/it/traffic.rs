//! Load balancers and their parts on an emulator.

mod listener;
mod load_balancer;

use aws::Aws;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use engine::{Adapter, Id, Op, Resource, Seen, Which};
use kinds::{
    DefaultAction, ElasticIp, HealthCheck, InternetGateway, Listener, ListenerRules, LoadBalancer,
    LoadBalancerAttributes, NatGateway, RouteTable, SecurityGroup, SecurityGroupRules, Subnet,
    TargetGroup, Vpc,
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
