//! Deploys to an account, seen from its API: what they cost, what autoscaling does meanwhile, two at
//! once, and how many revisions stay.

use serde_json::{Value, json};

use super::home::releases;
use super::killed::Shop;
use crate::account::Account;
use crate::support::{PROD, wait};

#[test]
fn a_deploy_costs_two_mutating_calls() {
    let mut shop = Shop::up(PROD);
    shop.project.set("GITHUB_SHA", "0f1e2d3c").set("GITHUB_ACTIONS", "true");
    shop.project.set("GITHUB_SERVER_URL", "https://github.com");
    shop.project.set("GITHUB_REPOSITORY", "acme/shop").set("GITHUB_RUN_ID", "77");
    let made = shop.run(&Shop::deploy("2.0")).json();
    let two = json!({"ecs:RegisterTaskDefinition": 1, "ecs:UpdateService": 1});
    assert_eq!(made["calls"]["mutating"], two, "{made}");
    // Looks at 27 resources, the lock, the state and the release are in it.
    assert!(made["calls"]["total"].as_u64().unwrap() < 80, "{made}");
    let release = &releases(&shop.project)[0];
    assert_eq!(release["commit"], "0f1e2d3c", "{release}");
    assert_eq!(release["run"], "https://github.com/acme/shop/actions/runs/77", "{release}");
    shop.project.run(&["plan"]).done();
    let back = shop.project.run(&["rollback", "--json"]).json();
    assert_eq!(back["calls"]["mutating"], json!({"ecs:UpdateService": 1}), "{back}");
    shop.project.run(&["plan"]).done();
}

/// Autoscaling moves the number of tasks behind our back: no plan names it, no release moves it back.
#[test]
fn the_number_of_tasks_is_left_to_autoscaling() {
    // MiniStack has no Application Auto Scaling.
    let Some(account) = Account::moto() else { return };
    let scaled = "    port: 8000\n    replicas: { min: 2, max: 6 }\n";
    let shop = Shop::up_in(account, &PROD.replace("    port: 8000\n", scaled));
    let aws = shop.account.connect();
    let call = aws.write().unwrap().ecs.update_service().cluster("shop-prod").service("api");
    wait(call.desired_count(4).send()).unwrap();
    shop.project.run(&["plan"]).done();
    assert_eq!(shop.run(&Shop::deploy("2.0")).json()["end"], "serves");
    shop.project.run(&["plan"]).done();
    assert_eq!(shop.project.run(&["rollback", "--json"]).json()["end"], "serves");
    shop.project.run(&["plan"]).done();
    let call = aws.read().ecs.describe_services().cluster("shop-prod").services("api").send();
    assert_eq!(wait(call).unwrap().services()[0].desired_count(), 4);
    let scaled = shop.project.run(&["scale", "3", "--json"]).json();
    assert_eq!((&scaled["from"], &scaled["to"]), (&4.into(), &3.into()));
    shop.project.run(&["plan"]).done();
    // Out of the bounds they give way, until `up` sets them again.
    let scaled = shop.project.run(&["scale", "7", "--json"]).json();
    assert!(scaled["lasts"].as_str().unwrap().contains("most is 7"), "{scaled}");
    assert_eq!(shop.project.run(&["plan"]).code, 3);
    let kept = shop.project.run(&["scale", "7", "--keep"]).done();
    assert_eq!(kept, "");
    assert!(shop.project.read("environments/prod.yaml").contains("{ min: 2, max: 7 }"));
    shop.project.run(&["plan"]).done();
}

#[test]
fn deploys_at_once_wait_for_each_other_or_are_refused() {
    let mut shop = Shop::up(PROD);
    let proxy = shop.watched();
    let start = |tag: &str| {
        let arguments = Shop::deploy(tag);
        shop.project.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let started: Vec<_> = ["2.0", "3.0", "4.0"].into_iter().map(start).collect();
    for one in started {
        assert_eq!(one.end().json()["end"], "serves");
    }
    let all = releases(&shop.project);
    let numbers: Vec<_> = all.iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);

    proxy.set("hold-before:UpdateService");
    let first = start("5.0");
    proxy.held();
    let image = "ghcr.io/acme/api:6.0";
    let other = shop.project.run(&["deploy", "--image", image]);
    assert_eq!(other.code, 5, "{other:?}");
    assert!(other.err.contains("running `deploy`"), "{other:?}");
    first.kill();
}

/// A rollback needs nothing rebuilt: the last ten revisions before the present one stay in use.
#[test]
fn ten_revisions_stay() {
    let shop = Shop::up(PROD);
    for number in 2..=14 {
        assert_eq!(shop.run(&Shop::deploy(&format!("{number}.0"))).json()["end"], "serves");
    }
    assert_eq!(shop.active(), shop.known());
    assert_eq!(shop.active().len(), 11);
    shop.project.run(&["plan"]).done();
    let image = |all: &[Value]| all[0]["image"].to_string();
    shop.project.run(&["rollback", "5", "--json"]).done();
    assert!(image(&releases(&shop.project)).contains("api:5.0"));
    shop.project.run(&["plan"]).done();
}
