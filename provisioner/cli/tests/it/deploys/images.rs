//! Images by digest: tags that move, tags that nobody can look up, and what is promoted from one
//! environment to another.

use image::{Architecture, Layout, Recipe, Registry};
use serde_json::{Value, json};

use super::home::releases;
use super::killed::Shop;
use crate::account::Account;
use crate::support::{PROD, Project, wait};

const HOST: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com";

/// A program that nobody runs.
fn program(payload: &[u8]) -> Vec<u8> {
    [Architecture::X86_64.placeholder(), payload.to_vec()].concat()
}

/// Pushes another image under the tag `main`, and returns its digest.
fn push(account: &Account, payload: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), program(payload)).unwrap();
    let layout = Layout::of_program(file.path(), &Recipe::default()).unwrap();
    let host = account.endpoint.trim_start_matches("http://");
    let registry = Registry::new(host, None, true).unwrap();
    wait(registry.push(&layout, "shared/api", Some("main"))).unwrap().to_string()
}

/// The image of the revision that the service runs.
fn runs(account: &Account) -> String {
    let aws = account.connect();
    let ecs = &aws.read().ecs;
    let service = ecs.describe_services().cluster("shop-prod").services("api");
    let service = wait(service.send()).unwrap();
    let revision = service.services()[0].task_definition().unwrap();
    let found = wait(ecs.describe_task_definition().task_definition(revision).send()).unwrap();
    found.task_definition().unwrap().container_definitions()[0].image().unwrap().to_owned()
}

#[test]
fn a_tag_that_moved_is_deployed_and_one_that_stays_is_not() {
    let account = Account::new();
    let aws = account.connect();
    let create = aws.write().unwrap().ecr.create_repository().repository_name("shared/api");
    wait(create.send()).unwrap();
    let first = push(&account, b"one");
    let tag = format!("{HOST}/shared/api:main");
    let shop = Shop::up_in(account, &PROD.replace("ghcr.io/acme/api:1.0", &tag));
    let name = |digest: &str| format!("{HOST}/shared/api@{digest}");
    assert_eq!(runs(&shop.account), name(&first));
    let image = &releases(&shop.project)[0]["image"];
    assert_eq!(*image, json!({"resolved": {"reference": tag, "digest": first}}));
    let deploy = || shop.project.run(&["deploy", "--json"]).json();
    assert_eq!(deploy()["end"], "nothing");

    let second = push(&shop.account, b"two");
    // The tag is the deploy's business: `up` leaves what runs.
    shop.project.run(&["plan"]).done();
    assert_eq!(deploy()["end"], "serves");
    assert_eq!(runs(&shop.account), name(&second));
    shop.project.run(&["plan"]).done();
    assert_eq!(shop.project.run(&["rollback", "--json"]).json()["end"], "serves");
    assert_eq!(runs(&shop.account), name(&first), "the digest of then, not the tag of today");
    shop.project.run(&["plan"]).done();
    let status = shop.project.run(&["status", "--json"]).json();
    assert_eq!(status["services"][0]["image"], format!("{tag}@{first}"), "{status}");
    let table = shop.project.run(&["releases"]).done();
    assert!(table.contains(&format!("{tag}@{}", &second["sha256:".len()..][..12])), "{table}");
}

/// Nobody can say whether the tag has moved: the tasks are replaced, and start with what it names.
#[test]
fn a_tag_that_cannot_be_looked_up_rolls_the_tasks() {
    let shop = Shop::up(&PROD.replace("ghcr.io/acme/api:1.0", "127.0.0.1:9/api:main"));
    let again = shop.project.run(&["deploy", "--json"]);
    assert!(again.err.contains("127.0.0.1:9/api:main was not looked up"), "{again:?}");
    let again = again.json();
    assert_eq!(again["end"], "serves", "{again}");
    assert_eq!(again["calls"]["mutating"], json!({"ecs:UpdateService": 1}), "{again}");
    // A digest is what it is.
    let digest = format!("127.0.0.1:9/api@sha256:{}", "a".repeat(64));
    let shipped = |image: &str| shop.project.run(&["deploy", "--json", "--image", image]).json();
    assert_eq!(shipped(&digest)["end"], "serves");
    assert_eq!(shipped(&digest)["end"], "nothing");
}

const BUILT: &str = "\
project: shop
region: us-east-1
services:
  api:
    build: { binary: api }
    port: 8000
";

#[test]
fn what_was_tested_is_what_is_promoted() {
    let account = Account::new();
    let mut project = Project::with(&[("staging", BUILT), ("prod", BUILT)]);
    account.hold(&mut project);
    let build = |payload: &[u8]| {
        std::fs::write(project.path().join("api"), program(payload)).unwrap();
    };
    build(b"one");
    for environment in ["staging", "prod"] {
        project.run(&["up", "--yes", "--env", environment]).done();
    }
    build(b"two");
    project.run(&["deploy", "--env", "staging"]).done();
    // What a build would make now.
    build(b"three");
    let images = |environment: &str| -> Vec<Value> {
        let all = project.run(&["releases", "--json", "--env", environment]).json();
        all.as_array().unwrap().iter().map(|one| one["image"].clone()).collect()
    };
    let promote = |more: &[&str]| {
        let arguments = [&["deploy", "--json", "--env", "prod", "--from", "staging"], more];
        project.run(&arguments.concat())
    };
    assert_eq!(promote(&[]).json()["end"], "serves");
    let [staging, prod] = ["staging", "prod"].map(images);
    assert_eq!(prod[0], staging[0]);
    let digest = prod[0]["built"].as_str().unwrap();
    assert!(runs(&account).ends_with(&format!("shop/prod/api@{digest}")));
    let there = wait(account.connect().image("shop/prod/api", digest)).unwrap().unwrap();
    assert_eq!(there.tags, [&digest["sha256:".len()..][..12]], "a tag keeps it from expiring");
    assert_eq!(promote(&[]).json()["end"], "nothing");
    // What was approved, although staging has gone on.
    assert_eq!(promote(&["--release", "1"]).json()["end"], "serves");
    assert_eq!(images("prod")[0], staging[1]);
    project.run(&["plan", "--env", "prod"]).done();

    let absent = promote(&["--release", "9"]);
    assert_eq!(absent.code, 1, "{absent:?}");
    assert!(absent.err.contains("staging has not had release 9 of api that serves"), "{absent:?}");
    let itself = project.run(&["deploy", "--env", "prod", "--from", "prod"]);
    assert_eq!(itself.code, 1, "{itself:?}");
    let nowhere = project.run(&["deploy", "--env", "prod", "--from", "nowhere"]);
    assert_eq!(nowhere.code, 4, "{nowhere:?}");
}
