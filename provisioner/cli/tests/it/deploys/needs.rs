//! What keeps a deploy back, and what does not: the new revision must start and be reached.

use aws_sdk_ec2::types::{Filter, Tag};

use super::killed::Shop;
use crate::support::{PROD, Run, wait};

const TWO: &str = "  admin: { image: 'ghcr.io/acme/admin:1.0', port: 80, route: \"/admin/*\" }\n";

fn id(shop: &Shop, address: &str) -> String {
    let shown = shop.project.run(&["state", "show", address]).json();
    shown["id"].as_str().unwrap().to_owned()
}

fn deploy(shop: &Shop, tag: &str) -> Run {
    let mut arguments = Shop::deploy(tag);
    arguments.extend(["--service", "api"].map(Into::into));
    shop.run(&arguments)
}

/// A tagger, an operator in an incident, and a file that was edited and not applied.
#[test]
fn what_the_new_revision_does_not_need_keeps_nothing_back() {
    let shop = Shop::up(PROD);
    let aws = shop.account.connect();
    let clients = aws.write().unwrap();
    let tag = Tag::builder().key("creator").value("x").build();
    wait(clients.ec2.create_tags().resources(id(&shop, "vpc.main")).tags(tag).send()).unwrap();
    assert_eq!(deploy(&shop, "2.0").json()["end"], "serves");

    let call = clients.ecs.update_service().cluster("shop-prod").service("api").desired_count(5);
    wait(call.send()).unwrap();
    let call = clients.logs.put_retention_policy().log_group_name("/shop/prod/api");
    wait(call.retention_in_days(3).send()).unwrap();
    let two = PROD.replace(
        "secrets: { database-url: given",
        &format!("{TWO}secrets: {{ database-url: given"),
    );
    shop.project.write(
        "environments/prod.yaml",
        &two.replace("port: 8000", "deregistration: 30s\n    port: 8000"),
    );
    let made = deploy(&shop, "3.0");
    for left in ["service.api settings.desiredCount", "log-group.api retention", "drift --env prod"]
    {
        assert!(made.err.contains(left), "{left}: {made:?}");
    }
    let made = made.json();
    assert_eq!(made["end"], "serves");
    // None of it was touched.
    let two = serde_json::json!({"ecs:RegisterTaskDefinition": 1, "ecs:UpdateService": 1});
    assert_eq!(made["calls"]["mutating"], two, "{made}");
    let found = wait(clients.ecs.describe_services().cluster("shop-prod").services("api").send());
    assert_eq!(found.unwrap().services()[0].desired_count(), 5);

    // The state does not take for applied what was not.
    let plan = shop.project.run(&["plan"]);
    assert_eq!(plan.code, 3, "{plan:?}");
    for change in ["retention: 3 -> 30", "settings.desiredCount: 5 -> 2", "service.admin"] {
        assert!(plan.out.contains(change), "{change}: {plan:?}");
    }
    let drift = shop.project.run(&["drift"]);
    assert!(drift.code == 3 && drift.out.contains("retention: 30 -> 3"), "{drift:?}");
    assert!(!drift.out.contains("deregistration"), "{drift:?}");

    // The same release once more has nothing to do, whatever else differs.
    assert_eq!(deploy(&shop, "3.0").json()["end"], "nothing");
}

/// Each is taken away, and put back by `up` for the next.
#[test]
fn what_the_new_revision_needs_must_be_there() {
    let shop = Shop::up(PROD);
    let aws = shop.account.connect();
    let clients = aws.write().unwrap();
    let refused = |because: &str| {
        let run = deploy(&shop, "2.0");
        assert_eq!(run.code, 6, "{because}: {run:?}");
        assert!(run.err.contains("needs more than a new revision"), "{run:?}");
        assert!(run.err.contains(because), "{because}: {run:?}");
        assert!(run.err.contains("provisioner up --env prod"), "{run:?}");
        shop.run(&["up", "--yes"].map(Into::into)).done();
    };

    let role = id(&shop, "role.api-execution");
    let found = wait(clients.iam.list_role_policies().role_name(&role).send()).unwrap();
    let policy = found.policy_names()[0].clone();
    wait(clients.iam.delete_role_policy().role_name(&role).policy_name(policy).send()).unwrap();
    refused("role.api-execution inline");

    wait(clients.logs.delete_log_group().log_group_name("/shop/prod/api").send()).unwrap();
    refused("log-group.api");

    let group = id(&shop, "security-group.api");
    let of = Filter::builder().name("group-id").values(&group).build();
    let found = wait(clients.ec2.describe_security_group_rules().filters(of).send()).unwrap();
    let rules = found.security_group_rules().iter();
    let ingress = rules.filter(|rule| rule.is_egress() != Some(true));
    let ids = ingress.filter_map(|rule| rule.security_group_rule_id().map(Into::into));
    let call = clients.ec2.revoke_security_group_ingress().group_id(&group);
    wait(call.set_security_group_rule_ids(Some(ids.collect())).send()).unwrap();
    refused("security-group-rules.api rules");

    let call = clients.ec2.delete_route().route_table_id(id(&shop, "route-table.private-a"));
    wait(call.destination_cidr_block("0.0.0.0/0").send()).unwrap();
    refused("route-table.private-a routes");

    let call = clients.elb.describe_rules().listener_arn(id(&shop, "listener.http"));
    let rules = wait(call.send()).unwrap();
    let ours = rules.rules().iter().find(|rule| rule.priority() == Some("100")).unwrap();
    wait(clients.elb.delete_rule().rule_arn(ours.rule_arn().unwrap()).send()).unwrap();
    refused("listener-rules.http");

    assert_eq!(deploy(&shop, "2.0").json()["end"], "serves");
}
