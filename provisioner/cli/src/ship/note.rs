//! Releases of `up`: whatever it changed of a task definition is a release like any other.

use jiff::Timestamp;
use kinds::TaskDefinition;

use super::{noted, revision};
use crate::failure::Failure;
use crate::reconcile::{Writing, at};
use crate::release::{Author, How, Releases, Started, What};
use crate::{images, pin};

/// Makes a release of what `up` has changed, for each service whose revision no release knows yet.
pub(crate) async fn note(writing: &Writing<'_>) -> Result<(), Failure> {
    let session = writing.session;
    let state = writing.state();
    for service in session.environment().services.keys() {
        let Some(definition) = state.resources.get(&at::<TaskDefinition>(service)) else {
            continue;
        };
        let Some(image) = images::decided(&state, service) else { continue };
        if state.fact::<String>(&noted(service)) == Some(revision(definition)) {
            continue;
        }
        let releases = Releases::of(session.objects(&writing.aws), service);
        releases.settle().await?;
        let last = releases.last().await?;
        if last.is_none_or(|last| last.started.revision != revision(definition)) {
            let author = crate::session::author();
            let started = releases
                .start(Started {
                    format: 0,
                    service: service.clone(),
                    number: 0,
                    what: What::Up,
                    image,
                    revision: revision(definition),
                    definition: definition.desired.clone(),
                    config: pin::config(session.environment(), service),
                    migration: None,
                    at: Timestamp::now(),
                    author: Author::here(&author.who, author.run),
                })
                .await?;
            releases.end(started.number, How::Succeeded, None).await?;
        }
        let revision = revision(definition);
        writing.journal.change(|state| state.facts.insert(noted(service), revision.into()));
    }
    Ok(writing.journal.commit().await?)
}
