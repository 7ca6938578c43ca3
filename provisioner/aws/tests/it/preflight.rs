//! What is known before anything is changed, on an emulator.

use std::collections::BTreeMap;

use aws::preflight::{Needs, SERVICES};
use engine::Clock;
use kinds::ElasticIp;

use crate::contract::{Project, mutations};
use crate::emulator::{Emulator, REGION};

#[tokio::test]
async fn the_zones_have_names_and_ids() {
    let aws = Emulator::get().await.connect();
    let zones = aws.zones().await.unwrap();
    assert!(zones.len() >= 2, "{zones:?}");
    assert!(zones.iter().all(|zone| zone.name.starts_with(REGION)), "{zones:?}");
    assert!(zones.is_sorted());
}

#[tokio::test]
async fn what_fits_is_no_shortage_and_what_does_not_says_so() {
    let project = Project::new(Emulator::get().await.connect());
    assert_eq!(project.aws.quotas(&Needs::default()).await.unwrap(), []);
    assert_eq!(project.aws.calls(), [], "what is not needed is not counted");

    let address = project.make(&ElasticIp { tags: project.tags("elastic-ip.a") }).await;
    let vpc = project.vpc().await;
    let needs = Needs {
        addresses: 1000,
        vpcs: 1000,
        nat_gateways: BTreeMap::from([(format!("{REGION}a"), 1000)]),
        load_balancers: 1000,
        vcpus: 1000.0,
        peak_vcpus: 2000.0,
        ..Needs::default()
    };
    let mut short = project.aws.quotas(&needs).await.unwrap();
    short.sort_by_key(|one| one.what);
    let what: Vec<&str> = short.iter().map(|one| one.what).collect();
    let all = ["Elastic IPs", "Fargate vCPU", "NAT gateways", "VPCs", "application load balancers"];
    assert_eq!(what, all);
    assert!(short[0].used >= 1.0 && short[3].used >= 1.0, "{short:?}");
    assert!((short[1].needed - 1000.0).abs() < 0.1 && !short[1].at_peak, "{short:?}");
    // Everything fits, and not twice as many beside it: a deployment goes on in parts.
    let peak = Needs { peak_vcpus: 1000.0, ..Needs::default() };
    let short_at_peak = project.aws.quotas(&peak).await.unwrap();
    assert!(short_at_peak[0].at_peak, "{short_at_peak:?}");
    assert_eq!(short[2].place, format!("{REGION}a"));
    project.remove(&vpc).await;
    project.remove(&address).await;
}

#[tokio::test]
async fn service_linked_roles_are_made_once() {
    let emulator = Emulator::get().await;
    let aws = emulator.connect();
    aws.service_linked_roles(&SERVICES[..2], &Clock::real()).await.unwrap();
    let before = mutations(&aws);
    assert_eq!(aws.service_linked_roles(&SERVICES[..2], &Clock::real()).await.unwrap(), [""; 0]);
    assert_eq!(mutations(&aws), before, "they were found by their path");
}

#[tokio::test]
async fn strangers_in_a_vpc_are_named() {
    let project = Project::new(Emulator::get().await.connect());
    let vpc = project.vpc().await;
    let subnet = project.subnet(&vpc, "a", "10.20.1.0/24").await;
    let group = project.group(&vpc, "tasks").await;
    let guard = project.aws.read().ec2.create_security_group().group_name(project.named("guard"));
    let guard = guard.vpc_id(vpc.id.as_str()).description("GuardDuty").send().await.unwrap();
    let guard = guard.group_id.unwrap();
    let tag = aws_sdk_ec2::types::Tag::builder().key("GuardDutyManaged").value("true").build();
    let call = project.aws.read().ec2.create_tags().resources(&guard).tags(tag);
    call.send().await.unwrap();

    let mut found = project.aws.vpc_dependents(vpc.id.as_str(), None).await.unwrap();
    found.retain(|one| one.kind != "network-interface");
    let told: Vec<_> = found.iter().map(|one| (one.kind, one.id.as_str(), one.ours)).collect();
    let mut expected = [
        ("security-group", group.id.as_str(), true),
        ("security-group", guard.as_str(), false),
        ("subnet", subnet.id.as_str(), true),
    ];
    expected.sort_unstable();
    let mut told_in_order = told.clone();
    told_in_order.sort_unstable();
    assert_eq!(told_in_order, expected);
    let stranger = found.iter().find(|one| !one.ours).unwrap();
    assert_eq!(stranger.to_string(), format!("security-group {guard} of Amazon GuardDuty"));

    let call = project.aws.read().ec2.delete_security_group().group_id(&guard);
    call.send().await.unwrap();
    project.remove(&group).await;
    project.remove(&subnet).await;
    project.remove(&vpc).await;
    assert_eq!(project.aws.vpc_dependents(vpc.id.as_str(), None).await.unwrap(), []);
}
