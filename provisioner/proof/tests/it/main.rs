//! A seeded sample of the proof, and that the judge sees what it must see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use proof::cases::{Life, live};
use proof::emulator::Kind;
use proof::finding::Finding;
use proof::leg;
use proof::stage::{Reference, Site};
use proof::suite::Suite;
use proof::trial::{How, Trial, Verb};
use serde_json::json;

/// The seed that `PROOF_SEED` names; without, another one every day.
fn seed() -> u64 {
    let named = std::env::var("PROOF_SEED").ok().and_then(|seed| seed.parse().ok());
    let day = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    named.unwrap_or_else(day)
}

async fn sites(kind: Kind) -> (Vec<Site>, Reference) {
    let open = || Site::open(kind, Suite::Kills.scale(kind));
    let two = [open(), open()];
    let sites = futures::future::try_join_all(two).await.unwrap();
    let reference = Reference::of(&sites[0]).await.unwrap();
    (sites, reference)
}

async fn all_clean(sites: &[Site], reference: &Reference, lives: Vec<Life>) {
    let tried: usize = lives.iter().map(|life| life.0.len()).sum();
    let told = |finding: &Finding| {
        let _ = writeln!(std::io::stderr(), "{}", finding.line());
    };
    let findings = live(sites, reference, lives, &told).await.unwrap();
    let unclean: Vec<_> = findings.iter().filter(|f| !f.is_clean()).map(Finding::line).collect();
    assert!(unclean.is_empty(), "PROOF_SEED={}: {unclean:#?}", seed());
    assert_eq!(findings.len(), tried);
}

/// Two of each suite, and four of the creates whose first answer is lost: the full list is `proof full`'s.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of compressed time, which a busy machine stretches: cargo test -p proof -- --ignored"]
async fn a_sample_of_everything_is_clean() {
    let (mut sites, reference) = sites(Kind::Ministack).await;
    for suite in Suite::ALL {
        for site in &mut sites {
            site.scale = suite.scale(Kind::Ministack);
        }
        let most = if suite == Suite::Creates { 4 } else { 1 };
        let lives = suite.sample(&reference, seed(), most);
        all_clean(&sites, &reference, lives).await;
    }
    let stage = sites[0].stage(0).await.unwrap();
    sees_a_second_copy(&stage, &reference).await;
}

/// Somebody makes a second VPC of the same name, and one that is nobody's.
async fn sees_a_second_copy(stage: &proof::stage::Stage<'_>, reference: &Reference) {
    let wire = stage.site.emulator.wire();
    for name in ["payments-prod", "stray"] {
        let tag =
            format!("TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value={name}");
        let body = format!(
            "Action=CreateVpc&CidrBlock=10.99.0.0/16&TagSpecification.1.ResourceType=vpc&{tag}"
        );
        wire.query("ec2", "2016-11-15", &body).await.unwrap();
    }
    let trial = Trial::new(Verb::Up, How::Faults, "");
    let finding = leg::run(stage, reference, &trial).await.unwrap();
    assert!(finding.duplicates.contains(&"vpc payments-prod".to_owned()), "{}", finding.line());
    assert!(finding.orphans.contains(&"vpc stray".to_owned()), "{}", finding.line());
    sees_a_stray_revision(stage, reference).await;
}

/// Somebody registers a revision that the state does not know.
async fn sees_a_stray_revision(stage: &proof::stage::Stage<'_>, reference: &Reference) {
    let stray = json!({
        "family": "payments-prod-api",
        "containerDefinitions": [{ "name": "api", "image": "stray", "memory": 64 }],
    });
    let register = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition";
    let made = stage.site.emulator.wire().json("ecs", register, &stray).await.unwrap();
    let arn = made["taskDefinition"]["taskDefinitionArn"].as_str().unwrap();
    let name = format!("task definition {}", arn.rsplit('/').next().unwrap());
    let trial = Trial::new(Verb::Deploy, How::Faults, "");
    let finding = leg::run(stage, reference, &trial).await.unwrap();
    assert!(finding.orphans.contains(&name), "{}", finding.line());
}

/// The same in front of an emulator by other people, where `PROVISIONER_TEST_MOTO` names a Python that has it: one kill,
/// one lost answer and one fault of each command.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of compressed time, which a busy machine stretches: cargo test -p proof -- --ignored"]
async fn a_sample_on_moto_is_clean() {
    if std::env::var_os("PROVISIONER_TEST_MOTO").is_none() {
        return;
    }
    let (sites, reference) = sites(Kind::Moto).await;
    for suite in [Suite::Kills, Suite::Cuts, Suite::Faults] {
        all_clean(&sites, &reference, suite.sample(&reference, seed(), 1)).await;
    }
}
