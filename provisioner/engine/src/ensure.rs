//! One resource: look, bring it into being or up to date, look again, until it is as desired.
//!
//! There is one loop for every kind and every situation. A first run, a crash between two calls, a
//! lost answer and a change by hand are all the same case: the difference between what is seen and
//! what is desired.

use std::time::Duration;

use serde_json::Value;

use crate::apply::Work;
use crate::clock::Backoff;
use crate::diff;
use crate::error::{Class, Error, Result};
use crate::event::Event;
use crate::input::{self, Address};
use crate::kind::{Kind, Look, Observed};
use crate::plan::{Action, Step, foreign};
use crate::refresh::{owned_by, patient};
use crate::resource::{Id, Op, Ready, Replace};
use crate::state::{Entry, Intent};
use crate::store::Store;

/// Between two good reads of something fresh.
const BETWEEN_READS: Duration = Duration::from_millis(250);
/// An empty look-up proves absence only when it was repeated this often …
const EMPTY_LOOKS: u32 = 3;
/// … over this time since the creation was begun (AWS: EC2 and tag indexes lag by seconds).
const ABSENCE: Duration = Duration::from_secs(30);
/// Something created this recently may not be listed yet.
const FRESH: Duration = Duration::from_mins(5);
/// How often the same difference may survive an update.
const UPDATES: u32 = 6;
/// How long refusals are waited out, by what they mean.
const THROTTLE_BUDGET: Duration = Duration::from_mins(10);
const PROPAGATION_BUDGET: Duration = Duration::from_mins(4);

impl<C: Sync, S: Store> Work<'_, C, S> {
    /// Makes the resource what the plan says.
    pub(crate) async fn ensure(&self, address: &Address) -> Result<Action> {
        let Some(step) = self.plan.steps.get(address) else { return Ok(Action::None) };
        if step.action == Action::NotEmulated {
            let why = step.reason.clone().unwrap_or_default();
            self.run.events.send(Event::NotEmulated { address: address.clone(), why });
            return Ok(Action::NotEmulated);
        }
        let kind = self.run.kinds.of(address)?;
        let desired = self.desired(address, kind)?;
        let unchanged = step.action == Action::None && step.desired.as_ref() == Some(&desired);
        if let (true, Some(seen)) = (unchanged, &step.seen) {
            self.keep_outputs(address, &seen.outputs);
            self.record(address, &desired, seen);
            return Ok(Action::None);
        }
        let pace = kind.traits().pace;
        self.run.events.send(Event::Started {
            address: address.clone(),
            action: step.action,
            expected: if step.action == Action::Update { Duration::ZERO } else { pace.create },
        });
        let began = self.run.clock.now();
        let one = One { work: self, address, step, kind, desired, began };
        match one.bring_about().await {
            Err(error) if error.is(Class::NotEmulated) => {
                self.run.journal.change(|state| state.resources.remove(address));
                self.run
                    .events
                    .send(Event::NotEmulated { address: address.clone(), why: error.to_string() });
                Ok(Action::NotEmulated)
            }
            Err(error) => Err(error),
            Ok(seen) => {
                self.keep_outputs(address, &seen.outputs);
                self.record(address, &one.desired, &seen);
                self.saves.notify_one();
                let elapsed = self.run.clock.now().saturating_sub(began);
                let action = if step.action == Action::None { Action::Update } else { step.action };
                self.run.events.send(Event::Finished { address: address.clone(), action, elapsed });
                Ok(action)
            }
        }
    }

    /// The desired side with every input resolved.
    fn desired(&self, address: &Address, kind: &dyn Kind<C>) -> Result<Value> {
        let node = self.graph.get(address);
        let spec =
            &node.ok_or_else(|| Error::other(format!("{address} is not in the graph")))?.spec;
        let resolved = input::resolve(spec, &|of, field| self.outputs_of(of, field));
        if let Some(missing) = input::references(&resolved).first() {
            return Err(Error::other(format!(
                "{address} needs an output of {missing} that it lacks"
            )));
        }
        kind.normalize(&resolved)
    }

    fn record(&self, address: &Address, desired: &Value, seen: &Observed) {
        let depends = self.graph.get(address).map(|node| node.depends.clone()).unwrap_or_default();
        let unchanged = self.run.journal.read(|state| {
            state.resources.get(address).is_some_and(|entry| {
                entry.id.as_ref() == Some(&seen.id)
                    && entry.desired == *desired
                    && entry.outputs == seen.outputs
                    && entry.depends == depends
                    && entry.intent.is_none()
            })
        });
        if unchanged {
            return;
        }
        self.run.journal.change(|state| {
            let entry = state.resources.entry(address.clone()).or_default();
            entry.id = Some(seen.id.clone());
            entry.intent = None;
            entry.desired.clone_from(desired);
            entry.outputs.clone_from(&seen.outputs);
            entry.depends = depends;
        });
    }
}

/// One resource on its way.
struct One<'a, C, S> {
    work: &'a Work<'a, C, S>,
    address: &'a Address,
    step: &'a Step,
    kind: &'a dyn Kind<C>,
    desired: Value,
    began: Duration,
}

/// What the loop knows.
struct Progress {
    id: Option<Id>,
    /// When it was created in this run.
    created: Option<Duration>,
    good_reads: u32,
    updates: u32,
    backoff: Backoff,
    waiting_since: Option<Duration>,
}

impl<C: Sync, S: Store> One<'_, C, S> {
    async fn bring_about(&self) -> Result<Observed> {
        let entry = self.entry();
        let mut progress = Progress {
            id: entry.as_ref().and_then(|entry| entry.id.clone()),
            created: None,
            good_reads: 0,
            updates: 0,
            backoff: Backoff::new(),
            waiting_since: None,
        };
        // The plan's observation was made in this run, under the same lock.
        let mut seen = match (&self.step.seen, &progress.id) {
            (Some(seen), Some(id)) if seen.id == *id => Some(seen.clone()),
            (_, Some(_)) if self.is_fresh(entry.as_ref()) => self.look_again(&mut progress).await?,
            (_, None) if entry.as_ref().is_some_and(|entry| entry.intent.is_some()) => {
                self.look_for_lost().await?
            }
            _ => None,
        };
        loop {
            let Some(current) = seen else {
                if progress.created.is_none() {
                    self.create(&mut progress).await?;
                } else {
                    self.wait(&mut progress, "not visible yet").await?;
                }
                seen = self.observe(&progress).await?;
                continue;
            };
            self.check_owner(&current, &progress)?;
            progress.id = Some(current.id.clone());
            seen = match &current.ready {
                Ready::Leaving(why) => {
                    self.wait(&mut progress, why).await?;
                    let next = self.observe(&progress).await?;
                    if next.is_none() {
                        self.forget(&mut progress);
                    }
                    next
                }
                Ready::Never(why) if self.kind.traits().fails_for_good => {
                    if progress.created.is_some() {
                        return Err(Error::other(why.clone()));
                    }
                    self.make_room(&current, &mut progress).await?;
                    None
                }
                ready => match self.converge(&current, &mut progress).await? {
                    Next::Look => self.observe(&progress).await?,
                    Next::Create => None,
                    Next::AsDesired => match ready {
                        Ready::Wait(why) => {
                            progress.good_reads = 0;
                            self.wait(&mut progress, why).await?;
                            self.observe(&progress).await?
                        }
                        Ready::Never(why) => return Err(Error::other(why.clone())),
                        _ => {
                            progress.good_reads += 1;
                            if progress.created.is_none()
                                || progress.good_reads >= self.kind.traits().reads
                            {
                                return Ok(current);
                            }
                            self.work.pause(BETWEEN_READS).await?;
                            self.observe(&progress).await?
                        }
                    },
                },
            };
        }
    }

    /// Sends what differs.
    async fn converge(&self, current: &Observed, progress: &mut Progress) -> Result<Next> {
        let traits = self.kind.traits();
        let differences =
            diff::diff(&self.desired, &current.spec, traits.create_only, traits.exact);
        if differences.is_empty() {
            return Ok(Next::AsDesired);
        }
        if differences.iter().any(|difference| traits.immutable.contains(&difference.field())) {
            if progress.created.is_some() {
                // Eventual consistency: what we just made cannot be otherwise than we made it.
                self.wait(progress, "not visible as it was made").await?;
                return Ok(Next::Look);
            }
            match traits.replace {
                Replace::DeleteFirst => self.make_room(current, progress).await?,
                Replace::CreateFirst | Replace::KeepOld => self.supersede(&current.id, progress),
            }
            return Ok(Next::Create);
        }
        if progress.updates > 0 {
            self.work.pause(BETWEEN_READS * progress.updates).await?;
        }
        progress.updates += 1;
        if progress.updates > UPDATES {
            let paths: Vec<_> = differences.iter().map(|d| d.path.as_str()).collect();
            return Err(Error::other(format!(
                "{} stay different after {UPDATES} updates",
                paths.join(", ")
            )));
        }
        let permit = self.work.may_change().await?;
        let updated = self.kind.update(self.work.run.cloud, &self.desired, current).await;
        drop(permit);
        progress.good_reads = 0;
        match updated {
            Ok(id) => {
                progress.id = Some(id);
                progress.backoff = Backoff::new();
            }
            Err(error) => {
                // Whatever arrived is seen by the next look; a refusal does not count as a try.
                progress.updates -= 1;
                self.wait_out(&error, progress).await?;
            }
        }
        Ok(Next::Look)
    }

    /// Writes the intent, makes the call, keeps the id.
    async fn create(&self, progress: &mut Progress) -> Result<()> {
        loop {
            let op = self.intend().await?;
            let permit = self.work.may_change().await?;
            let created = self.kind.create(self.work.run.cloud, &self.desired, &op).await;
            drop(permit);
            match created {
                Ok(id) => {
                    self.made(&id, progress);
                    return Ok(());
                }
                Err(error) if error.is(Class::Lost) => {
                    self.retrying(&error, Duration::ZERO);
                    if let Some(found) = self.look_for_lost().await? {
                        self.made(&found.id, progress);
                        return Ok(());
                    }
                }
                Err(error) if error.is(Class::Exists) => {
                    let found = self.take_over(error).await?;
                    self.made(&found, progress);
                    return Ok(());
                }
                Err(error) => {
                    self.withdraw();
                    self.wait_out(&error, progress).await?;
                }
            }
        }
    }

    /// Stores what is about to be created, before it is. A save that somebody else overtook fails
    /// here, so a run that lost its lock creates nothing.
    async fn intend(&self) -> Result<Op> {
        let address = self.address.clone();
        let depends = self.work.graph.get(&address).map(|node| node.depends.clone());
        let op = self.work.run.journal.change(|state| {
            let entry = state.resources.entry(address.clone()).or_default();
            entry.id = None;
            entry.desired.clone_from(&self.desired);
            entry.depends.extend(depends.unwrap_or_default());
            // The same operation goes on after a restart: its token and tag still mean it.
            let intent = entry.intent.get_or_insert_with(|| Intent {
                op: uuid::Uuid::new_v4().simple().to_string(),
                at: self.work.run.clock.wall(),
            });
            let op = intent.op.clone();
            state.op(&address, &op)
        });
        self.work.run.journal.commit().await?;
        Ok(op)
    }

    fn made(&self, id: &Id, progress: &mut Progress) {
        progress.id = Some(id.clone());
        progress.created = Some(self.work.run.clock.now());
        progress.waiting_since = None;
        progress.backoff = Backoff::new();
        let now = self.work.run.clock.wall();
        self.change_entry(|entry| {
            entry.id = Some(id.clone());
            entry.intent = None;
            entry.created = Some(now);
        });
        self.work.saves.notify_one();
    }

    /// Refused: nothing was made.
    fn withdraw(&self) {
        self.change_entry(|entry| entry.intent = None);
    }

    /// After a lost answer: what the operation made, or the certainty that it made nothing.
    async fn look_for_lost(&self) -> Result<Option<Observed>> {
        let Some((op, at)) = self.work.run.journal.read(|state| {
            let intent = state.resources.get(self.address)?.intent.as_ref()?;
            Some((state.op(self.address, &intent.op), intent.at))
        }) else {
            return Ok(None);
        };
        let run = self.work.run;
        let mut empty = 0;
        loop {
            let look = || self.kind.observe(run.cloud, Look::Lost(&self.desired, &op));
            let found = patient(&run.clock, look).await?;
            if let Some(ours) = found.into_iter().find(|s| owned_by(s.owner.as_ref(), &op.owner)) {
                return Ok(Some(ours));
            }
            empty += 1;
            let waited = run.clock.since(at);
            if empty >= EMPTY_LOOKS && waited >= ABSENCE {
                return Ok(None);
            }
            let rest =
                ABSENCE.saturating_sub(waited) / (EMPTY_LOOKS + 1).saturating_sub(empty).max(1);
            self.work.pause(rest.max(BETWEEN_READS)).await?;
        }
    }

    /// Something of that name is there: ours, or a stranger's.
    async fn take_over(&self, error: Error) -> Result<Id> {
        let named = [self.desired.clone()];
        let run = self.work.run;
        let found =
            patient(&run.clock, || self.kind.observe(run.cloud, Look::Named(&named))).await?;
        let Some(seen) = found.into_iter().next() else {
            return Err(error.while_doing("it exists, but it cannot be found by name"));
        };
        let owner = run.journal.read(|state| state.op(self.address, "").owner);
        match &seen.owner {
            Some(other) if other.same_resource(&owner) => Ok(seen.id),
            _ => Err(foreign(self.address, &seen)),
        }
    }

    fn check_owner(&self, seen: &Observed, progress: &Progress) -> Result<()> {
        let ours = self.work.run.journal.read(|state| state.op(self.address, "").owner);
        // Owner tags that were removed by hand are a difference like any other; another owner's are
        // a stranger, above all when a create call answered with what was there already.
        if owned_by(seen.owner.as_ref(), &ours) {
            return Ok(());
        }
        if progress.created.is_some() {
            self.change_entry(|entry| entry.id = None);
        }
        Err(foreign(self.address, seen))
    }

    /// Deletes what stands in the way and waits until it is gone.
    async fn make_room(&self, current: &Observed, progress: &mut Progress) -> Result<()> {
        self.work.remove_seen(self.address, self.kind, Some(current.clone()), &current.id).await?;
        self.forget(progress);
        Ok(())
    }

    /// The current one becomes an older one.
    fn supersede(&self, id: &Id, progress: &mut Progress) {
        progress.id = None;
        self.change_entry(|entry| {
            entry.id = None;
            if !entry.older.contains(id) {
                entry.older.push(id.clone());
            }
        });
    }

    fn forget(&self, progress: &mut Progress) {
        progress.id = None;
        progress.created = None;
        progress.waiting_since = None;
        self.change_entry(|entry| {
            entry.id = None;
            entry.intent = None;
        });
    }

    async fn observe(&self, progress: &Progress) -> Result<Option<Observed>> {
        match &progress.id {
            Some(id) => self.work.looker.look(self.address, id).await,
            None => Ok(None),
        }
    }

    fn is_fresh(&self, entry: Option<&Entry>) -> bool {
        let created = entry.and_then(|entry| entry.created);
        created.is_some_and(|created| self.work.run.clock.since(created) < FRESH)
    }

    /// It was made moments ago, by a run that died, and is not listed: repeat until that is certain.
    async fn look_again(&self, progress: &mut Progress) -> Result<Option<Observed>> {
        for _ in 0..EMPTY_LOOKS {
            let seen = self.observe(progress).await?;
            if seen.is_some() {
                return Ok(seen);
            }
            self.work.pause(ABSENCE / EMPTY_LOOKS).await?;
        }
        Ok(None)
    }

    /// Waits until the next look, in proportion to the time already waited: short for what is quick,
    /// at most a twelfth too long for what takes minutes.
    async fn wait(&self, progress: &mut Progress, why: &str) -> Result<()> {
        let now = self.work.run.clock.now();
        let since = *progress.waiting_since.get_or_insert(now);
        let waited = now.saturating_sub(since);
        let patience = self.kind.traits().pace.patience();
        if waited > patience {
            return Err(Error::new(
                Class::Stuck,
                format!("{why}: still so after {} s", waited.as_secs()),
            ));
        }
        self.work.run.events.send(Event::Waiting {
            address: self.address.clone(),
            why: why.into(),
            elapsed: now.saturating_sub(self.began),
        });
        self.work
            .pause((waited / 12).clamp(Duration::from_millis(250), Duration::from_secs(10)))
            .await
    }

    /// Waits before a refused call is tried again; gives the error back when trying again cannot help.
    async fn wait_out(&self, error: &Error, progress: &mut Progress) -> Result<()> {
        let budget = match error.class {
            Class::Throttled | Class::Transient => THROTTLE_BUDGET,
            Class::Propagating => PROPAGATION_BUDGET,
            Class::Blocked | Class::Absent | Class::Lost => self.kind.traits().pace.patience(),
            _ => return Err(error.clone()),
        };
        let delay = progress.backoff.next(budget).ok_or_else(|| error.clone())?;
        self.retrying(error, delay);
        self.work.pause(delay).await
    }

    fn retrying(&self, error: &Error, after: Duration) {
        let error = error.to_string();
        self.work.run.events.send(Event::Retrying { address: self.address.clone(), error, after });
    }

    fn entry(&self) -> Option<Entry> {
        self.work.run.journal.read(|state| state.resources.get(self.address).cloned())
    }

    fn change_entry(&self, change: impl FnOnce(&mut Entry)) {
        self.work.run.journal.change(|state| {
            change(state.resources.entry(self.address.clone()).or_default());
        });
    }
}

enum Next {
    AsDesired,
    Look,
    Create,
}
