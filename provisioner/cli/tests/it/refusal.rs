//! What the tool will not do unless it is told to, or at all: exit code 6.

use aws::Aws;
use engine::Owner;

use crate::account::Account;
use crate::inventory::inventory;
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

/// A renamed service is another one: its images and logs would go. And a protected environment keeps what
/// its address hangs on.
#[test]
fn images_logs_and_what_is_protected_go_only_by_name() {
    let account = Account::new();
    let project = made(&account);
    let file = "environments/prod.yaml";
    let before = inventory(&account.connect());
    let renamed = PROD.replace("  api:\n", "  web:\n");
    project.write(file, &renamed);
    let run = project.run(&["up", "--yes"]);
    refused(&run, "--allow log-group.api");
    assert_eq!(inventory(&account.connect()), before);

    let guarded = format!("{PROD}protect: true\n");
    project.write(file, &guarded);
    project.run(&["up", "--yes"]).done();
    let moved = format!("{guarded}network: {{ cidr: 10.77.0.0/16 }}\n");
    project.write(file, &moved);
    refused(&project.run(&["up", "--yes"]), "--allow vpc.main");
    let unrouted = guarded.replace("    port: 8000\n    route: \"/*\"\n", "");
    project.write(file, &unrouted);
    refused(&project.run(&["up", "--yes"]), "--allow load-balancer.main");
    // Nor does the edit that ends the protection delete what is still protected.
    project.write(file, &unrouted.replace("protect: true", "protect: false"));
    refused(&project.run(&["up", "--yes"]), "--allow load-balancer.main");
    let allow = ["up", "--yes", "--allow", "load-balancer.main"];
    project.run(&allow).done();
    project.run(&["plan"]).done();
    project.run(&["destroy", "--yes"]).done();
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
    let theirs = wait(Theirs::move_in(&aws));
    let Theirs { group, endpoint, interface } = &theirs;
    // They are named, and are no drift of ours.
    let drift = project.run(&["drift"]).done();
    let run = project.run(&["destroy", "--yes"]);
    for stranger in [
        format!("security-group {group} of whoever named it bakery"),
        format!("vpc-endpoint {endpoint} of Amazon GuardDuty"),
        format!("network-interface {interface} of the bakery's oven"),
    ] {
        refused(&run, &stranger);
        assert!(drift.contains(&stranger), "{stranger}: {drift}");
    }
    // Nothing went.
    project.run(&["plan"]).done();
    wait(theirs.move_out(&aws));
    let drift = project.run(&["drift"]).done();
    assert!(!drift.contains("others in the VPC"), "{drift}");
    project.run(&["destroy", "--yes"]).done();
}

/// What others have in our VPC.
struct Theirs {
    group: String,
    endpoint: String,
    interface: String,
}

impl Theirs {
    async fn move_in(aws: &Aws) -> Self {
        use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, VpcEndpointType};
        let (read, write) = (&aws.read().ec2, &aws.write().unwrap().ec2);
        let ours = Filter::builder().name("tag-key").values(Owner::TAGS[0]).build();
        let found = read.describe_subnets().filters(ours).send().await.unwrap();
        let subnet = &found.subnets()[0];
        let (vpc, subnet) = (subnet.vpc_id().unwrap(), subnet.subnet_id().unwrap());
        let tagged = |what: ResourceType, key: &str, value: &str| {
            let tag = Tag::builder().key(key).value(value).build();
            TagSpecification::builder().resource_type(what).tags(tag).build()
        };
        let call = write.create_security_group().group_name("bakery").description("theirs");
        let call = call.vpc_id(vpc).tag_specifications(tagged(
            ResourceType::SecurityGroup,
            "Name",
            "bakery",
        ));
        let group = call.send().await.unwrap().group_id.unwrap();
        let call = write.create_vpc_endpoint().vpc_id(vpc).subnet_ids(subnet);
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface);
        let call = call.service_name("com.amazonaws.us-east-1.guardduty-data");
        let guard = tagged(ResourceType::VpcEndpoint, "GuardDutyManaged", "true");
        let made = call.tag_specifications(guard).send().await.unwrap();
        let endpoint = made.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
        let call = write.create_network_interface().subnet_id(subnet).groups(&group);
        let made = call.description("the bakery's oven").send().await.unwrap();
        let interface = made.network_interface.unwrap().network_interface_id.unwrap();
        Self { group, endpoint, interface }
    }

    async fn move_out(self, aws: &Aws) {
        let ec2 = &aws.write().unwrap().ec2;
        let call = ec2.delete_network_interface().network_interface_id(self.interface);
        call.send().await.unwrap();
        ec2.delete_vpc_endpoints().vpc_endpoint_ids(self.endpoint).send().await.unwrap();
        ec2.delete_security_group().group_id(self.group).send().await.unwrap();
    }
}

#[test]
fn a_load_balancer_of_our_name_is_somebody_elses() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    let aws = account.connect();
    let theirs = wait(async {
        let found = aws.read().ec2.describe_subnets().send().await.unwrap();
        let subnets = found.subnets().iter().take(2).filter_map(|one| one.subnet_id.clone());
        let call = aws.write().unwrap().elb.create_load_balancer().name("shop-prod");
        let made = call.set_subnets(Some(subnets.collect())).send().await.unwrap();
        made.load_balancers()[0].load_balancer_arn().unwrap().to_owned()
    });
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    let before = inventory(&aws);
    let run = project.run(&["up", "--yes"]);
    refused(
        &run,
        &format!("load-balancer.main: {theirs} exists already and carries no tags of ours"),
    );
    let after = inventory(&aws);
    let made: Vec<_> = after.difference(&before).collect();
    let is_shared = |name: &&String| name.starts_with("bucket ") || name.starts_with("table ");
    assert!(made.iter().all(is_shared), "{made:?}");
}
