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
use crate::error::{Class, Error, Result};
use crate::event::Event;
use crate::input;
use crate::kind::{Kind, Observed};
use crate::plan::Action;
use crate::resource::Ready;
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
        let desired = self.desired(address, kind)?;
        let unchanged = step.action == Action::None && step.desired.as_ref() == Some(&desired);
        // What an earlier run left under way is waited for: others need it, and they need it ready.
        if let (true, Some(seen)) = (unchanged, &step.seen)
            && matches!(seen.ready, Ready::Yes)
        {
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
                let changed = step.action == Action::None && !unchanged;
                let action = if changed { Action::Update } else { step.action };
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
