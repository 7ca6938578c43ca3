//! Log groups on an emulator.

use kinds::LogGroup;

use crate::contract::Project;
use crate::emulator::Emulator;

#[tokio::test]
async fn a_log_group_keeps_its_retention_and_tags() {
    let project = Project::new(Emulator::get().await.connect());
    let logs = &project.aws.read().logs;
    let name = format!("/{}/api", project.named("test"));
    let desired =
        LogGroup { name: name.clone(), retention: 30, tags: project.tags("log-group.api") };
    // One whose name begins the same is not taken for it.
    let longer = format!("{name}-old");
    logs.create_log_group().log_group_name(&longer).send().await.unwrap();
    let seen = project.make(&desired).await;
    let id = seen.id;
    let arn = seen.outputs.arn.get().unwrap();
    assert!(arn.ends_with(&name), "{arn}");

    let call = logs.put_retention_policy().log_group_name(&name).retention_in_days(7);
    call.send().await.unwrap();
    project.heals(&desired, &id, "retention").await;
    logs.delete_retention_policy().log_group_name(&name).send().await.unwrap();
    project.heals(&desired, &id, "retention").await;
    let call = logs.tag_resource().resource_arn(arn).tags("by", "hand");
    call.tags("provisioner:resource", "x.y").send().await.unwrap();
    project.heals(&desired, &id, "tags[by]").await;
    let call = logs.untag_resource().resource_arn(arn).tag_keys("provisioner:resource");
    call.send().await.unwrap();
    project.heals(&desired, &id, "tags[provisioner:resource]").await;

    let for_ever = LogGroup { retention: 0, ..desired };
    let seen = project.heals(&for_ever, &id, "retention").await;
    project.remove(&seen).await;
    logs.delete_log_group().log_group_name(&longer).send().await.unwrap();
}
