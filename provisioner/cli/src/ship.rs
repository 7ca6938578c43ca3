//! One release from its first check to its end: the new revision, the migration gate, the switch, the
//! wait, and the way back when it fails.

use std::collections::BTreeSet;
use std::time::Duration;

use aws::services::ServiceView;
use engine::state::Entry;
use engine::{Address, Id};
use explain::Explanation;
use jiff::Timestamp;
use kinds::TaskDefinition;
use serde_json::Value;
use stack::Image;

use crate::diagnosis;
use crate::failure::{Code, Failure};
use crate::images::{self, Built};
use crate::migration;
use crate::pin;
use crate::reconcile::{Draft, Writing, at};
use crate::release::{Author, How, Releases, Started, What};
use crate::report;
use crate::rollout::{self, Place, Verdict};

/// What is to be released.
pub(crate) struct Order {
    pub(crate) service: String,
    pub(crate) what: What,
    pub(crate) image: Image,
    /// To be pushed first.
    pub(crate) built: Option<Built>,
    /// The release that is gone back to.
    pub(crate) back_to: Option<Started>,
    /// How long the rollout may take.
    pub(crate) limit: Duration,
    pub(crate) wait: bool,
}

/// How it ended.
pub(crate) enum End {
    /// It ran already.
    Nothing,
    Serves(Started),
    /// On its way, and nobody waits.
    Left(Started),
    /// Back on what ran before.
    RolledBack {
        started: Started,
        explanation: Option<Explanation>,
        interrupted: bool,
    },
}

/// The service's entries in the state before the release: what a way back restores.
struct Before {
    definition: Entry,
    service: Entry,
}

impl Before {
    /// Corrects what is known by what runs: a process that died between the new revision and the switch
    /// has left the newest one unused.
    fn runs(&mut self, running: &str) {
        let entry = &mut self.definition;
        if let Some(index) = entry.older.iter().position(|id| id.as_str() == running) {
            let running = entry.older.remove(index);
            if let Some(unused) = entry.id.replace(running) {
                entry.older.insert(0, unused);
            }
        }
    }

    /// A revision on its way that no run of ours has registered.
    fn stranger(&self, view: &ServiceView) -> Option<String> {
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
}

pub(crate) async fn ship(writing: &Writing<'_>, order: &Order) -> Result<End, Failure> {
    let session = writing.session;
    let environment = session.environment();
    let service = &order.service;
    let releases = Releases::of(session.objects(&writing.aws), service);
    releases.settle().await?;
    let (place, mut before) = known(writing, service)?;
    let view = writing.aws.service_view(&place.cluster, &place.name).await?;
    let running = view.as_ref().and_then(ServiceView::primary);
    if let Some(running) = running {
        before.runs(&running.task_definition);
    }
    if let Some(other) = view.as_ref().and_then(|view| before.stranger(view)) {
        let message =
            format!("{service} is being deployed by somebody else: {other} is on its way");
        return Err(Failure::new(Code::Refused, message)
            .hint(format!("wait for it: provisioner status --env {}", environment.name)));
    }
    let revision_before = revision(&before.definition);

    // What is wanted, first in memory only.
    let mut wanted = writing.state();
    images::decide(&mut wanted, environment, service, &order.image);
    let definition = order.back_to.as_ref().map(|release| release.definition.clone());
    pin::pin(environment, &mut wanted, service, definition.clone());
    if let Some(back_to) = &order.back_to {
        reuse(&mut wanted, service, back_to);
    }
    let images = images::known(session, &wanted).images;
    let draft = Draft::of(session, &wanted, images).await?;
    let needs_up = draft.needs_up(service);
    if !needs_up.is_empty() {
        let name = &environment.name;
        let message = format!("{service} needs more than a new revision: {}", needs_up.join(", "));
        return Err(
            Failure::new(Code::Refused, message).hint(format!("provisioner up --env {name}"))
        );
    }
    if let Some(built) = &order.built {
        let repository = at::<kinds::Repository>(service);
        if let Some(uri) = draft.output(&repository, "uri") {
            images::push(session, built, uri).await?;
        }
    }
    let service_at = at::<kinds::Service>(service);
    let (_, plan) = draft.only(|address| *address == service_at);
    if plan.is_empty() {
        let facts = wanted.facts;
        writing.journal.change(|state| state.facts = facts);
        writing.journal.commit().await?;
        return Ok(End::Nothing);
    }

    // The new revision. It is journaled, and nothing runs it yet.
    let definition_at = at::<TaskDefinition>(service);
    if order.back_to.is_some() {
        let entry = wanted.resources.get(&definition_at).cloned().unwrap_or_default();
        writing.journal.change(|state| state.resources.insert(definition_at.clone(), entry));
    }
    let (graph, plan) = draft.only(|address| *address == definition_at);
    let outcome = writing.carry_out(&graph, &plan, BTreeSet::new()).await?;
    if !outcome.is_complete() {
        back_in_state(writing, service, &before).await?;
        let why = outcome.failed.first().map(|(_, error)| error.to_string()).unwrap_or_default();
        return Err(Failure::new(Code::Failed, format!("the new revision was refused: {why}"))
            .hint("nothing was switched"));
    }
    let entry = entry(writing, &definition_at);
    let revision = revision(&entry);
    let migration =
        environment.services[service].migration.as_ref().filter(|_| order.back_to.is_none());
    if let Some(migration) = migration {
        let mut state = writing.state();
        state.facts.clone_from(&wanted.facts);
        let ran = migration::run(writing, &place, service, &revision, &state, migration).await;
        if let Err(failure) = ran {
            retire(writing, service, &before, &revision).await?;
            return Err(failure);
        }
    }
    let author = session.author();
    let started = Started {
        format: 0,
        service: service.clone(),
        number: 0,
        what: order.what,
        image: order.image.clone(),
        revision: revision.clone(),
        definition: entry.desired.clone(),
        config: pin::config(environment, service),
        migration: migration.map(|migration| migration.command.join(" ")),
        at: Timestamp::now(),
        author: Author::here(&author.who, author.run),
    };
    let started = releases.start(started).await?;
    report::note(&format!(
        "release {} of {service}: {} -> {}",
        started.number,
        short(&revision_before),
        short(&revision)
    ));

    // From here on the new one is on its way.
    let verdict = switch(writing, order, &place, &wanted.facts, &revision).await?;
    match verdict {
        Verdict::Serves | Verdict::Leave => {
            let facts = wanted.facts;
            writing.journal.change(|state| {
                state.facts = facts;
                state.facts.insert(noted(service), revision.clone().into());
                let entry = state.resources.entry(service_at.clone()).or_default();
                entry.desired["settings"]["taskDefinition"] = revision.clone().into();
            });
            writing.journal.commit().await?;
            let left = verdict == Verdict::Leave;
            let how = if left { How::NotWaitedFor } else { How::Succeeded };
            releases.end(started.number, how, None).await?;
            Ok(if left { End::Left(started) } else { End::Serves(started) })
        }
        Verdict::Failed(_) | Verdict::Abort => {
            let interrupted = verdict == Verdict::Abort;
            let why = match &verdict {
                Verdict::Failed(why) => why.clone(),
                _ => "interrupted".into(),
            };
            // Looked at while its tasks can still be seen.
            let explanation = if interrupted {
                None
            } else {
                report::note(&format!("failed: {why}"));
                diagnosis::explain(writing, service, &started, &why).await?
            };
            go_back(writing, order, &place, &before, &revision, interrupted).await?;
            releases.end(started.number, How::RolledBack, Some(why)).await?;
            Ok(End::RolledBack { started, explanation, interrupted })
        }
    }
}

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
            let author = session.author();
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

/// The state's name for the revision that was last noted as a release.
fn noted(service: &str) -> String {
    format!("released.{service}")
}

/// Switches, and waits as far as that is wanted.
async fn switch(
    writing: &Writing<'_>,
    order: &Order,
    place: &Place,
    facts: &std::collections::BTreeMap<String, Value>,
    revision: &str,
) -> Result<Verdict, Failure> {
    let (cluster, name, service) = (&place.cluster, &place.name, &order.service);
    writing.aws.update_service(cluster, name, Some(revision), None, false).await?;
    if !order.wait {
        return Ok(Verdict::Leave);
    }
    if let Some(home) = writing.session.home.as_ref().filter(|home| !home.has_docker()) {
        let mut state = writing.state();
        state.facts.clone_from(facts);
        let environment = writing.session.environment();
        if let Err(failure) = home.run_services(&writing.aws, environment, &state).await {
            return Ok(Verdict::Failed(failure.message));
        }
    }
    let verdict = rollout::watch(writing, place, revision, order.limit).await?;
    let probe = writing.session.environment().services[service].probe.as_ref();
    if let (Verdict::Serves, Some(wanted)) = (&verdict, probe) {
        report::note(&format!("  asking for {}", wanted.path));
        let answer = rollout::probe(writing, service, wanted).await?;
        if !answer.passed {
            let status = answer.status.map_or("no answer".into(), |status| status.to_string());
            return Ok(Verdict::Failed(format!("the probe {} got {status}", wanted.path)));
        }
    }
    Ok(verdict)
}

/// Takes the service back to what ran before. After an interrupt the way back is only requested: a
/// cancelled job has seconds.
async fn go_back(
    writing: &Writing<'_>,
    order: &Order,
    place: &Place,
    before: &Before,
    failed: &str,
    interrupted: bool,
) -> Result<(), Failure> {
    let service = &order.service;
    let old = revision(&before.definition);
    report::note(&format!("rolling back to {}", short(&old)));
    let view = writing.aws.service_view(&place.cluster, &place.name).await?;
    let primary =
        view.as_ref().and_then(|view| view.primary()).map(|one| one.task_definition.clone());
    if primary.as_deref() != Some(old.as_str()) {
        writing.aws.update_service(&place.cluster, &place.name, Some(&old), None, false).await?;
    }
    if interrupted {
        // It goes with the superseded ones, once nothing runs it any more.
        let mut before =
            Before { definition: before.definition.clone(), service: before.service.clone() };
        if !before.definition.older.iter().any(|id| id.as_str() == failed) && old != failed {
            before.definition.older.insert(0, Id(failed.into()));
        }
        return back_in_state(writing, service, &before).await;
    }
    if let Some(home) = writing.session.home.as_ref().filter(|home| !home.has_docker()) {
        home.run_services(
            &writing.aws,
            writing.session.environment(),
            &restored(writing, service, before),
        )
        .await?;
    }
    if !rollout::steady(writing, place, &old).await? {
        report::warning(&format!(
            "{} is not steady yet after {} s",
            short(&old),
            rollout::BACK.as_secs()
        ));
    }
    retire(writing, service, before, failed).await
}

/// Takes a revision that nothing runs out of use.
async fn retire(
    writing: &Writing<'_>,
    service: &str,
    before: &Before,
    failed: &str,
) -> Result<(), Failure> {
    let is_new = !before.definition.older.iter().any(|id| id.as_str() == failed)
        && revision(&before.definition) != failed;
    if is_new {
        writing.aws.deregister_task_definition(failed).await?;
    }
    back_in_state(writing, service, before).await
}

/// Puts the entries from before back.
async fn back_in_state(
    writing: &Writing<'_>,
    service: &str,
    before: &Before,
) -> Result<(), Failure> {
    let restored = restored(writing, service, before);
    writing.journal.change(|state| state.resources = restored.resources);
    Ok(writing.journal.commit().await?)
}

fn restored(writing: &Writing<'_>, service: &str, before: &Before) -> engine::state::State {
    let mut state = writing.state();
    state.resources.insert(at::<TaskDefinition>(service), before.definition.clone());
    state.resources.insert(at::<kinds::Service>(service), before.service.clone());
    state
}

/// Makes an earlier revision, which is still active, the present one.
fn reuse(state: &mut engine::state::State, service: &str, release: &Started) {
    let Some(entry) = state.resources.get_mut(&at::<TaskDefinition>(service)) else { return };
    let Some(index) = entry.older.iter().position(|id| id.as_str() == release.revision) else {
        return;
    };
    let earlier = entry.older.remove(index);
    if let Some(present) = entry.id.replace(earlier) {
        entry.older.push(present);
    }
    entry.desired = release.definition.clone();
    entry.outputs.insert("arn".into(), release.revision.clone().into());
}

/// Where the service is and what is known of it, or the advice to make it first.
fn known(writing: &Writing<'_>, service: &str) -> Result<(Place, Before), Failure> {
    let state = writing.state();
    let entry = |address: &Address| {
        state.resources.get(address).filter(|entry| entry.id.is_some()).cloned()
    };
    let definition = entry(&at::<TaskDefinition>(service));
    let found = entry(&at::<kinds::Service>(service));
    match (Place::of(writing, service), definition, found) {
        (Some(place), Some(definition), Some(service)) => {
            Ok((place, Before { definition, service }))
        }
        _ => {
            let name = &writing.session.environment().name;
            Err(Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
                .hint(format!("provisioner up --env {name}")))
        }
    }
}

fn entry(writing: &Writing<'_>, address: &Address) -> Entry {
    writing.journal.read(|state| state.resources.get(address).cloned().unwrap_or_default())
}

fn revision(entry: &Entry) -> String {
    entry.id.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// `payments-prod-api:42` of an ARN.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
