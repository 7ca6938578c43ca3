//! `rehearse`: from nothing, and from a state whose change replaces and updates.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::account::{Account, lend_venv};
use crate::inventory::inventory;
use crate::support::Project;

/// Small, and with all that a rehearsal must stand in for: an image that Docker builds, a given secret.
const SMALL: &str = "\
project: shop
region: us-east-1
network: { nat: none }
services:
  api:
    build: { dockerfile: Dockerfile }
    port: 8000
    route: \"/*\"
    cpu: 256
    memory: 1024
    replicas: 1
    secrets: { TOKEN: token }
secrets: { token: given }
";

/// Slow enough for busy machines: a lease is 6 s of theirs.
const REHEARSE: [&str; 6] = ["rehearse", "--env", "prod", "--json", "--scale", "5"];

#[test]
fn from_nothing_without_an_account() {
    let mut project = Project::with(&[("prod", SMALL)]);
    project.set("AWS_EC2_METADATA_DISABLED", "true");
    lend_venv(&project, None);
    let told = project.run(&[&REHEARSE[..], &["--faults", "after:CreateVpc@1"]].concat());
    assert!(told.err.contains("rehearsing from nothing: no account can be asked"), "{told:?}");
    let told = told.json();
    assert_eq!(told["built"], 0, "{told}");
    good(&told);
    assert_eq!(told["findings"]["faults"], json!({"cut off after the effect": 1}), "{told}");
    // AWS's own times, however fast this machine is.
    let service = span(&told["up"], "service.api");
    let balancer = span(&told["up"], "load-balancer.main");
    assert_eq!(service["action"], "create");
    assert!(length(service) >= 60.0 && length(balancer) >= 150.0, "{told}");
    assert!(told["up"]["seconds"].as_f64().unwrap() >= 210.0, "{told}");
    let chain = told["up"]["critical"].as_array().unwrap();
    let chain: Vec<&str> = chain.iter().map(|one| one["address"].as_str().unwrap()).collect();
    let at = |address: &str| chain.iter().position(|one| *one == address);
    assert!(at("load-balancer.main").unwrap() < at("service.api").unwrap(), "{chain:?}");
}

#[test]
fn from_what_was_last_applied() {
    let account = Account::new();
    let mut project =
        Project::with(&[("prod", &SMALL.replace("dockerfile: Dockerfile", "binary: app"))]);
    std::fs::write(project.path().join("app"), image::Architecture::X86_64.placeholder()).unwrap();
    lend_venv(&project, None);
    account.hold(&mut project);
    project.run_with(&["secret", "set", "token", "--env", "prod"], b"real").done();
    project.run(&["up", "--env", "prod", "--yes"]).done();
    let before = inventory(&account.connect());

    project.write("environments/prod.yaml", &SMALL.replace("cpu: 256", "cpu: 512"));
    let told = project.run(&[&REHEARSE[..], &["--faults", "none"]].concat()).json();
    good(&told);
    assert!(told["built"].as_u64().unwrap() > 15, "{told}");
    let changed = told["up"]["timeline"].as_array().unwrap().iter();
    let changed: BTreeSet<&str> = changed.map(|one| one["address"].as_str().unwrap()).collect();
    assert_eq!(changed, BTreeSet::from(["service.api", "task-definition.api"]), "{told}");
    assert_eq!(inventory(&account.connect()), before, "the account was only read");
}

#[test]
fn a_fault_that_nobody_knows_is_said_at_once() {
    let project = Project::with(&[("prod", SMALL)]);
    let run = project.run(&["rehearse", "--env", "prod", "--faults", "explode:1"]);
    assert_eq!(run.code, 4, "{run:?}");
    assert!(run.err.contains("unknown fault `explode`"), "{run:?}");
}

/// Nothing left, and no rule broken.
fn good(told: &Value) {
    assert_eq!(told["findings"]["violations"], json!([]), "{told}");
    assert_eq!(told["findings"]["left"], json!({}), "{told}");
    assert!(!told["destroy"]["timeline"].as_array().unwrap().is_empty(), "{told}");
}

fn span<'a>(course: &'a Value, address: &str) -> &'a Value {
    let spans = course["timeline"].as_array().unwrap();
    spans.iter().find(|one| one["address"] == address).unwrap_or_else(|| panic!("{course}"))
}

fn length(span: &Value) -> f64 {
    span["end"].as_f64().unwrap() - span["start"].as_f64().unwrap()
}
