//! Somebody else's hands in one environment's life: what they change is named, and repaired or refused;
//! a state that they lose is made again; and at the end nothing is left.

use std::collections::BTreeMap;

use aws::Aws;
use aws::bootstrap::Backend;
use aws::lock::Locks;
use engine::lock::show;
use serde_json::{Value, json};

use crate::account::{Account, REGION};
use crate::inventory::inventory;
use crate::support::{PROD, Project, wait};

struct There {
    project: Project,
    aws: Aws,
    backend: Backend,
}

#[test]
fn a_life_among_others() {
    let account = Account::new();
    let scales = "    replicas: { min: 2, max: 6, cpu: 60 }\n    port:";
    let mut project = Project::with(&[("prod", &PROD.replace("    port:", scales))]);
    account.hold(&mut project);
    let aws = account.connect();
    let before = inventory(&aws);
    let number = wait(aws.identity()).unwrap().account;
    let it = There { project, aws, backend: Backend::of(&number, REGION) };
    it.project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    it.project.run(&["up", "--yes"]).done();
    let first = it.versions().remove(0);

    what_others_own_is_no_drift(&it);
    changes_are_named_and_repaired(&it);
    a_lost_state_is_made_again(&it, &first);

    it.project.run(&["destroy", "--yes", "--state"]).done();
    let after = inventory(&it.aws);
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn what_others_own_is_no_drift(it: &There) {
    assert_eq!(it.drift(), BTreeMap::new());
    let image = "ghcr.io/acme/api:2.0";
    it.project.run(&["deploy", "--image", image, "--no-wait"]).done();
    // Autoscaling is at work.
    let call = it.aws.write().unwrap().ecs.update_service().cluster("shop-prod").service("api");
    wait(call.desired_count(5).send()).unwrap();
    assert_eq!(it.drift(), BTreeMap::new());
}

fn changes_are_named_and_repaired(it: &There) {
    wait(it.change_by_hand());
    let text = it.project.run(&["drift"]);
    assert_eq!(text.code, 3, "{text:?}");
    for line in [
        "    deleted\n",
        "    health.path: / -> /elsewhere\n",
        "    inline[more]: + ",
        "    its tags say that it is vpc.main of other/prod\n",
        "prod: 4 of ",
        "    listener-rules.http rules[777]: ",
        "    route-table.private-a routes[198.51.100.0/24]: ",
        "    security-group-rules.api rules[ingress tcp 22 22 0.0.0.0/0]: ",
    ] {
        assert!(text.out.contains(line), "{line}: {}", text.out);
    }
    let found = it.drift();
    let paths = |of: &[&str]| of.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let expected = BTreeMap::from([
        ("log-group.api".to_owned(), paths(&["deleted"])),
        ("role.api-execution".to_owned(), paths(&["inline[more] +"])),
        ("target-group.api".to_owned(), paths(&["health.path"])),
        ("vpc.main".to_owned(), paths(&["owner"])),
    ]);
    assert_eq!(found, expected);

    // Another's tags are not written over.
    let refused = it.project.run(&["up", "--yes"]);
    assert!(refused.code == 6 || refused.code == 7, "{refused:?}");
    assert!(refused.err.contains("vpc.main") && refused.err.contains("other/prod"), "{refused:?}");
    wait(it.tag_vpc(None));
    it.project.run(&["up", "--yes"]).done();
    // What was added to shared sets is somebody else's: it stays, and is no drift.
    assert_eq!(it.drift(), BTreeMap::new());
    it.has_nothing_to_do();
    let removed = it.project.run(&["drift", "--revert", "--yes", "--json"]).json();
    assert_eq!(removed["removed"].as_array().unwrap().len(), 3, "{removed}");
    it.has_nothing_to_do();
}

fn a_lost_state_is_made_again(it: &There, first: &str) {
    let key = "shop/prod/state.json";
    let (s3, bucket) = (&it.aws.write().unwrap().s3, it.backend.bucket.as_str());

    // Deleted.
    let there = inventory(&it.aws);
    wait(s3.delete_object().bucket(bucket).key(key).send()).unwrap();
    for verb in [&["plan"][..], &["up", "--yes"], &["drift"], &["destroy", "--yes"]] {
        it.refused(verb, "gone|has no state");
    }
    assert_eq!(inventory(&it.aws), there);
    let asks = it.project.run(&["state", "rebuild"]);
    assert!(asks.code == 6 && asks.err.contains("--yes"), "{asks:?}");
    let rebuilt = it.rebuilt();
    assert_eq!((&rebuilt["changes"], &rebuilt["missing"]), (&json!([]), &json!([])), "{rebuilt}");
    let whole = it.project.run(&["state", "rebuild", "--yes", "--json"]).json();
    assert_eq!(whole["written"], false, "{whole}");

    // Torn.
    let torn = s3.put_object().bucket(bucket).key(key).body(b"{ half".to_vec().into());
    wait(torn.send()).unwrap();
    it.refused(&["plan"], "torn");
    it.refused(&["up", "--yes"], "torn");
    it.rebuilt();

    // An old one in its place: its image is the one before the deploy.
    let old = s3.get_object().bucket(bucket).key(key).version_id(first);
    let old = wait(async { old.send().await.unwrap().body.collect().await.unwrap() });
    let call = s3.put_object().bucket(bucket).key(key).body(old.into_bytes().to_vec().into());
    wait(call.send()).unwrap();
    for verb in [&["plan"][..], &["up", "--yes"], &["drift"], &["destroy", "--yes"]] {
        it.refused(verb, "older than the one that it replaced");
    }
    it.rebuilt();
    assert_eq!(it.drift(), BTreeMap::new());

    // The row of the lock: its fence goes on.
    let saved = it.project.run(&["state", "show"]).json()["fence"].as_u64().unwrap();
    wait(it.remove_lock_row());
    it.project.run(&["up", "--yes"]).done();
    let row = wait(show(&Locks::new(&it.aws, &it.backend.table), "shop/prod")).unwrap().unwrap();
    assert!(row.fence > saved, "{} after {saved}", row.fence);

    // Everything that the account kept about it: bucket with all versions, and table.
    wait(it.remove_backend());
    it.refused(&["plan"], "gone");
    it.refused(&["up", "--yes"], "gone");
    wait(it.remove_backend());
    let rebuilt = it.rebuilt();
    assert_eq!((&rebuilt["copy"], &rebuilt["missing"]), (&Value::Null, &json!([])), "{rebuilt}");
    let note = rebuilt["notes"][0].as_str().unwrap();
    assert!(note.contains("api runs ghcr.io/acme/api:2.0"), "{note}");
    assert_eq!(it.drift(), BTreeMap::new());
}

impl There {
    /// What has drifted: for each resource what has become of it, with `+` for what was added.
    fn drift(&self) -> BTreeMap<String, Vec<String>> {
        let run = self.project.run(&["drift", "--json"]);
        let json: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
        assert_eq!(run.code, if json["empty"] == true { 0 } else { 3 }, "{run:?}");
        let one = |finding: &Value| match finding["finding"].as_str().unwrap() {
            "changed" if finding["from"].is_null() => format!("{} +", text(&finding["path"])),
            "changed" => text(&finding["path"]),
            other => other.to_owned(),
        };
        let all = json["drift"].as_array().unwrap().iter().map(|drift| {
            let findings = drift["findings"].as_array().unwrap().iter().map(one).collect();
            (text(&drift["address"]), findings)
        });
        all.collect()
    }

    #[track_caller]
    fn refused(&self, verb: &[&str], because: &str) {
        let run = self.project.run(verb);
        assert_eq!(run.code, 8, "{verb:?}: {run:?}");
        assert!(because.split('|').any(|one| run.err.contains(one)), "{verb:?}: {run:?}");
        assert!(run.err.contains("state rebuild"), "{verb:?}: {run:?}");
    }

    /// Nothing but what MiniStack lacks.
    #[track_caller]
    fn has_nothing_to_do(&self) {
        let run = self.project.run(&["plan", "--json"]);
        let json: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
        let steps = json["steps"].as_array().unwrap().iter();
        let changes = steps.filter(|step| step["action"] != "none");
        let changes: Vec<String> = changes.map(|step| text(&step["address"])).collect();
        assert!(changes.iter().all(|one| one.starts_with("scal")), "{changes:?}");
    }

    /// Makes the state again, after which there is nothing to do.
    #[track_caller]
    fn rebuilt(&self) -> Value {
        let json = self.project.run(&["state", "rebuild", "--yes", "--json"]).json();
        assert_eq!(json["written"], true, "{json}");
        self.has_nothing_to_do();
        json
    }

    /// The stored versions of the state, the newest first.
    fn versions(&self) -> Vec<String> {
        let json = self.project.run(&["state", "history", "--json"]).json();
        json.as_array().unwrap().iter().map(|one| text(&one["version"])).collect()
    }

    fn id(&self, address: &str) -> String {
        text(&self.project.run(&["state", "show", address]).json()["id"])
    }

    async fn change_by_hand(&self) {
        let clients = self.aws.write().unwrap();
        clients.logs.delete_log_group().log_group_name("/shop/prod/api").send().await.unwrap();
        let call = clients.elb.modify_target_group().target_group_arn(self.id("target-group.api"));
        call.health_check_path("/elsewhere").send().await.unwrap();
        let call =
            clients.ec2.authorize_security_group_ingress().group_id(self.id("security-group.api"));
        let call = call.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("0.0.0.0/0");
        call.send().await.unwrap();
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let call = clients.iam.put_role_policy().role_name(self.id("role.api-execution"));
        call.policy_name("more").policy_document(all).send().await.unwrap();
        let listener = self.id("listener.http");
        let found = self.aws.read().elb.describe_rules().listener_arn(&listener).send().await;
        let rule = found.unwrap().rules.unwrap_or_default().remove(0);
        let call = clients.elb.create_rule().listener_arn(listener).priority(777);
        let call = call.set_conditions(rule.conditions).set_actions(rule.actions);
        call.send().await.unwrap();
        let call = clients.ec2.create_route().route_table_id(self.id("route-table.private-a"));
        let call = call.gateway_id(self.id("internet-gateway.main"));
        call.destination_cidr_block("198.51.100.0/24").send().await.unwrap();
        self.tag_vpc(Some("other")).await;
    }

    /// Sets the tag that says whose project the VPC is, or takes it away.
    async fn tag_vpc(&self, project: Option<&str>) {
        let ec2 = &self.aws.write().unwrap().ec2;
        let vpc = self.id("vpc.main");
        let tag = aws_sdk_ec2::types::Tag::builder().key(engine::Owner::TAGS[0]);
        if let Some(value) = project {
            let call = ec2.create_tags().resources(vpc).tags(tag.value(value).build());
            call.send().await.unwrap();
        } else {
            let call = ec2.delete_tags().resources(vpc).tags(tag.build());
            call.send().await.unwrap();
        }
    }

    async fn remove_lock_row(&self) {
        let dynamodb = &self.aws.write().unwrap().dynamodb;
        let table = &self.backend.table;
        let found = dynamodb.scan().table_name(table).send().await.unwrap();
        for item in found.items() {
            let mut fields = item.iter();
            let (name, value) =
                fields.find(|(_, value)| value.as_s().is_ok_and(|key| key == "shop/prod")).unwrap();
            let call = dynamodb.delete_item().table_name(table).key(name, value.clone());
            call.send().await.unwrap();
        }
    }

    async fn remove_backend(&self) {
        let clients = self.aws.write().unwrap();
        let bucket = &self.backend.bucket;
        let call = clients.s3.list_object_versions().bucket(bucket);
        if let Ok(found) = call.send().await {
            let versions = found.versions().iter().map(|one| (one.key(), one.version_id()));
            let marks = found.delete_markers().iter().map(|one| (one.key(), one.version_id()));
            for (key, version) in versions.chain(marks) {
                let call = clients.s3.delete_object().bucket(bucket).key(key.unwrap());
                call.set_version_id(version.map(Into::into)).send().await.unwrap();
            }
            clients.s3.delete_bucket().bucket(bucket).send().await.unwrap();
        }
        let table = &self.backend.table;
        let call = clients.dynamodb.update_table().table_name(table);
        call.deletion_protection_enabled(false).send().await.unwrap();
        clients.dynamodb.delete_table().table_name(table).send().await.unwrap();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
