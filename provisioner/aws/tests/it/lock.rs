//! The lock table on an emulator: what its conditions let through, and what becomes of lost answers.

use std::sync::Arc;
use std::time::Duration;

use aws::bootstrap::{self, Backend};
use aws::lock::Locks;
use engine::lock::{Answer, Holder, LockTable, Options, Refusal, Write, acquire, force, show};
use engine::{Class, Clock};
use jiff::Timestamp;

use crate::emulator::Emulator;
use crate::unreliable::{Loss, Unreliable};

const KEY: &str = "shop/prod";

async fn locks(network: &Unreliable) -> Locks {
    let aws = network.connect("eu-central-1");
    let backend = Backend::of(network.account(), aws.region());
    bootstrap::ensure(&aws, &backend, &Clock::real()).await.unwrap();
    Locks::new(&aws, &backend.table)
}

fn holder(who: &str) -> Holder {
    let run = (who == "ci").then(|| "https://github.com/acme/shop/actions/runs/7".to_owned());
    let started = Timestamp::from_second(1_790_000_000).unwrap();
    let (host, operation) = ("host".into(), "up".into());
    Holder { who: who.into(), host, pid: 42, operation, started, run }
}

#[tokio::test]
async fn a_lock_is_held_once_and_its_fence_grows() {
    let network = Unreliable::start(Emulator::get().await).await;
    let (locks, clock) = (locks(&network).await, Clock::real());
    let options = Options::default();
    assert_eq!(show(&locks, KEY).await.unwrap(), None);

    let lease = acquire(&locks, KEY, holder("ci"), &options, &clock).await.unwrap();
    assert_eq!(lease.fence(), 1);
    lease.verify().await.unwrap();
    let refusal = acquire(&locks, KEY, holder("anna"), &options, &clock).await.unwrap_err();
    let Refusal::Held(held) = refusal else { panic!("{refusal}") };
    assert_eq!((held.fence, &held.claim.holder), (1, &holder("ci")));

    // Another environment is another lock.
    let other = acquire(&locks, "shop/dev", holder("anna"), &options, &clock).await.unwrap();
    assert_eq!(other.fence(), 1);
    lease.release().await.unwrap();
    let row = show(&locks, KEY).await.unwrap().unwrap();
    assert_eq!((row.fence, row.claim), (1, None));
    let lease = acquire(&locks, KEY, holder("anna"), &options, &clock).await.unwrap();
    assert_eq!(lease.fence(), 2);
    let row = show(&locks, KEY).await.unwrap().unwrap();
    assert_eq!(row.claim.unwrap().holder.run, None, "the former holder's run is gone");

    // A row that was removed by hand goes on above what was known.
    let options = Options { above: 41, ..Options::default() };
    for fence in [42, 43] {
        let lease = acquire(&locks, "shop/lost", holder("ci"), &options, &clock).await.unwrap();
        assert_eq!(lease.fence(), fence);
        lease.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_broken_lock_is_noticed_and_a_newer_one_stays() {
    let network = Unreliable::start(Emulator::get().await).await;
    let (locks, clock) = (locks(&network).await, Clock::real());
    let lease = acquire(&locks, KEY, holder("ci"), &Options::default(), &clock).await.unwrap();
    let error = force(&locks, KEY, 7).await.unwrap_err();
    assert!(error.is(Class::Blocked), "{error}");
    assert_eq!(force(&locks, KEY, 1).await.unwrap().fence, 2);
    let error = lease.verify().await.unwrap_err();
    assert!(error.is(Class::Fenced) && error.message.contains("by force"), "{error}");
    assert!(lease.check().is_err(), "once lost, always lost");

    let newer = acquire(&locks, KEY, holder("anna"), &Options::default(), &clock).await.unwrap();
    assert_eq!(newer.fence(), 3);
    assert!(newer.overtook(), "its former holder lives, as we know");
    lease.release().await.unwrap();
    newer.verify().await.expect("a release of an older lock leaves a newer one alone");
    let error = force(&locks, KEY, 2).await.unwrap_err();
    assert!(error.message.contains("fence 3, not 2"), "{error}");
}

/// The table refuses exactly what [`Write::fits`] says it refuses, whatever the row is.
#[tokio::test]
async fn conditions_are_those_of_the_contract() {
    let network = Unreliable::start(Emulator::get().await).await;
    let locks = locks(&network).await;
    let claim = |owner: &str| engine::lock::Claim {
        owner: owner.into(),
        lease: Duration::from_secs(30),
        holder: holder("ci"),
        beat: Timestamp::from_second(1_790_000_000).unwrap(),
    };
    let mut serial = 0;
    let mut landed = 0;
    for round in 0..60 {
        let row = show(&locks, KEY).await.unwrap();
        let seen = row.as_ref().map(|row| row.rvn.clone());
        let fence = row.as_ref().map_or(0, |row| row.fence);
        let mut rvn = || {
            serial += 1;
            format!("r{serial}")
        };
        let owners = ["a", "b"];
        let owner = owners[rand::random_range(0..2)].to_owned();
        let fence = if rand::random_ratio(1, 4) { fence + 1 } else { fence };
        let stale = rand::random_ratio(1, 4);
        let seen = if stale { Some("stale".to_owned()) } else { seen };
        let write = match rand::random_range(0..6) {
            0..2 => Write::Take { seen, rvn: rvn(), claim: claim(&owner), raise: 1 },
            2..4 => {
                let at = Timestamp::from_second(1_790_000_001).unwrap();
                Write::Beat { seen: seen.unwrap_or_default(), rvn: rvn(), owner, fence, at }
            }
            4 => Write::Release { rvn: rvn(), owner, fence },
            _ => Write::Force { rvn: rvn(), fence },
        };
        let answer = locks.write(KEY, &write).await.unwrap();
        match (write.fits(row.as_ref()), answer) {
            (true, Answer::Done(now)) => {
                landed += 1;
                assert_eq!(now.rvn, write.rvn(), "round {round}");
                assert_eq!(show(&locks, KEY).await.unwrap(), Some(now));
            }
            (false, Answer::Refused(stood)) => assert_eq!(stood, row, "round {round}: {write:?}"),
            (fits, answer) => {
                panic!("round {round}: {write:?} fits {row:?}: {fits}, got {answer:?}")
            }
        }
    }
    assert!(landed > 0);
}

#[tokio::test]
async fn lost_answers_leave_one_holder() {
    let network = Unreliable::start(Emulator::get().await).await;
    let (locks, clock) = (locks(&network).await, Clock::real());
    for (round, loss) in [Loss::Answer, Loss::Request].into_iter().enumerate() {
        network.lose(loss, "DynamoDB_20120810.UpdateItem");
        let lease = acquire(&locks, KEY, holder("ci"), &Options::default(), &clock).await.unwrap();
        assert!(network.is_done(), "{loss:?} was tried");
        assert_eq!(lease.fence(), 1 + round as u64, "{loss:?}: taken once");
        lease.verify().await.unwrap();
        network.lose(loss, "DynamoDB_20120810.UpdateItem");
        lease.release().await.unwrap();
        assert!(network.is_done(), "{loss:?} was tried");
        assert_eq!(show(&locks, KEY).await.unwrap().unwrap().claim, None, "{loss:?}");
    }
}

/// Faster than life, and slow enough for heartbeats to get through on a busy machine: a dead holder's lock is taken over
/// after a lease, a live one's is not.
#[tokio::test]
async fn a_dead_holder_is_replaced_and_a_live_one_is_not() {
    let network = Unreliable::start(Emulator::get().await).await;
    let (locks, clock) = (locks(&network).await, Clock::scaled(3.0));
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let patient = Options {
        wait: Some(Duration::from_secs(90)),
        waiting: Arc::new(move |held| heard.lock().unwrap().push(held.claim.holder.who.clone())),
        ..Options::default()
    };
    let alive = acquire(&locks, KEY, holder("alive"), &Options::default(), &clock).await.unwrap();
    let refusal = acquire(&locks, KEY, holder("anna"), &patient, &clock).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Held(_)), "{refusal}");
    alive.check().expect("three leases of heartbeats keep it alive");
    assert_eq!(*told.lock().unwrap(), ["alive"], "told once");

    assert!(!alive.overtook());
    let fence = alive.fence();
    drop(alive);
    let lease = acquire(&locks, KEY, holder("anna"), &patient, &clock).await.unwrap();
    // By more than one where the table answered too late for the take to count.
    assert!(lease.fence() > fence, "{} after {fence}", lease.fence());
    assert!(lease.overtook(), "its former holder may only have been asleep");
    lease.release().await.unwrap();
    let next = acquire(&locks, KEY, holder("ci"), &patient, &clock).await.unwrap();
    assert!(!next.overtook(), "it was free");
}

#[tokio::test]
async fn a_missing_table_is_said_to_be_missing() {
    let network = Unreliable::start(Emulator::get().await).await;
    let locks = Locks::new(&network.connect("eu-central-1"), "provisioner-locks");
    let refusal = acquire(&locks, KEY, holder("ci"), &Options::default(), &Clock::real()).await;
    let Err(Refusal::Failed(error)) = refusal else { panic!("a lock without a table") };
    assert!(error.is(Class::Absent), "{error}");
}
