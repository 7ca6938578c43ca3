//! Which task of a plan may begin when.
//!
//! A resource is ensured after everything it depends on. It is removed after everything that
//! depended on it, directly or through others, was removed or has moved away: a role is named by a
//! revision, and it is the service that lets go of that. A replaced one is removed before its successor comes
//! (delete first) or after its dependents have moved to it (create first). An update that takes something
//! away later than it adds something is two tasks ([`TakesAway`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::address::Address;
use crate::kind::Kinds;
use crate::plan::{Action, Plan, Step};
use crate::resource::{Id, Replace, TakesAway};
use crate::store::{Journal, Store};

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Ensure(Address),
    /// The second half of an update.
    Finish(Address),
    /// With its id, or without one when a creation was begun and never answered.
    Remove(Address, Option<Id>),
}

impl Task {
    pub(crate) fn address(&self) -> &Address {
        match self {
            Self::Ensure(address) | Self::Finish(address) | Self::Remove(address, _) => address,
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
        let users = Users::new(plan, &former);
        let tasks = Tasks { plan, users, early: early(plan), halved: halved(plan, kinds) };
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

/// What depends on each resource, directly.
struct Users<'a> {
    /// When they were last applied.
    former: BTreeMap<&'a Address, BTreeSet<&'a Address>>,
    /// By the plan.
    present: BTreeMap<&'a Address, BTreeSet<&'a Address>>,
}

impl<'a> Users<'a> {
    fn new(plan: &'a Plan, former: &'a BTreeMap<Address, BTreeSet<Address>>) -> Self {
        let present = plan.steps.values().map(|step| (&step.address, &step.depends));
        Self { former: reversed(former.iter()), present: reversed(present) }
    }

    /// The steps that depend on it by the plan, directly or through others.
    fn present(&self, address: &Address) -> BTreeSet<&'a Address> {
        behind(address, |at| self.present.get(at).into_iter().flatten().copied().collect())
    }

    /// What depends on it, or did when it was last applied, directly or through others.
    fn all(&self, address: &Address) -> BTreeSet<&'a Address> {
        behind(address, |at| {
            let both = [&self.former, &self.present].into_iter();
            both.filter_map(|users| users.get(at)).flatten().copied().collect()
        })
    }
}

fn reversed<'a>(
    depends: impl Iterator<Item = (&'a Address, &'a BTreeSet<Address>)>,
) -> BTreeMap<&'a Address, BTreeSet<&'a Address>> {
    let mut users: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
    for (user, used) in depends.flat_map(|(user, used)| used.iter().map(move |one| (user, one))) {
        users.entry(used).or_default().insert(user);
    }
    users
}

fn behind<'a>(
    address: &Address,
    users: impl Fn(&Address) -> Vec<&'a Address>,
) -> BTreeSet<&'a Address> {
    let mut open = users(address);
    let mut found = BTreeSet::new();
    while let Some(one) = open.pop() {
        if one != address && found.insert(one) {
            open.extend(users(one));
        }
    }
    found
}

struct Tasks<'a> {
    plan: &'a Plan,
    users: Users<'a>,
    early: BTreeSet<&'a Address>,
    /// Updates in two halves.
    halved: BTreeMap<&'a Address, TakesAway>,
}

impl Tasks<'_> {
    fn all(&self) -> BTreeMap<Task, BTreeSet<Task>> {
        let mut waits = BTreeMap::new();
        for step in self.plan.steps.values() {
            if is_kept(step) {
                waits.insert(Task::Ensure(step.address.clone()), self.before_ensuring(step));
            }
            if let Some(when) = self.halved.get(&step.address) {
                waits
                    .insert(Task::Finish(step.address.clone()), self.before_finishing(step, *when));
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
        before.extend(self.leading_to(step).filter(|way| !step.depends.contains(way)).map(finish));
        before
    }

    /// What its dependents need is there; what they needed may go when they are through.
    fn before_finishing(&self, step: &Step, when: TakesAway) -> BTreeSet<Task> {
        let address = &step.address;
        let mut before = BTreeSet::from([Task::Ensure(address.clone())]);
        for other in self.plan.steps.values().filter(|other| other.address != *address) {
            let needs = other.depends.contains(address);
            if needs || (when == TakesAway::Last && self.needed(other, address)) {
                before.insert(Task::Ensure(other.address.clone()));
                if when == TakesAway::Last {
                    before.extend(self.removals(other));
                }
            }
        }
        before
    }

    /// Changing resources through which requests have reached this one.
    fn leading_to(&self, step: &Step) -> impl Iterator<Item = &Address> {
        let ways = self.halved.iter().filter(|(_, when)| **when == TakesAway::Between);
        ways.map(|(way, _)| *way).filter(|way| self.needed(step, way))
    }

    /// Whether it depended on `address` when it was last applied.
    fn needed(&self, step: &Step, address: &Address) -> bool {
        self.users.former.get(address).is_some_and(|users| users.contains(&step.address))
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
        let need = self.users.present(address);
        for other in self.users.all(address).into_iter().filter_map(|at| self.plan.steps.get(at)) {
            // It stays and has moved away, or will move to the successor.
            let moves = is_kept(other) && (superseded || !need.contains(&other.address));
            if moves {
                before.insert(Task::Ensure(other.address.clone()));
                before.insert(finish(&other.address));
            }
            // What it leaves behind only after it came anew holds nothing.
            if moves || !is_kept(other) || self.early.contains(&other.address) {
                before.extend(self.removals(other));
            }
        }
        if !is_kept(step) {
            before.extend(self.leading_to(step).map(finish));
        }
        before.remove(task);
        before
    }
}

fn is_kept(step: &Step) -> bool {
    step.desired.is_some()
}

fn finish(address: &Address) -> Task {
    Task::Finish(address.clone())
}

/// Updates of kinds that take away later than they add.
fn halved<'a, C>(plan: &'a Plan, kinds: &Kinds<C>) -> BTreeMap<&'a Address, TakesAway> {
    let updates = plan.steps.values().filter(|step| step.action == Action::Update);
    let halved = updates.filter_map(|step| {
        let when = kinds.of(&step.address).ok()?.traits().takes_away;
        (when != TakesAway::AtOnce).then_some((&step.address, when))
    });
    halved.collect()
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
        Task::Finish(_) => Duration::ZERO,
        Task::Remove(..) => pace.delete,
    });
    let later = behind.get(task).into_iter().flatten();
    let longest = later.map(|task| weigh(task, behind, kinds, weights)).max().unwrap_or_default();
    // A task counts a little even when it takes no time: long chains go first.
    let weight = own + longest + Duration::from_millis(100);
    weights.insert(task.clone(), weight);
    weight
}
