//! One resource: look, bring it into being or up to date, look again, until it is as desired.
//!
//! There is one loop for every kind and every situation. A first run, a crash between two calls, a
//! lost answer and a change by hand are all the same case: the difference between what is seen and
//! what is desired.

mod converge;
mod create;
mod lost;
mod one;
mod wait;

use std::time::Duration;

use serde_json::Value;

use crate::address::Address;
use crate::apply::Work;
use crate::diff::Comparison;
use crate::error::{Class, Error, Result};
use crate::event::Event;
use crate::input;
use crate::kind::{Kind, Observed};
use crate::plan::{Action, Step};
use crate::resource::{Ready, TakesAway};
use crate::store::Store;
use one::One;

/// Between two good reads of something fresh.
const BETWEEN_READS: Duration = Duration::from_millis(250);

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
        let whole = self.desired(address, kind)?;
        let entry = self.run.journal.read(|state| state.resources.get(address).cloned());
        let compared = |desired: &Value, seen: &Observed| {
            let (traits, sharing) = (kind.traits(), &self.plan.sharing);
            Comparison::new(desired, entry.as_ref(), &seen.spec, traits, sharing)
        };
        let half = first_half(step, kind, &whole, compared)?;
        let unchanged = match (&half, &step.seen) {
            (Some(half), Some(seen)) => compared(half, seen).differences.is_empty(),
            _ => step.action == Action::None && step.desired.as_ref() == Some(&whole),
        };
        let is_half = half.is_some();
        let desired = half.unwrap_or(whole);
        // What an earlier run left under way is waited for: others need it, and they need it ready.
        if let (true, Some(seen)) = (unchanged, &step.seen)
            && matches!(seen.ready, Ready::Yes)
        {
            self.keep_outputs(address, &seen.outputs);
            self.record(address, &desired, seen);
            return Ok(Action::None);
        }
        let changed = step.action == Action::None && !unchanged;
        let action = if changed { Action::Update } else { step.action };
        self.bring_about(step, kind, desired, (!is_half).then_some(action)).await
    }

    /// The second half of an update, when there is one: its dependents are through.
    pub(crate) async fn finish(&self, address: &Address) -> Result<Action> {
        let Some(step) = self.plan.steps.get(address) else { return Ok(Action::None) };
        let kind = self.run.kinds.of(address)?;
        let desired = self.desired(address, kind)?;
        let id = self.run.journal.read(|state| {
            state.resources.get(address).filter(|entry| entry.desired != desired)?.id.clone()
        });
        let Some(id) = id else { return Ok(Action::None) };
        let step = Step { seen: self.looker.look(address, &id).await?, ..step.clone() };
        self.bring_about(&step, kind, desired, Some(step.action)).await
    }

    /// Brings one to `desired`. `done`: what has been done then; nothing yet after the first half of an update.
    async fn bring_about(
        &self,
        step: &Step,
        kind: &dyn Kind<C>,
        desired: Value,
        done: Option<Action>,
    ) -> Result<Action> {
        let address = &step.address;
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
                let Some(action) = done else { return Ok(Action::None) };
                let elapsed = self.run.clock.now().saturating_sub(began);
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
                    && depends.is_subset(&entry.depends)
                    && entry.intent.is_none()
                    && entry.sent.is_none()
                    && !entry.fresh
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
            entry.sent = None;
            entry.fresh = false;
            entry.outputs.clone_from(&seen.outputs);
            // What it has let go of goes with the end of the run: others may still run what it was.
            entry.depends.extend(depends);
        });
    }
}

/// The first half of an update that takes something away later; `None` when it takes nothing away.
fn first_half<C>(
    step: &Step,
    kind: &dyn Kind<C>,
    desired: &Value,
    compared: impl Fn(&Value, &Observed) -> Comparison,
) -> Result<Option<Value>> {
    let Some(seen) = step.seen.as_ref().filter(|_| step.action == Action::Update) else {
        return Ok(None);
    };
    if kind.traits().takes_away == TakesAway::AtOnce {
        return Ok(None);
    }
    // What others have added is not ours to keep, or to take away later.
    let ours = compared(desired, seen).without_kept(&seen.spec);
    let half = kind.meanwhile(desired, &ours)?;
    Ok((half != *desired).then_some(half))
}
