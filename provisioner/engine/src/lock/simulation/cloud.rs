//! A lock table and a state object behind a bad network, and the judge who sees what truly happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::world::Process;
use crate::error::{Class, Error, Result};
use crate::lock::{Answer, LockTable, Row, Write};

/// What truly is, and what has been seen to be wrong.
#[derive(Default)]
pub(super) struct Truth {
    row: Option<Row>,
    /// When the row was last written by its owner.
    written: Duration,
    /// Every nonce that ever landed.
    nonces: BTreeSet<String>,
    /// Fences whose lock was broken by force, and when.
    broken: BTreeMap<u64, Duration>,
    /// Calls that were executed after their lock was lost, by fence.
    zombies: BTreeMap<u64, u32>,
    /// Accepted states, in order.
    states: Vec<State>,
    pub(super) wrongs: Vec<String>,
    pub(super) steals: u32,
    pub(super) fenced: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) fence: u64,
    pub(super) serial: u32,
    /// Every acknowledged or unacknowledged entry so far.
    pub(super) entries: Vec<usize>,
}

impl Truth {
    fn wrong(&mut self, what: String) {
        self.wrongs.push(what);
    }

    fn apply(&mut self, write: &Write, now: Duration) -> Answer {
        if !write.fits(self.row.as_ref()) {
            return Answer::Refused(self.row.clone());
        }
        if !self.nonces.insert(write.rvn().to_owned()) {
            self.wrong(format!("a write landed twice: {write:?}"));
        }
        let before = self.row.take();
        let mut row = Row {
            fence: before.as_ref().map_or(0, |row| row.fence),
            rvn: write.rvn().to_owned(),
            claim: before.as_ref().and_then(|row| row.claim.clone()),
        };
        match write {
            Write::Take { claim, raise, .. } => {
                if let Some(victim) = &row.claim
                    && victim.owner != claim.owner
                {
                    self.steals += 1;
                    let silent = now.saturating_sub(self.written);
                    if silent < victim.lease {
                        let fence = row.fence;
                        self.wrong(format!("fence {fence} was stolen after {silent:?} of silence"));
                    }
                }
                row.fence += raise;
                row.claim = Some(claim.clone());
            }
            Write::Beat { at, .. } => row.claim.iter_mut().for_each(|claim| claim.beat = *at),
            Write::Release { .. } => row.claim = None,
            Write::Force { fence, .. } => {
                self.broken.insert(*fence, now);
                row.fence += 1;
                row.claim = None;
            }
        }
        self.written = now;
        self.row = Some(row.clone());
        Answer::Done(row)
    }

    fn holds(&self, fence: u64) -> bool {
        self.row.as_ref().is_some_and(|row| row.fence == fence && row.claim.is_some())
    }

    /// A holder was told that the lock is its own. It must be true; only a lock broken by force may
    /// be believed in until the next beat must have got through.
    pub(super) fn believed(&mut self, fence: u64, now: Duration, lease: Duration) {
        let forced = self.broken.get(&fence).is_some_and(|at| now < *at + lease);
        if !self.holds(fence) && !forced {
            self.wrong(format!("fence {fence} was believed to be held at {now:?}"));
        }
    }

    /// A call that changes something was executed.
    pub(super) fn mutated(&mut self, fence: u64) {
        if !self.holds(fence) && !self.broken.contains_key(&fence) {
            let calls = self.zombies.entry(fence).or_default();
            *calls += 1;
            if *calls > 1 {
                let calls = *calls;
                self.wrong(format!("fence {fence} made {calls} calls after its end"));
            }
        }
    }

    fn put(&mut self, state: State, over: Option<usize>) -> Result<usize> {
        if self.states.len().checked_sub(1) != over {
            return Err(Error::new(Class::State, "somebody else wrote"));
        }
        if let Some(last) = self.states.last() {
            if !state.entries.starts_with(&last.entries) {
                self.wrong(format!("{state:?} lost what {last:?} has"));
            }
            if state.fence < self.states.last().map_or(0, |last| last.fence) {
                self.wrong(format!("{state:?} came after a higher fence"));
            }
        }
        self.states.push(state);
        Ok(self.states.len() - 1)
    }

    /// At the end every acknowledged entry must be in the state.
    pub(super) fn expect(&mut self, entry: usize) {
        let kept = self.states.last().is_some_and(|last| last.entries.contains(&entry));
        if !kept {
            self.wrong(format!("acknowledged {entry} is lost"));
        }
    }
}

/// One process's way to the cloud.
#[derive(Clone)]
pub(super) struct Cloud {
    pub(super) process: Process,
    pub(super) truth: Arc<Mutex<Truth>>,
    /// How many calls of a hundred go wrong, each way.
    pub(super) faults: u32,
}

/// How a call fares.
enum Fate {
    Fine,
    /// Delivered twice, and the second answer is what arrives.
    Twice,
    /// Delivered, and once more later.
    Echo,
    AnswerLost,
    RequestLost,
    /// Delivered after the caller gave up.
    Late,
    Throttled,
}

impl Cloud {
    pub(super) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    fn fate(&self) -> Fate {
        if !self.process.world.chance(self.faults) {
            return Fate::Fine;
        }
        match self.process.world.pick(6) {
            0 => Fate::Twice,
            1 => Fate::Echo,
            2 => Fate::AnswerLost,
            3 => Fate::RequestLost,
            4 => Fate::Late,
            _ => Fate::Throttled,
        }
    }

    async fn travel(&self) {
        let world = &self.process.world;
        let slow = world.chance(5);
        let most = if slow { Duration::from_secs(3) } else { Duration::from_millis(80) };
        world.sleep(world.up_to(most)).await;
    }

    /// One call over the bad network.
    async fn call<A: Send + 'static>(
        &self,
        execute: impl Fn(&mut Truth, Duration) -> A + Clone + Send + Sync + 'static,
    ) -> Result<A> {
        let run = |execute: &dyn Fn(&mut Truth, Duration) -> A| {
            let now = self.process.world.now();
            execute(&mut self.truth(), now)
        };
        self.travel().await;
        let answer = match self.fate() {
            Fate::Fine => Some(run(&execute)),
            Fate::Twice => {
                run(&execute);
                self.travel().await;
                Some(run(&execute))
            }
            Fate::Echo => {
                let answer = run(&execute);
                self.later(execute);
                Some(answer)
            }
            Fate::AnswerLost => {
                run(&execute);
                None
            }
            Fate::RequestLost => None,
            Fate::Late => {
                self.later(execute);
                None
            }
            Fate::Throttled => {
                self.process.thaw().await;
                return Err(Error::new(Class::Throttled, "slow down"));
            }
        };
        self.travel().await;
        if answer.is_none() {
            self.process.world.sleep(Duration::from_secs(3)).await;
        }
        self.process.thaw().await;
        answer.ok_or_else(|| Error::new(Class::Lost, "no answer"))
    }

    fn later<A: Send + 'static>(
        &self,
        execute: impl Fn(&mut Truth, Duration) -> A + Send + 'static,
    ) {
        let cloud = self.clone();
        self.process.world.spawn(async move {
            let world = &cloud.process.world;
            world.sleep(world.up_to(Duration::from_secs(90))).await;
            let now = world.now();
            execute(&mut cloud.truth(), now);
        });
    }

    pub(super) async fn load(&self) -> Result<(Option<usize>, Option<State>)> {
        self.call(|truth, _| (truth.states.len().checked_sub(1), truth.states.last().cloned()))
            .await
    }

    /// Writes a state and settles a lost answer by reading back, as a store does.
    pub(super) async fn save(&self, state: State, over: Option<usize>) -> Result<usize> {
        for _ in 0..20 {
            let put = state.clone();
            let error = match self.call(move |truth, _| truth.put(put.clone(), over)).await {
                Ok(Ok(version)) => return Ok(version),
                Ok(Err(error)) | Err(error) => error,
            };
            match self.load().await {
                Ok((Some(version), Some(seen))) if seen == state => return Ok(version),
                Ok(_) if error.is(Class::State) => return Err(error),
                Ok((version, _)) if version != over => return Err(error),
                _ => {}
            }
        }
        Err(Error::new(Class::Lost, "the store does not answer"))
    }

    /// A call that changes something in the cloud and is not asked whether it may.
    pub(super) async fn mutate(&self, fence: u64) {
        self.travel().await;
        self.truth().mutated(fence);
        self.travel().await;
        self.process.thaw().await;
    }
}

impl LockTable for Cloud {
    async fn get(&self, _: &str) -> Result<Option<Row>> {
        self.call(|truth, _| truth.row.clone()).await
    }

    async fn write(&self, _: &str, write: &Write) -> Result<Answer> {
        let write = write.clone();
        self.call(move |truth, now| truth.apply(&write, now)).await
    }
}
