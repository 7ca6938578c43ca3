//! The judge sees what it must see. The trials themselves are `scripts/proof`'s, a sample of them CI's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proof::emulator::Kind;
use proof::leg;
use proof::stage::{Reference, Site};
use proof::trial::{How, Trial, Verb};
use serde_json::json;

/// Virtual seconds per real second: a lease is one and a half of a busy machine's.
const SCALE: f64 = 20.0;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_twice_or_strays_is_seen() {
    let site = Site::open(Kind::Ministack, SCALE).await.unwrap();
    let reference = Reference::of(&site).await.unwrap();
    let stage = site.stage(0).await.unwrap();
    sees_a_second_copy(&stage, &reference).await;
    sees_a_stray_revision(&stage, &reference).await;
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
