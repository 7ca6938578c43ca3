//! Every attribute that the stack says something about, changed behind the engine's back.

mod changes;

use std::collections::BTreeSet;

use aws::Aws;
use engine::plan::{Plan, Step, plan};
use engine::refresh::Picture;
use engine::state::State;
use engine::store::Store;
use engine::{Address, Kind, Observed, Result, Sharing};

use self::changes::{Change, Ids, UNSEEN, alike, changeable, changes};
use super::Prod;
use crate::emulator::Emulator;

/// Somebody changes each attribute by itself, and the plan names it.
#[tokio::test]
async fn whatever_is_changed_behind_our_back_is_named() {
    let emulator = Emulator::get().await;
    let prod = Prod::up(2).await;
    let aws = prod.connect();
    let (state, _) = prod.store(&aws).load().await.unwrap().unwrap();
    let picture = prod.look(&aws, &prod.graph, &state).await;
    let calm = plan(&prod.kinds, &prod.graph, &state, &picture, &Sharing::default()).unwrap();
    assert!(calm.is_empty(), "{:#?}", calm.changes().collect::<Vec<_>>());
    let ids = Ids::of(&calm);
    let mut wrong = Vec::new();
    let mut changed = BTreeSet::new();
    for (address, step) in &calm.steps {
        let kind = prod.kinds.of(address).unwrap();
        let (desired, seen) = (step.desired.as_ref().unwrap(), step.seen.as_ref().unwrap());
        for change in changes(address, kind.traits(), desired, &ids) {
            let Change { at, alike, path, .. } = &change;
            // The same attribute of another resource of the kind is no other attribute.
            if !changed.insert((address.kind(), alike.clone())) {
                continue;
            }
            let unseen = UNSEEN.iter().find(|u| u.is(address, alike, emulator.is_moto()));
            if let Err(error) = make(&aws, kind, &change, seen).await {
                if unseen.is_none() {
                    wrong.push(format!("{address} {at}: {error}"));
                }
                continue;
            }
            let plan = again(&prod, &aws, &state, &picture, address).await;
            let now = &plan.steps[address];
            match (is_named(now, path), unseen) {
                (true, None) | (false, Some(_)) => {}
                (true, Some(unseen)) => {
                    wrong.push(format!("{address} {at}: seen, and no longer {}", unseen.why));
                }
                (false, None) => wrong.push(format!("{address} {at}: {:?}", now.differences)),
            }
            let now = now.seen.as_ref().unwrap_or(seen);
            kind.update(&aws, desired, now).await.unwrap();
        }
    }
    for (address, step) in &calm.steps {
        let traits = prod.kinds.of(address).unwrap().traits();
        let all = changeable(traits, step.desired.as_ref().unwrap()).into_iter();
        let missed = all.filter(|at| !changed.contains(&(address.kind(), alike(at))));
        let known =
            |at: &String| UNSEEN.iter().any(|u| u.is(address, &alike(at), emulator.is_moto()));
        wrong.extend(missed.filter(|at| !known(at)).map(|at| format!("{address} {at}: untouched")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let calm = prod.compare(&aws, &state).await;
    assert!(calm.is_empty(), "{:#?}", calm.changes().collect::<Vec<_>>());
}

/// The plan after another look at one resource and at what it needs.
async fn again(prod: &Prod, aws: &Aws, state: &State, before: &Picture, at: &Address) -> Plan {
    let part = prod.graph.only(|address| address == at);
    let mut known = state.clone();
    known.resources.retain(|address, _| part.get(address).is_some());
    let mut picture = before.clone();
    for (address, _) in part.iter() {
        picture.seen.remove(address);
    }
    picture.seen.extend(prod.look(aws, &part, &known).await.seen);
    plan(&prod.kinds, &prod.graph, state, &picture, &Sharing::default()).unwrap()
}

/// Changes one thing. Mostly the adapter can, told to want something else.
async fn make(aws: &Aws, kind: &dyn Kind<Aws>, change: &Change, seen: &Observed) -> Result<()> {
    let id = seen.id.as_str();
    match (kind.traits().kind, change.at.as_str()) {
        ("internet-gateway", "/vpc") => {
            let vpc = seen.spec["vpc"].as_str().unwrap();
            let call = aws.read().ec2.detach_internet_gateway().internet_gateway_id(id);
            call.vpc_id(vpc).send().await.unwrap();
        }
        ("secret", "/scheduled_for_deletion") => {
            let call = aws.read().secrets.delete_secret().secret_id(id);
            call.recovery_window_in_days(7).send().await.unwrap();
        }
        // What an emulator did not tell of a service would not be sent.
        ("service", at) if at.starts_with("/settings") => {
            let mut untold = seen.clone();
            untold.spec["settings"] =
                serde_json::json!({"launchType": seen.spec["settings"]["launchType"]});
            return kind.update(aws, &change.spec, &untold).await.map(drop);
        }
        _ => return kind.update(aws, &change.spec, seen).await.map(drop),
    }
    Ok(())
}

/// Whether a step speaks of it, as a difference or as an addition of somebody else's.
fn is_named(step: &Step, path: &str) -> bool {
    let differences = step.differences.iter().map(|difference| &difference.path);
    let mut all = differences.chain(step.additions.iter().map(|addition| &addition.path));
    all.any(|named| named.starts_with(path))
}
