//! Roles.

use std::collections::BTreeSet;

use aws::Aws;
use aws_sdk_iam::types::Tag;
use engine::{Adapter, Class, Op, Which};
use kinds::{InlinePolicy, Policy, Role, Tags};
use serde_json::json;

use crate::contract::{Project, differences};
use crate::emulator::Emulator;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const EXECUTION: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";

fn trust(service: &str) -> Policy {
    Policy::new(json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": service}}]}))
}

fn permission(name: &str, action: &str) -> InlinePolicy {
    let document = Policy::new(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": "*"}]}));
    InlinePolicy { name: name.into(), document }
}

fn role(name: &str, tags: Tags) -> Role {
    Role {
        name: name.into(),
        description: "Runs the tasks of api".into(),
        trust: trust("ecs-tasks.amazonaws.com"),
        managed: BTreeSet::from([EXECUTION.into()]),
        inline: vec![permission("logs", "logs:PutLogEvents"), permission("s3", "s3:GetObject")],
        tags,
    }
}

#[tokio::test]
async fn a_role_has_exactly_its_trust_and_permissions() {
    let project = Project::new(Emulator::get().await.connect());
    let name = project.named("api");
    let desired = role(&name, project.tags("role.api"));
    let id = project.make(&desired).await.id;
    let iam = &project.aws.read().iam;

    let trust = trust("lambda.amazonaws.com").text();
    let call = iam.update_assume_role_policy().role_name(&name).policy_document(trust);
    call.send().await.unwrap();
    project.heals(&desired, &id, "trust.Statement[0].Principal.Service").await;

    put_inline(&project, &name, &permission("s3", "s3:*")).await;
    project.heals(&desired, &id, "inline[s3].document").await;
    put_inline(&project, &name, &permission("extra", "iam:*")).await;
    project.heals(&desired, &id, "inline[extra]").await;
    iam.delete_role_policy().role_name(&name).policy_name("logs").send().await.unwrap();
    project.heals(&desired, &id, "inline[logs]").await;

    iam.attach_role_policy().role_name(&name).policy_arn(READ_ONLY).send().await.unwrap();
    project.heals(&desired, &id, "managed").await;
    iam.detach_role_policy().role_name(&name).policy_arn(EXECUTION).send().await.unwrap();
    project.heals(&desired, &id, "managed").await;

    iam.update_role_description().role_name(&name).description("?").send().await.unwrap();
    project.heals(&desired, &id, "description").await;
    iam.untag_role().role_name(&name).tag_keys("provisioner:resource").send().await.unwrap();
    project.heals(&desired, &id, "tags").await;
    let tag = Tag::builder().key("by").value("hand").build().unwrap();
    iam.tag_role().role_name(&name).tags(tag).send().await.unwrap();
    let seen = project.heals(&desired, &id, "tags[by]").await;

    // In an instance profile, and with a policy that was attached meanwhile: neither stops a delete.
    iam.create_instance_profile().instance_profile_name(&name).send().await.unwrap();
    let call = iam.add_role_to_instance_profile().instance_profile_name(&name);
    call.role_name(&name).send().await.unwrap();
    iam.attach_role_policy().role_name(&name).policy_arn(READ_ONLY).send().await.unwrap();
    project.remove(&seen).await;
}

async fn put_inline(project: &Project, role: &str, policy: &InlinePolicy) {
    let call = project.aws.read().iam.put_role_policy().role_name(role);
    let call = call.policy_name(&policy.name).policy_document(policy.document.text());
    call.send().await.unwrap();
}

#[tokio::test]
async fn several_roles_are_seen_in_two_calls_just_as_each_by_itself() {
    let project = Project::new(Emulator::get().await.connect());
    let mut single = Vec::new();
    for name in ["a", "b", "c"] {
        single.push(project.make(&role(&project.named(name), project.tags("role.x"))).await);
    }
    let ids: Vec<_> = single.iter().map(|seen| seen.id.clone()).collect();
    let before = calls(&project.aws);
    let mut together = Adapter::<Role>::observe(&project.aws, Which::Ids(&ids)).await.unwrap();
    assert_eq!(calls(&project.aws) - before, 2);
    together.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(together.len(), single.len());
    for (seen, single) in together.iter().zip(&single) {
        let alone = Which::Named(std::slice::from_ref(&single.spec));
        let alone = project.aws.observe(alone).await.unwrap().remove(0);
        assert_eq!(differences(&seen.spec, &alone), [""; 0]);
        assert_eq!((&seen.id, &seen.owner), (&alone.id, &alone.owner));
        project.remove(&alone).await;
    }
}

#[tokio::test]
async fn a_role_that_exists_is_not_made_again() {
    let project = Project::new(Emulator::get().await.connect());
    let seen = project.make(&role(&project.named("api"), project.tags("role.api"))).await;
    let op = Op { id: "f".repeat(32), owner: project.owner() };
    let refused = project.aws.create(&seen.spec, &op).await.unwrap_err();
    assert!(refused.is(Class::Exists), "{refused}");
    project.remove(&seen).await;
}

fn calls(aws: &Aws) -> u64 {
    aws.calls().iter().map(|(_, count)| count).sum()
}
