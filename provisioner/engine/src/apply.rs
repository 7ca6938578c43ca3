//! Carries a plan out: everything at once that may happen at once, the longest way first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::clock::Clock;
use crate::error::{Class, Error, Result};
use crate::event::{Event, Events};
use crate::graph::Graph;
use crate::kind::Kinds;
use crate::look::Looker;
use crate::order::{Order, Task};
use crate::plan::{Action, Plan, superfluous};
use crate::resource::Id;
use crate::state::State;
use crate::store::{Journal, Store};

/// How many calls may be under way at once.
const PARALLEL_CALLS: usize = 32;

/// What calls that were already sent are given after an interrupt, in real time.
const GRACE: Duration = Duration::from_secs(5);

/// Asked before every mutating call; an error means that nothing may be changed any more.
pub type Guard = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// Everything a run needs.
pub struct Run<'a, C, S> {
    pub cloud: &'a C,
    pub kinds: &'a Kinds<C>,
    pub journal: &'a Journal<S>,
    pub clock: Clock,
    pub events: Events,
    pub guard: Guard,
    /// Cancelled by the user's interrupt.
    pub stop: CancellationToken,
    /// Resources with data that may be deleted or replaced.
    pub allow: BTreeSet<Address>,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: Vec<(Address, Action)>,
    pub failed: Vec<(Address, Error)>,
    /// Not begun, and why.
    pub skipped: Vec<(Address, String)>,
    pub not_emulated: Vec<(Address, String)>,
    pub interrupted: bool,
}

impl Outcome {
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.interrupted
    }
}

/// What the steps of one run share.
pub(crate) struct Work<'a, C, S> {
    pub run: &'a Run<'a, C, S>,
    pub graph: &'a Graph,
    pub plan: &'a Plan,
    pub looker: Looker<'a, C>,
    pub calls: Semaphore,
    pub outputs: Mutex<BTreeMap<Address, Map<String, Value>>>,
    /// A resource was finished: the state wants saving.
    pub saves: Notify,
}

/// Carries out. An error is returned only when nothing could be begun or the state could not be
/// saved; what failed on the way is in the [`Outcome`].
pub async fn apply<C: Sync, S: Store>(
    run: &Run<'_, C, S>,
    graph: &Graph,
    plan: &Plan,
) -> Result<Outcome> {
    if let Some(step) = plan.losses(run.kinds).find(|step| !run.allow.contains(&step.address)) {
        return Err(holds_data(&step.address));
    }
    plan.check_deletions(run.kinds)?;
    let work = Work::new(run, graph, plan);
    run.journal.change(|state| {
        for step in plan.steps.values() {
            if step.action == Action::Forget {
                state.resources.remove(&step.address);
            } else if let (Some(seen), Some(desired)) = (&step.seen, &step.desired) {
                // Found by name or after a lost answer, or known already.
                let entry = state.resources.entry(step.address.clone()).or_default();
                entry.id = Some(seen.id.clone());
                entry.intent = None;
                entry.depends.extend(step.depends.iter().cloned());
                if entry.desired.is_null() {
                    entry.desired.clone_from(desired);
                }
            }
        }
    });
    let outcome = work.carry_out().await;
    if outcome.is_complete() {
        let released = run.journal.read(|state| released(state, graph));
        if !released.is_empty() {
            run.journal.change(|state| {
                for (address, entry) in &mut state.resources {
                    if let Some(node) = graph.get(address).filter(|_| released.contains(address)) {
                        entry.depends.clone_from(&node.depends);
                    }
                }
            });
        }
    }
    run.journal.commit().await?;
    Ok(outcome)
}

/// The resources that have let go of something that they depended on. Not those that are used by something
/// that had no part in the run: a service may still run an earlier revision, and with it the role that only
/// that one names.
fn released(state: &State, graph: &Graph) -> BTreeSet<Address> {
    let outside = state.resources.iter().filter(|(address, _)| graph.get(address).is_none());
    let bound: BTreeSet<&Address> = outside.flat_map(|(_, entry)| &entry.depends).collect();
    let known = state.resources.iter().filter(|(address, _)| !bound.contains(address));
    let changed = known.filter(|(address, entry)| {
        graph.get(address).is_some_and(|node| node.depends != entry.depends)
    });
    changed.map(|(address, _)| address.clone()).collect()
}

/// Deletes what a resource's kind keeps no longer of its superseded ones, with one call each and without
/// waiting: for a release, which must not fail because of them. Returns what could not be deleted; the
/// state keeps those.
pub async fn prune<C: Sync, S: Store>(
    run: &Run<'_, C, S>,
    address: &Address,
) -> Result<Vec<(Id, Error)>> {
    let (graph, plan) = (Graph::default(), Plan::default());
    let work = Work::new(run, &graph, &plan);
    let traits = run.kinds.of(address)?.traits();
    let surplus = run.journal.read(|state| {
        let entry = state.resources.get(address);
        entry.map(|entry| superfluous(&entry.older, 0, traits)).unwrap_or_default()
    });
    let mut failed = Vec::new();
    for id in surplus {
        if let Err(error) = work.delete_superseded(address, &id).await {
            failed.push((id, error));
        }
    }
    run.journal.commit().await?;
    Ok(failed)
}

impl<'a, C: Sync, S: Store> Work<'a, C, S> {
    fn new(run: &'a Run<'a, C, S>, graph: &'a Graph, plan: &'a Plan) -> Self {
        Self {
            run,
            graph,
            plan,
            looker: Looker::new(run.cloud, run.kinds, run.clock.clone()),
            calls: Semaphore::new(PARALLEL_CALLS),
            outputs: Mutex::new(BTreeMap::new()),
            saves: Notify::new(),
        }
    }
}

impl<C: Sync, S: Store> Work<'_, C, S> {
    async fn carry_out(&self) -> Outcome {
        let mut order = Order::of(self.plan, self.run.journal, self.run.kinds);
        let mut outcome = Outcome::default();
        let mut running = FuturesUnordered::new();
        let deadline = interrupted(&self.run.stop);
        let saver = self.save_when_asked();
        tokio::pin!(deadline, saver);
        loop {
            if !self.run.stop.is_cancelled() {
                for task in order.take_ready() {
                    running.push(self.perform(task));
                }
            }
            tokio::select! {
                () = &mut deadline => break,
                () = &mut saver => {}
                finished = running.next() => match finished {
                    None => break,
                    Some((task, result)) => self.note(&mut order, &mut outcome, &task, result),
                },
            }
        }
        outcome.interrupted = self.run.stop.is_cancelled();
        for task in order.never_begun() {
            self.run.events.send(Event::Skipped {
                address: task.address().clone(),
                because: "interrupted".into(),
            });
            outcome.skipped.push((task.address().clone(), "interrupted".into()));
        }
        outcome
    }

    async fn perform(&self, task: Task) -> (Task, Result<Action>) {
        let result = match &task {
            Task::Ensure(address) => self.ensure(address).await,
            Task::Finish(address) => self.finish(address).await,
            Task::Remove(address, id) => self.remove(address, id.as_ref()).await,
        };
        (task, result)
    }

    fn note(&self, order: &mut Order, outcome: &mut Outcome, task: &Task, result: Result<Action>) {
        let events = &self.run.events;
        let address = task.address().clone();
        match result {
            Ok(action) => {
                if matches!(action, Action::NotEmulated) {
                    let why = self.plan.steps.get(&address).and_then(|step| step.reason.clone());
                    let why = why.unwrap_or_else(|| "not emulated here".into());
                    outcome.not_emulated.push((address, why));
                    // What needs it cannot be there either.
                    for dependent in order.fail(task) {
                        outcome.not_emulated.push((dependent.address().clone(), "needs it".into()));
                    }
                } else {
                    if action != Action::None {
                        outcome.done.push((address, action));
                    }
                    order.finish(task);
                }
            }
            Err(error) if error.is(Class::Interrupted) => {
                outcome.skipped.push((address, "interrupted".into()));
                order.finish_nothing(task);
            }
            Err(error) => {
                events.send(Event::Failed { address: address.clone(), error: error.to_string() });
                for dependent in order.fail(task) {
                    let because = format!("{address} failed");
                    let address = dependent.address().clone();
                    events.send(Event::Skipped {
                        address: address.clone(),
                        because: because.clone(),
                    });
                    outcome.skipped.push((address, because));
                }
                if matches!(error.class, Class::Fenced | Class::State | Class::Credentials) {
                    self.run.stop.cancel();
                }
                outcome.failed.push((address, error));
            }
        }
    }

    /// Saves the state after every finished resource, several at once when they finish together.
    /// A failed save surfaces at the next intent or at the end.
    async fn save_when_asked(&self) {
        loop {
            self.saves.notified().await;
            let _surfaces_later = self.run.journal.commit().await;
        }
    }

    pub(crate) fn outputs_of(&self, address: &Address, field: &str) -> Option<String> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.get(address)?.get(field)?.as_str().map(str::to_owned)
    }

    pub(crate) fn keep_outputs(&self, address: &Address, outputs: &Map<String, Value>) {
        let mut all = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(address.clone(), outputs.clone());
    }

    /// Before a mutating call: a place among the parallel calls, the lock still ours, nobody has
    /// interrupted.
    pub(crate) async fn may_change(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        let permit = self.calls.acquire().await.map_err(|_| Error::other("the run is over"))?;
        if self.run.stop.is_cancelled() {
            return Err(interruption());
        }
        (self.run.guard)()?;
        Ok(permit)
    }

    /// Waits, unless the run is interrupted.
    pub(crate) async fn pause(&self, time: Duration) -> Result<()> {
        tokio::select! {
            () = self.run.clock.sleep(time) => Ok(()),
            () = self.run.stop.cancelled() => Err(interruption()),
        }
    }
}

pub(crate) fn holds_data(address: &Address) -> Error {
    let message = format!(
        "{address} holds data or is protected: deleting or replacing it must be allowed by name"
    );
    Error::new(Class::Invalid, message)
}

pub(crate) fn interruption() -> Error {
    Error::new(Class::Interrupted, "interrupted")
}

/// Returns when the grace after an interrupt is over.
async fn interrupted(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
