//! Repositories and secrets on an emulator.

use aws::secrets::Outcome;
use aws_sdk_ecr::types::{ImageScanningConfiguration, ImageTagMutability};
use aws_sdk_secretsmanager::types::Tag;
use engine::{Adapter, Class, Op, Seen, Which};
use kinds::{Policy, Repository, Secret, SecretValue};
use serde_json::json;

use crate::contract::{Project, differences};
use crate::emulator::Emulator;

fn lifecycle(days: u32) -> Policy {
    Policy::new(json!({"rules": [{
        "rulePriority": 1, "action": {"type": "expire"},
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
            "countUnit": "days", "countNumber": days}}]}))
}

#[tokio::test]
async fn a_repository_keeps_its_settings() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let ecr = &project.aws.read().ecr;
    let name = project.named("test/api");
    let desired = Repository {
        name: name.clone(),
        immutable_tags: true,
        scan_on_push: true,
        lifecycle: lifecycle(14),
        tags: project.tags("repository.api"),
    };
    let seen = project.make(&desired).await;
    let id = seen.id;
    let uri = seen.outputs.uri.get().unwrap();
    assert!(uri.ends_with(&format!(".amazonaws.com/{name}")), "{uri}");

    let call = ecr.put_image_tag_mutability().repository_name(&name);
    call.image_tag_mutability(ImageTagMutability::Mutable).send().await.unwrap();
    project.heals(&desired, &id, "immutable_tags").await;

    // moto does not know that a `false` left out is `false`.
    if !emulator.is_moto() {
        let off = ImageScanningConfiguration::builder().scan_on_push(false).build();
        let call = ecr.put_image_scanning_configuration().repository_name(&name);
        call.image_scanning_configuration(off).send().await.unwrap();
        project.heals(&desired, &id, "scan_on_push").await;
    }

    let call = ecr.put_lifecycle_policy().repository_name(&name);
    call.lifecycle_policy_text(lifecycle(1).text()).send().await.unwrap();
    project.heals(&desired, &id, "lifecycle.rules[0].selection.countNumber").await;
    ecr.delete_lifecycle_policy().repository_name(&name).send().await.unwrap();
    project.heals(&desired, &id, "lifecycle").await;

    let arn = seen.outputs.arn.get().unwrap();
    let call = ecr.untag_resource().resource_arn(arn).tag_keys("provisioner:resource");
    call.send().await.unwrap();
    project.heals(&desired, &id, "tags").await;

    let keep_all = Repository { lifecycle: Policy::new(json!({})), ..desired };
    let seen = project.heals(&keep_all, &id, "lifecycle").await;
    project.remove(&seen).await;
}

#[tokio::test]
async fn the_tags_of_several_are_one_question() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let repository = |name: &str| Repository {
        name: project.named(name),
        immutable_tags: true,
        scan_on_push: true,
        lifecycle: Policy::new(json!({})),
        tags: project.tags(&format!("repository.{name}")),
    };
    let desired = [repository("one"), repository("two")];
    let made = [project.make(&desired[0]).await, project.make(&desired[1]).await];
    let asked = |operation: &str| {
        let calls = project.aws.calls();
        calls.iter().find(|(name, _)| name == operation).map_or(0, |(_, count)| *count)
    };
    let operations = ["tag:GetResources", "ecr:ListTagsForResource"];
    let before = operations.map(asked);
    let ids = made.clone().map(|seen| seen.id);
    let seen: Vec<Seen<Repository>> =
        Adapter::<Repository>::observe(&project.aws, Which::Ids(&ids)).await.unwrap();
    for (desired, made) in desired.iter().zip(&made) {
        let seen = seen.iter().find(|seen| seen.id == made.id).unwrap();
        assert_eq!((&seen.spec.tags, &seen.owner), (&desired.tags, &made.owner));
    }
    // moto's index has no repositories: what it does not know, each is asked for.
    let alone = if emulator.is_moto() { 2 } else { 0 };
    assert_eq!(operations.map(asked), [before[0] + 1, before[1] + alone]);
    for seen in &made {
        project.remove(seen).await;
    }
}

fn secret(project: &Project, value: SecretValue) -> Secret {
    Secret {
        name: project.named("test/key"),
        description: "Signs tokens".into(),
        value,
        scheduled_for_deletion: false,
        recovery_window: 7,
        tags: project.tags("secret.key"),
    }
}

#[tokio::test]
async fn a_generated_secret_keeps_all_but_its_value() {
    let project = Project::new(Emulator::get().await.connect());
    let secrets = &project.aws.read().secrets;
    let desired = secret(&project, SecretValue::Generated { length: 48 });
    let name = &desired.name;
    let seen = project.make(&desired).await;
    let (id, version) = (&seen.id, seen.outputs.version.get().unwrap());
    let value = project.aws.value_from(name).await.unwrap();
    assert_eq!(value.len(), 48);
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric()));

    secrets.update_secret().secret_id(name).description("?").send().await.unwrap();
    project.heals(&desired, id, "description").await;
    let tag = Tag::builder().key("by").value("hand").build();
    secrets.tag_resource().secret_id(name).tags(tag).send().await.unwrap();
    project.heals(&desired, id, "tags[by]").await;
    let call = secrets.untag_resource().secret_id(name);
    call.tag_keys("provisioner:recovery-window").send().await.unwrap();
    project.heals(&desired, id, "recovery_window").await;
    let longer = Secret { recovery_window: 10, ..desired.clone() };
    project.heals(&longer, id, "recovery_window").await;

    let token = "b".repeat(32);
    let call = secrets.put_secret_value().secret_id(name).client_request_token(token);
    call.secret_string("other").send().await.unwrap();
    let seen: Seen<Secret> = project.see(id).await;
    assert!(differences(&longer, &seen).is_empty(), "a value is never a difference");
    let next = seen.outputs.version.get().unwrap();
    assert_ne!(next, version);
    assert_eq!(project.aws.value_from(name).await.unwrap(), "other");

    // Deleted with its window: found by its name only, restored by an update.
    project.remove(&seen).await;
    let by_name = Which::Named(std::slice::from_ref(&longer));
    let found = project.aws.observe(by_name).await.unwrap().remove(0);
    assert_eq!(differences(&longer, &found), ["scheduled_for_deletion"]);
    project.aws.update(&longer, &found).await.unwrap();
    let mut back = project.settle(&longer, id).await;
    assert_eq!(back.outputs.version.known(), Some(next));

    // Without a window nothing is left.
    back.spec.recovery_window = 0;
    project.remove(&back).await;
    let by_name = Which::Named(std::slice::from_ref(&longer));
    assert!(project.aws.observe(by_name).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_given_secret_is_made_by_its_user_and_then_as_desired() {
    let project = Project::new(Emulator::get().await.connect());
    let aws = &project.aws;
    let desired = secret(&project, SecretValue::Given);
    let name = &desired.name;
    let op = Op { id: "a".repeat(32), owner: project.owner() };
    let refused = aws.create(&desired, &op).await.unwrap_err();
    assert!(refused.is(Class::Invalid));
    assert!(refused.message.contains(&format!("provisioner secret set {name}")), "{refused}");

    let first = aws.set_secret(&desired, "one").await.unwrap();
    assert_eq!(first.outcome, Outcome::Created);
    let seen: Seen<Secret> = project.settle(&desired, &name.as_str().into()).await;
    assert_eq!(seen.outputs.version.known(), Some(&*first.version));
    let changed = aws.mutating_calls();
    assert_eq!(changed, [("secretsmanager:CreateSecret".into(), 1)], "up finds no difference");

    let second = aws.set_secret(&desired, "two").await.unwrap();
    assert_eq!(second.outcome, Outcome::Updated);
    let listed = aws.list_secrets(&project.owner()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].name, &listed[0].version), (name, &second.version));
    assert!(listed[0].has_value && listed[0].changed.is_some());

    project.remove(&seen).await;
    assert!(aws.list_secrets(&project.owner()).await.unwrap().is_empty());
    let third = aws.set_secret(&desired, "three").await.unwrap();
    assert_eq!(third.outcome, Outcome::Restored);
    assert_eq!(aws.value_from(name).await.unwrap(), "three");

    let stranger = Project::new(aws.clone());
    let theirs = Secret { tags: stranger.tags("secret.key"), ..desired.clone() };
    let foreign = aws.set_secret(&theirs, "stolen").await.unwrap_err();
    assert!(foreign.is(Class::Foreign));
    assert!(!format!("{foreign:?}").contains("stolen"));
    project.remove(&project.see::<Secret>(&seen.id).await).await;
}
