//! Releases of `up`: whatever it changed of a task definition is a release like any other.

use engine::state::State;
use futures::future::join_all;
use jiff::Timestamp;
use kinds::TaskDefinition;

use super::{noted, revision};
use crate::failure::Failure;
use crate::release::migration::{self, Migrated};
use crate::release::{Author, How, Release, Releases, Started, What};
use crate::run::{LockedRun, at, pin};
use crate::session::decided::decided;

/// Makes a release of what `up` has changed, for each service whose revision no release knows yet. All
/// services at once; one that fails keeps no other from its end.
pub(crate) async fn note(run: &LockedRun<'_>) -> Result<(), Failure> {
    let state = run.state();
    let services = run.session.environment().services.keys();
    let noted = join_all(services.map(|service| one(run, &state, service))).await;
    noted.into_iter().collect::<Result<(), Failure>>()?;
    Ok(run.journal.commit().await?)
}

async fn one(run: &LockedRun<'_>, state: &State, service: &str) -> Result<(), Failure> {
    let session = run.session;
    let Some(definition) = state.resources.get(&at::<TaskDefinition>(service)) else {
        return Ok(());
    };
    let Some(image) = decided(state, service) else { return Ok(()) };
    if state.fact::<String>(&noted(service)) == Some(revision(definition)) {
        return Ok(());
    }
    let releases = Releases::of(session.objects(&run.aws), service);
    let last = releases.settle().await?;
    // One whose process ended before its end was no good one to go back to; what it brought serves now.
    let is_known = |last: &Release| last.started.revision == revision(definition) && last.is_good();
    if !last.as_ref().is_some_and(is_known) {
        let migrated: Option<Migrated> = state.fact(&migration::migrated(service));
        let migrated = migrated.filter(|one| one.revision == revision(definition));
        let author = crate::session::author();
        let started = releases
            .start(Started {
                format: 0,
                service: service.to_owned(),
                number: 0,
                what: What::Up,
                image,
                revision: revision(definition),
                definition: definition.desired.clone(),
                config: pin::config(session.environment(), service),
                migration: migrated.and_then(|migrated| migrated.command),
                at: Timestamp::now(),
                author: Author::here(&author.who, author.run),
            })
            .await?;
        releases.end(started.number, How::Succeeded, None).await?;
    }
    let revision = revision(definition);
    run.journal.change(|state| state.facts.insert(noted(service), revision.into()));
    Ok(())
}
