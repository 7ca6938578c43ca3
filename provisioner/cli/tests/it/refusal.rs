//! What the tool will not do unless it is told to, or at all: exit code 6.

use aws::Aws;
use engine::Owner;

use crate::account::Account;
use crate::support::{PROD, Project, Run, wait};

fn made(account: &Account) -> Project {
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    project.run(&["up", "--yes"]).done();
    project
}

#[track_caller]
fn refused(run: &Run, because: &str) {
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.err.contains(because), "{run:?}");
}

#[test]
fn another_account_than_the_files() {
    let account = Account::new();
    let text = PROD.replace("region:", "account: \"123456789012\"\nregion:");
    let mut project = Project::with(&[("prod", &text)]);
    account.hold(&mut project);
    for verb in [&["plan"][..], &["up", "--yes"], &["status"], &["destroy", "--yes"]] {
        refused(&project.run(verb), "belongs to account 123456789012");
    }
    // MiniStack's account is the access key, when that looks like one.
    project.set("AWS_ACCESS_KEY_ID", "123456789012");
    assert_eq!(project.run(&["plan"]).code, 3);
}

#[test]
fn data_goes_only_by_name() {
    let account = Account::new();
    let project = made(&account);
    let text = PROD.replace(", TOKEN: token", "").replace(", token: { generate: 32 }", "");
    project.write("environments/prod.yaml", &text);
    refused(&project.run(&["up", "--yes"]), "--allow secret.token");
    refused(&project.run(&["up", "--yes", "--allow", "secret.database-url"]), "secret.token");
    let listed = project.run(&["state", "list"]).done();
    assert!(listed.contains("secret.token"), "{listed}");
    project.run(&["up", "--yes", "--allow", "secret.token"]).done();
    project.run(&["plan"]).done();
    let listed = project.run(&["state", "list"]).done();
    assert!(!listed.contains("secret.token"), "{listed}");
}

#[test]
fn nobody_is_there_to_confirm() {
    let account = Account::new();
    let project = made(&account);
    project.write("environments/prod.yaml", &format!("{PROD}logs: {{ retention: 60 }}\n"));
    refused(&project.run(&["up"]), "--yes");
    refused(&project.run(&["destroy"]), "--yes");
    assert_eq!(project.run(&["plan"]).code, 3);
}

#[test]
fn a_stranger_lives_in_the_vpc() {
    let account = Account::new();
    let project = made(&account);
    let aws = account.connect();
    let theirs = wait(move_in(&aws));
    let run = project.run(&["destroy", "--yes"]);
    refused(&run, &format!("security-group {theirs} of whoever named it bakery"));
    // Nothing went.
    project.run(&["plan"]).done();
    let call = aws.write().unwrap().ec2.delete_security_group().group_id(theirs);
    wait(call.send()).unwrap();
    project.run(&["destroy", "--yes"]).done();
}

/// Somebody makes a security group in our VPC. Returns its id.
async fn move_in(aws: &Aws) -> String {
    use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
    let [(tag, _), ..] = Owner::of("shop", "prod").tags();
    let found = aws.read().ec2.describe_vpcs().send().await.unwrap();
    let vpc = found.vpcs().iter().find(|vpc| vpc.tags().iter().any(|one| one.key() == Some(tag)));
    let name = Tag::builder().key("Name").value("bakery").build();
    let tags =
        TagSpecification::builder().resource_type(ResourceType::SecurityGroup).tags(name).build();
    let call = aws.write().unwrap().ec2.create_security_group().tag_specifications(tags);
    let call =
        call.group_name("bakery").description("theirs").vpc_id(vpc.unwrap().vpc_id().unwrap());
    call.send().await.unwrap().group_id.unwrap()
}
