//! Migrations of `up`: a service that comes into being, and one whose image changes, is migrated like a
//! deploy, between its new revision and its switch.

use std::collections::BTreeSet;

use engine::Address;
use engine::apply::Outcome;
use engine::plan::Action;
use kinds::TaskDefinition;
use stack::Image;

use super::before::Before;
use crate::failure::{Code, Failure};
use crate::release::Releases;
use crate::release::migration::{self, Migrated, migrated};
use crate::release::once::Settings;
use crate::release::rollout::Place;
use crate::report::REVISION;
use crate::run::{LockedRun, PlannedRun, at};

/// Where a service's tasks run.
pub(super) async fn settings(run: &LockedRun<'_>, place: &Place) -> Result<Settings, Failure> {
    let view = run.aws.service_view(&place.cluster, &place.name).await?;
    let view = view.ok_or_else(|| {
        Failure::new(Code::Failed, format!("the service {} is not there", place.name))
    })?;
    Ok(Settings::from_view(&place.cluster, view))
}

/// Makes what the tasks of each such service need, and runs its migration. Returns what was done, and
/// leaves in `draft` what is still to do.
pub(crate) async fn migrate(
    run: &LockedRun<'_>,
    draft: &mut PlannedRun,
    allow: &BTreeSet<Address>,
) -> Result<Outcome, Failure> {
    let environment = run.session.environment();
    let mut all = Outcome::default();
    for (service, described) in &environment.services {
        let Some(migration) = &described.migration else { continue };
        let Some(image) = draft.facts.images.get(service).cloned() else { continue };
        if !switches(draft, service) || is_migrated(run, service, &image).await? {
            continue;
        }
        let before = Before::in_state(&run.state(), service);
        let service_at = at::<kinds::Service>(service);
        let (needed, _) = draft.only(|address| *address == service_at);
        let (graph, plan) =
            draft.only(|address| *address != service_at && needed.get(address).is_some());
        let outcome = run.carry_out(&graph, &plan, allow.clone()).await?;
        let is_complete = outcome.is_complete();
        all = Outcome { done: [all.done, outcome.done].concat(), ..outcome };
        if !is_complete {
            return Ok(all);
        }
        let images = std::mem::take(&mut draft.facts.images);
        *draft = PlannedRun::compute(run.session, &run.state(), images).await?;
        let place = before.as_ref().map(|(place, _)| place);
        let settings = match place {
            Some(place) => settings(run, place).await?,
            None => {
                let step = draft.plan.steps.get(&service_at);
                let desired = step.and_then(|step| step.desired.as_ref());
                desired.map(Settings::from_desired).unwrap_or_default()
            }
        };
        let state = run.state();
        let definition = state.resources.get(&at::<TaskDefinition>(service));
        let revision = definition.map(super::revision).unwrap_or_default();
        let ran = migration::run(run, &settings, service, &revision, &state, migration).await;
        if let Err(mut failure) = ran {
            match before {
                // The same as in a deploy: what runs is what the state knows.
                Some((_, before)) => before.retire(run, service, &revision).await?,
                None if failure.code == Code::RolledBack => failure.code = Code::PartWay,
                None => {}
            }
            return Err(failure);
        }
        let command = Some(migration::command(migration));
        let done = Migrated { image, revision, command };
        run.journal.change(|state| done.keep(&mut state.facts, service));
        run.journal.commit().await?;
    }
    Ok(all)
}

/// Whether the plan brings a service to another revision, or into being.
fn switches(draft: &PlannedRun, service: &str) -> bool {
    let definition = draft.plan.steps.get(&at::<TaskDefinition>(service));
    let service = draft.plan.steps.get(&at::<kinds::Service>(service));
    definition.is_some_and(|step| matches!(step.action, Action::Create | Action::Replace))
        || service.is_some_and(|step| {
            step.action == Action::Create || step.differences.iter().any(|one| one.path == REVISION)
        })
}

/// Whether the migration of this image ended well before, or came with a release that serves.
async fn is_migrated(run: &LockedRun<'_>, service: &str, image: &Image) -> Result<bool, Failure> {
    let state = run.state();
    if let Some(migrated) = state.fact::<Migrated>(&migrated(service)) {
        return Ok(migrated.image == *image);
    }
    if Place::in_state(&state, service).is_none() {
        return Ok(false);
    }
    // From before this was kept, or before the file had a migration.
    let releases = Releases::of(run.session.objects(&run.aws), service).all().await?;
    let good = releases.iter().rev().find(|one| one.is_good());
    Ok(good.is_some_and(|one| one.started.image == *image))
}
