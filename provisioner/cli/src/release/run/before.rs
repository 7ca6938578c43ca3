//! What ran before a release, and the way back to it in the state.

use std::collections::BTreeMap;

use aws::services::ServiceView;
use engine::clock::patient;
use engine::state::{Entry, State};
use engine::{Address, Id};
use kinds::TaskDefinition;
use serde_json::Value;
use stack::Environment;

use super::{revision, short};
use crate::failure::{Code, Failure};
use crate::release::rollout::Place;
use crate::release::{Release, Started};
use crate::run::{LockedRun, at};
use crate::session::decided::decide;

/// What the state says of a service before the release: what a way back restores.
pub(super) struct Before {
    pub(super) definition: Entry,
    pub(super) service: Entry,
    pub(super) facts: BTreeMap<String, Value>,
}

impl Before {
    /// Where the service is and what is known of it, or the advice to make it first.
    pub(super) fn of(run: &LockedRun<'_>, service: &str) -> Result<(Place, Self), Failure> {
        let name = &run.session.environment().name;
        Self::in_state(&run.state(), service).ok_or_else(|| {
            Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
                .hint(format!("provisioner up --env {name}"))
        })
    }

    /// The same, of a state that may be only read. None when the service was not made yet.
    pub(super) fn in_state(state: &State, service: &str) -> Option<(Place, Self)> {
        let entry = |address: &Address| state.resources.get(address).cloned();
        // A process that died while it registered a revision has left only the older ones.
        let definition = entry(&at::<TaskDefinition>(service))
            .filter(|entry| entry.id.is_some() || !entry.older.is_empty());
        let found = entry(&at::<kinds::Service>(service)).filter(|entry| entry.id.is_some());
        let (place, definition) = (Place::in_state(state, service)?, definition?);
        let facts = state.facts.clone();
        Some((place, Self { definition, service: found?, facts }))
    }

    /// Whether the state's present revision is this one.
    pub(super) fn is_present(&self, revision: &str) -> bool {
        self.definition.id.as_ref().is_some_and(|id| id.as_str() == revision)
    }

    /// Corrects what is known by what is to be gone back to: a process that died between the new
    /// revision and the end of its release has left the state at the new one.
    pub(super) fn was(&mut self, environment: &Environment, back_to: &str, releases: &[Release]) {
        let entry = &mut self.definition;
        let Some(index) = entry.older.iter().position(|id| id.as_str() == back_to) else { return };
        let was = entry.older.remove(index);
        if let Some(unused) = entry.id.replace(was) {
            entry.older.insert(0, unused);
        }
        entry.intent = None;
        entry.outputs.insert("arn".into(), back_to.into());
        let known = releases.iter().rev().find(|one| one.started.revision == back_to);
        if let Some(Started { service, image, definition, .. }) = known.map(|one| &one.started) {
            entry.desired = definition.clone();
            let mut state = State::new(&environment.project, &environment.name);
            state.facts = std::mem::take(&mut self.facts);
            decide(&mut state, environment, service, image);
            self.facts = state.facts;
        }
    }

    /// A revision on its way that no run of ours has registered.
    pub(super) fn stranger(&self, view: &ServiceView) -> Option<String> {
        let ours = |arn: &str| {
            let entry = &self.definition;
            entry.id.iter().chain(&entry.older).any(|id| id.as_str() == arn)
        };
        let moving = view
            .deployments
            .iter()
            .find(|one| one.rollout_state == "IN_PROGRESS" && !ours(&one.task_definition));
        moving.map(|one| short(&one.task_definition).to_owned())
    }

    /// The present state with what was before in its place. A revision that came since goes with the superseded ones,
    /// first of all of them, unless it has gone already.
    pub(super) fn restored(&self, mut state: State, service: &str, gone: Option<&str>) -> State {
        let mut definition = self.definition.clone();
        if let Some(now) = state.resources.get(&at::<TaskDefinition>(service)) {
            let there: Vec<&Id> = now.id.iter().chain(&now.older).collect();
            // The oldest may have been retired since.
            definition.older.retain(|id| there.contains(&id));
            for id in there {
                let is_known = definition.id.as_ref() == Some(id) || definition.older.contains(id);
                if !is_known && gone != Some(id.as_str()) {
                    definition.older.insert(0, id.clone());
                }
            }
        }
        state.resources.insert(at::<TaskDefinition>(service), definition);
        state.resources.insert(at::<kinds::Service>(service), self.service.clone());
        state.facts.clone_from(&self.facts);
        state
    }

    /// Puts what was before back.
    pub(super) async fn put_back(
        &self,
        run: &LockedRun<'_>,
        service: &str,
        gone: Option<&str>,
    ) -> Result<(), Failure> {
        let restored = self.restored(run.state(), service, gone);
        run.journal.change(|state| {
            state.resources = restored.resources;
            state.facts = restored.facts;
        });
        Ok(run.journal.commit().await?)
    }

    /// Takes a revision that nothing runs out of use, and puts what was before back.
    pub(super) async fn retire(
        &self,
        run: &LockedRun<'_>,
        service: &str,
        failed: &str,
    ) -> Result<(), Failure> {
        let is_new = !self.definition.older.iter().any(|id| id.as_str() == failed)
            && revision(&self.definition) != failed;
        if is_new {
            let clock = &run.session.clock;
            patient(clock, || run.aws.deregister_task_definition(failed)).await?;
        }
        self.put_back(run, service, is_new.then_some(failed)).await
    }
}
