//! How many calls a look at everything takes.

use super::Prod;
use crate::contract::mutations;
use crate::emulator::Emulator;

/// Of these, 28 are for the environment and 5 for each service: its repository's lifecycle policy, the
/// tags of its repository and of its log group, its task definition, its target group's attributes.
/// AWS tells each of those of one thing a call.
#[tokio::test]
async fn a_plan_without_changes_takes_few_calls() {
    // Services that never start are looked at more closely.
    if Emulator::get().await.is_moto() {
        return;
    }
    for services in [1, 10] {
        let prod = Prod::up(services).await;
        let aws = prod.connect();
        let plan = prod.plan(&aws).await;
        assert!(plan.is_empty(), "{:#?}", plan.changes().collect::<Vec<_>>());
        let calls = aws.calls();
        let total: u64 = calls.iter().map(|(_, count)| count).sum();
        let most = 28 + 5 * services as u64;
        assert!(total <= most, "{services} services: {total} calls of {most}: {calls:#?}");
        assert_eq!(mutations(&aws), 0);
        assert_eq!(aws.attempts(), total, "nothing was repeated");
    }
}
