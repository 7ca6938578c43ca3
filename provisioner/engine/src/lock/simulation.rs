//! Thousands of random histories of several writers on one lock, each reproducible by its seed.
//!
//! Processes stop at any await, laptops sleep, clocks are an hour off and jump, answers get lost,
//! requests are delivered twice or a minute and a half late, and somebody breaks locks by force.

mod cloud;
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::cloud::{Cloud, State, Truth};
use self::world::{Process, World};
use super::{Holder, LEASE, Lease, Options, Refusal, Time, acquire_unattended, force, show};
use crate::error::Class;

/// What happens in a history.
#[derive(Clone, Copy)]
struct Plot {
    writers: usize,
    /// Percent of calls that go wrong.
    faults: u32,
    /// Processes freeze, sleep and crash.
    freezes: bool,
    /// Somebody breaks locks.
    forces: bool,
}

#[derive(Default)]
struct Sums {
    steals: u32,
    fenced: u32,
    refused: u32,
    finished: u32,
}

struct Writer {
    name: usize,
    cloud: Cloud,
    plot: Plot,
    sums: Arc<Mutex<Sums>>,
    acknowledged: Arc<Mutex<Vec<usize>>>,
}

impl Writer {
    async fn live(self) {
        let Self { name, cloud, .. } = &self;
        let world = cloud.process.world.clone();
        cloud.process.sleep(world.up_to(Duration::from_secs(40))).await;
        for run in 0..3 {
            let wait = match world.pick(4) {
                0 => None,
                1 => Some(Duration::from_secs(20)),
                _ => Some(Duration::from_mins(10)),
            };
            let holder = Holder {
                who: format!("writer-{name}"),
                host: "host".into(),
                pid: 1,
                operation: "up".into(),
                started: cloud.process.wall(),
                run: None,
            };
            let options = Options { wait, ..Options::default() };
            match acquire_unattended(cloud, "shop/prod", holder, &options, &cloud.process).await {
                Ok((lease, heartbeat)) => {
                    world.spawn(heartbeat.run());
                    self.work(run, lease).await;
                }
                Err(Refusal::Held(_)) => self.sums.lock().unwrap().refused += 1,
                Err(Refusal::Failed(error)) => {
                    assert!(matches!(
                        error.class,
                        Class::Lost | Class::Throttled | Class::Transient
                    ));
                }
            }
            cloud.process.sleep(world.up_to(Duration::from_mins(1))).await;
        }
    }

    async fn work(&self, run: usize, lease: Lease<Cloud, Process>) {
        let Self { name, cloud, plot, .. } = self;
        let world = &cloud.process.world;
        let fence = lease.fence();
        let Ok((mut version, loaded)) = cloud.load().await else { return };
        let mut state = loaded.unwrap_or(State { fence, serial: 0, entries: Vec::new() });
        for step in 0..12 {
            cloud.process.sleep(world.up_to(Duration::from_secs(8))).await;
            if plot.freezes && world.chance(4) {
                return;
            }
            let checked = if world.chance(25) { lease.verify().await } else { lease.check() };
            match checked {
                Ok(()) => cloud.truth().believed(fence, world.now(), LEASE),
                Err(error) if error.is(Class::Fenced) => {
                    assert!(lease.check().is_err(), "a lost lease came back");
                    cloud.truth().fenced += 1;
                    return;
                }
                Err(_) => continue,
            }
            // Frozen between the check and the call: the one call that remains.
            cloud.process.thaw().await;
            cloud.mutate(fence).await;
            if lease.check().is_err() {
                cloud.truth().fenced += 1;
                return;
            }
            let entry = name * 10_000 + run * 100 + step;
            state.entries.push(entry);
            state = State { fence, serial: state.serial + 1, ..state };
            match cloud.save(state.clone(), version).await {
                Ok(saved) => {
                    version = Some(saved);
                    self.acknowledged.lock().unwrap().push(entry);
                }
                Err(_) => return,
            }
        }
        self.sums.lock().unwrap().finished += 1;
        let _left_to_run_out_if_the_table_is_away = lease.release().await;
    }
}

/// Freezes processes and breaks locks.
async fn fate(clouds: Vec<Cloud>, plot: Plot) {
    let world = clouds[0].process.world.clone();
    for _ in 0..12 {
        world.sleep(world.up_to(Duration::from_mins(1))).await;
        let cloud = &clouds[world.pick(clouds.len())];
        if plot.freezes && world.chance(60) {
            let time = world.up_to(Duration::from_secs(if world.chance(30) { 300 } else { 40 }));
            cloud.process.freeze(time, world.chance(50));
        }
        if plot.freezes && world.chance(10) {
            cloud.process.jump();
        }
        if plot.forces
            && world.chance(30)
            && let Ok(Some(shown)) = show(cloud, "shop/prod").await
        {
            world.sleep(world.up_to(Duration::from_mins(2))).await;
            if let Ok(row) = force(cloud, "shop/prod", shown.fence).await {
                assert_eq!(
                    row.fence,
                    shown.fence + 1,
                    "another lock was broken than the one shown"
                );
            }
        }
    }
}

fn history(seed: u64, plot: Plot) -> (Vec<String>, Sums, Duration) {
    let world = World::new(seed);
    let truth = Arc::new(Mutex::new(Truth::default()));
    let sums = Arc::new(Mutex::new(Sums::default()));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let clouds: Vec<Cloud> = (0..plot.writers)
        .map(|_| Cloud {
            process: Process::new(&world),
            truth: Arc::clone(&truth),
            faults: plot.faults,
        })
        .collect();
    for (name, cloud) in clouds.iter().cloned().enumerate() {
        let (sums, acknowledged) = (Arc::clone(&sums), Arc::clone(&acknowledged));
        world.spawn(Writer { name, cloud, plot, sums, acknowledged }.live());
    }
    world.spawn(fate(clouds, plot));
    let ended = world.run(Duration::from_hours(4));
    let mut truth = truth.lock().unwrap();
    for entry in acknowledged.lock().unwrap().iter() {
        truth.expect(*entry);
    }
    let mut wrongs = std::mem::take(&mut truth.wrongs);
    wrongs.extend(ended.err());
    let mut sums = std::mem::take(&mut *sums.lock().unwrap());
    (sums.steals, sums.fenced) = (truth.steals, truth.fenced);
    (wrongs, sums, world.now())
}

fn histories(count: u64, plot: Plot) -> Sums {
    let mut all = Sums::default();
    for seed in 0..count {
        let (wrongs, sums, _) = history(seed, plot);
        assert!(wrongs.is_empty(), "seed {seed}: {wrongs:#?}");
        all.steals += sums.steals;
        all.fenced += sums.fenced;
        all.refused += sums.refused;
        all.finished += sums.finished;
    }
    all
}

#[test]
fn a_quiet_network_loses_and_steals_nothing() {
    let plot = Plot { writers: 3, faults: 0, freezes: false, forces: false };
    let all = histories(150, plot);
    assert_eq!((all.steals, all.fenced), (0, 0));
    assert!(all.finished > 750, "only {} runs finished", all.finished);
}

#[test]
fn lost_and_repeated_messages_change_nothing() {
    let plot = Plot { writers: 3, faults: 20, freezes: false, forces: false };
    let all = histories(600, plot);
    assert!(all.finished > 600, "only {} runs finished", all.finished);
}

#[test]
fn frozen_crashed_and_sleeping_holders_are_replaced_and_fenced() {
    let plot = Plot { writers: 4, faults: 10, freezes: true, forces: false };
    let all = histories(1200, plot);
    assert!(all.steals > 300, "only {} steals", all.steals);
    assert!(all.fenced > 300, "only {} fenced", all.fenced);
    assert!(all.finished > 600, "only {} runs finished", all.finished);
}

#[test]
fn breaking_a_lock_never_breaks_a_newer_one() {
    let plot = Plot { writers: 3, faults: 10, freezes: true, forces: true };
    let all = histories(600, plot);
    assert!(all.fenced > 180, "only {} fenced", all.fenced);
}

#[test]
fn a_seed_tells_the_same_history_again() {
    let plot = Plot { writers: 4, faults: 20, freezes: true, forces: true };
    for seed in 0..20 {
        let (_, first, ended) = history(seed, plot);
        let (_, second, again) = history(seed, plot);
        assert_eq!(ended, again);
        assert_eq!((first.steals, first.fenced), (second.steals, second.fenced));
    }
}
