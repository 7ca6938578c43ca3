//! Roles.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws::Aws;
use aws_sdk_iam::types::Tag;
use engine::{Adapter, Class, Op, Which};
use kinds::{InlinePolicy, Policy, Role, Tags};
use serde_json::json;

use crate::answers;
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
        path: "/services/".into(),
        boundary: Some(READ_ONLY.into()),
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

/// A boundary is put before anything else is changed: an account may allow changes to bounded roles only.
/// Recorded, because `MiniStack` does not list boundaries.
#[tokio::test]
async fn a_boundary_is_compared_and_comes_first() {
    let made = |boundary: &str| {
        format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/services/</Path><RoleName>api</RoleName>\
             <RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::1:role/services/api</Arn>\
             <CreateDate>2026-01-01T00:00:00Z</CreateDate>{boundary}</Role></GetRoleResult>\
             </GetRoleResponse>"
        )
    };
    let bound = format!(
        "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
         <PermissionsBoundaryArn>{READ_ONLY}</PermissionsBoundaryArn></PermissionsBoundary>"
    );
    let desired = role("api", Tags::default());
    for (was, is_bound) in [(bound.as_str(), true), ("", false)] {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (heard, answer) = (Arc::clone(&sent), made(was));
        let aws = answers::at(None, move |request| {
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
            let operation = body.strip_prefix("Action=").unwrap_or_default();
            let operation = operation.split('&').next().unwrap_or_default().to_owned();
            let denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
            match operation.as_str() {
                "GetAccountAuthorizationDetails" | "ListRoles" => (403, denied.into()),
                "GetRole" => (200, answer.clone()),
                _ => {
                    heard.lock().unwrap().push(operation.clone());
                    let result = format!("<{operation}Result/>");
                    (200, format!("<{operation}Response>{result}</{operation}Response>"))
                }
            }
        });
        let which = Which::Named(std::slice::from_ref(&desired));
        let seen = Adapter::<Role>::observe(&aws, which).await.unwrap().remove(0);
        let found = differences(&desired, &seen);
        assert_eq!(!found.contains(&"boundary".to_owned()), is_bound, "{found:?}");
        assert!(!found.contains(&"path".to_owned()), "{found:?}");
        sent.lock().unwrap().clear();
        aws.update(&desired, &seen).await.unwrap();
        let sent = sent.lock().unwrap().clone();
        let put = sent.iter().position(|name| name == "PutRolePermissionsBoundary");
        assert_eq!(put, (!is_bound).then_some(0), "{sent:?}");
        assert!(sent.contains(&"PutRolePolicy".to_owned()), "{sent:?}");

        // Without a word of ours, an organisation's is left where it is.
        let silent = Role { boundary: None, ..desired.clone() };
        assert!(!differences(&silent, &seen).contains(&"boundary".to_owned()));
    }
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
