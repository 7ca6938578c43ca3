//! Which task of a plan may begin when.
//!
//! A resource is ensured after everything it depends on. It is removed after everything that
//! depended on it was removed or has moved away. A replaced one is removed before its successor comes
//! (delete first) or after its dependents have moved to it (create first).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::address::Address;
use crate::kind::Kinds;
use crate::plan::{Action, Plan, Step};
use crate::resource::{Id, Replace};
use crate::store::{Journal, Store};

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Ensure(Address),
    /// With its id, or without one when a creation was begun and never answered.
    Remove(Address, Option<Id>),
}

impl Task {
    pub(crate) fn address(&self) -> &Address {
        match self {
            Self::Ensure(address) | Self::Remove(address, _) => address,
        }
    }
}

/// The tasks that are left, and what each waits for.
pub(crate) struct Order {
    waits: BTreeMap<Task, BTreeSet<Task>>,
    started: BTreeSet<Task>,
    weight: BTreeMap<Task, Duration>,
}

impl Order {
    pub(crate) fn of<C, S: Store>(plan: &Plan, journal: &Journal<S>, kinds: &Kinds<C>) -> Self {
        let former: BTreeMap<Address, BTreeSet<Address>> = journal.read(|state| {
            state.resources.iter().map(|(a, entry)| (a.clone(), entry.depends.clone())).collect()
        });
        let tasks = Tasks { plan, former: &former, early: early(plan) };
        let waits = tasks.all();
        let weight = weights(&waits, kinds);
        Self { waits, started: BTreeSet::new(), weight }
    }

    /// The tasks that may begin now, the one with the longest way behind it first.
    pub(crate) fn take_ready(&mut self) -> Vec<Task> {
        let mut ready: Vec<Task> = self
            .waits
            .iter()
            .filter(|(task, waits)| waits.is_empty() && !self.started.contains(*task))
            .map(|(task, _)| task.clone())
            .collect();
        ready.sort_by_key(|task| std::cmp::Reverse(self.weight.get(task).copied()));
        self.started.extend(ready.iter().cloned());
        ready
    }

    pub(crate) fn finish(&mut self, task: &Task) {
        self.waits.remove(task);
        for waits in self.waits.values_mut() {
            waits.remove(task);
        }
    }

    /// The task ended without a result; whatever waits for it stays where it is.
    pub(crate) fn finish_nothing(&mut self, task: &Task) {
        self.waits.remove(task);
    }

    /// Takes out the task and everything that waits for it, directly or not; returns the latter.
    pub(crate) fn fail(&mut self, task: &Task) -> Vec<Task> {
        let mut gone = vec![task.clone()];
        let mut next = 0;
        while let Some(failed) = gone.get(next).cloned() {
            self.waits.remove(&failed);
            let behind = self.waits.iter().filter(|(_, waits)| waits.contains(&failed));
            let behind: Vec<Task> = behind.map(|(task, _)| task.clone()).collect();
            gone.extend(behind.into_iter().filter(|task| !gone.contains(task)).collect::<Vec<_>>());
            next += 1;
        }
        gone.split_off(1)
    }

    /// What had not begun when the run ended.
    pub(crate) fn never_begun(&self) -> impl Iterator<Item = &Task> {
        self.waits.keys().filter(|task| !self.started.contains(*task))
    }
}

struct Tasks<'a> {
    plan: &'a Plan,
    /// What each resource depended on when it was last applied.
    former: &'a BTreeMap<Address, BTreeSet<Address>>,
    early: BTreeSet<&'a Address>,
}

impl Tasks<'_> {
    fn all(&self) -> BTreeMap<Task, BTreeSet<Task>> {
        let mut waits = BTreeMap::new();
        for step in self.plan.steps.values() {
            if is_kept(step) {
                waits.insert(Task::Ensure(step.address.clone()), self.before_ensuring(step));
            }
            for task in self.removals(step) {
                let before = self.before_removing(step, &task);
                waits.insert(task, before);
            }
        }
        let known: BTreeSet<Task> = waits.keys().cloned().collect();
        for (task, before) in &mut waits {
            before.retain(|other| known.contains(other) && other != task);
        }
        waits
    }

    fn before_ensuring(&self, step: &Step) -> BTreeSet<Task> {
        let mut before: BTreeSet<Task> = step.depends.iter().cloned().map(Task::Ensure).collect();
        if self.early.contains(&step.address) {
            before.extend(self.removals(step));
        }
        before
    }

    fn removals(&self, step: &Step) -> Vec<Task> {
        let current = step.seen.as_ref().map(|seen| seen.id.clone());
        let gone = match step.action {
            Action::Delete => true,
            Action::Replace => {
                self.early.contains(&step.address) || step.how == Some(Replace::CreateFirst)
            }
            _ => false,
        };
        let mut ids: Vec<Option<Id>> = step.older.iter().cloned().map(Some).collect();
        if gone && !ids.contains(&current) {
            ids.push(current);
        }
        ids.into_iter().map(|id| Task::Remove(step.address.clone(), id)).collect()
    }

    fn before_removing(&self, step: &Step, task: &Task) -> BTreeSet<Task> {
        let address = &step.address;
        let mut before = BTreeSet::new();
        let superseded = is_kept(step) && !self.early.contains(address);
        if superseded {
            before.insert(Task::Ensure(address.clone()));
        }
        for other in self.plan.steps.values().filter(|other| other.address != *address) {
            let needed = self.former.get(&other.address).is_some_and(|d| d.contains(address));
            let needs = other.depends.contains(address);
            if needed || needs {
                before.extend(self.removals(other));
                // It stays and has moved away, or will move to the successor.
                if is_kept(other) && (superseded || !needs) {
                    before.insert(Task::Ensure(other.address.clone()));
                }
            }
        }
        before.remove(task);
        before
    }
}

fn is_kept(step: &Step) -> bool {
    step.desired.is_some()
}

/// Replaced resources that must go before anything new comes.
fn early(plan: &Plan) -> BTreeSet<&Address> {
    let first = plan.steps.values().filter(|step| step.how == Some(Replace::DeleteFirst));
    first.map(|step| &step.address).collect()
}

/// For each task the time until the last of those behind it is done.
fn weights<C>(
    waits: &BTreeMap<Task, BTreeSet<Task>>,
    kinds: &Kinds<C>,
) -> BTreeMap<Task, Duration> {
    let mut behind: BTreeMap<&Task, Vec<&Task>> = BTreeMap::new();
    for (task, before) in waits {
        for earlier in before {
            behind.entry(earlier).or_default().push(task);
        }
    }
    let mut weights = BTreeMap::new();
    for task in waits.keys() {
        weigh(task, &behind, kinds, &mut weights);
    }
    weights
}

fn weigh<C>(
    task: &Task,
    behind: &BTreeMap<&Task, Vec<&Task>>,
    kinds: &Kinds<C>,
    weights: &mut BTreeMap<Task, Duration>,
) -> Duration {
    if let Some(known) = weights.get(task) {
        return *known;
    }
    let pace = kinds.of(task.address()).map(|kind| kind.traits().pace);
    let own = pace.map_or(Duration::ZERO, |pace| match task {
        Task::Ensure(_) => pace.create,
        Task::Remove(..) => pace.delete,
    });
    let later = behind.get(task).into_iter().flatten();
    let longest = later.map(|task| weigh(task, behind, kinds, weights)).max().unwrap_or_default();
    // A task counts a little even when it takes no time: long chains go first.
    let weight = own + longest + Duration::from_millis(100);
    weights.insert(task.clone(), weight);
    weight
}
