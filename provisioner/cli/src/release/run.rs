//! One release from its first check to its end: the new revision, the migration gate, the switch, the
//! wait, and the way back when it fails.

mod before;
mod differences;
mod migrate;
mod needs;
mod note;
mod reuse;
mod settle;
mod switch;

use std::collections::BTreeSet;
use std::time::Duration;

use aws::services::ServiceView;
use engine::state::{Entry, State};
use explain::Explanation;
use jiff::Timestamp;
use kinds::TaskDefinition;
use stack::Image;

use crate::failure::{Code, Failure};
use crate::release::images::{self, Built};
use crate::release::migration::Migrated;
use crate::release::rollout::{self, Limits, Over, Place, Verdict};
use crate::release::{Author, How, Release, Releases, Started, What, diagnosis, migration};
use crate::report;
use crate::run::{LockedRun, PlannedRun, at, pin, preflight};
use crate::session::decided::decide;

use before::Before;
use differences::Differences;
use reuse::{pick_up, reuse};
use settle::unsettled;
use switch::Back;

pub(crate) use migrate::migrate;
pub(crate) use note::note;
pub(crate) use settle::{Settled, settle, settled};

/// What is to be released.
pub(crate) struct Order {
    pub(crate) service: String,
    pub(crate) what: What,
    pub(crate) image: Image,
    /// The image may be another one than it was, although it is called the same.
    pub(crate) is_uncertain: bool,
    /// To be pushed first.
    pub(crate) built: Option<Built>,
    /// The release that is gone back to.
    pub(crate) back_to: Option<Started>,
    /// How long the new tasks may take to serve, if not as long as the file says.
    pub(crate) limit: Option<Duration>,
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
    /// It failed, and what ran before does not serve again either.
    NotBack {
        started: Started,
        explanation: Option<Explanation>,
        /// The revision that was gone back to, and what became of that.
        to: String,
        why: String,
    },
}

/// Releases: plans, pushes, registers, migrates, switches, waits, and goes back when it fails.
pub(crate) async fn run(run: &LockedRun<'_>, order: &Order) -> Result<End, Failure> {
    let session = run.session;
    let environment = session.environment();
    let service = &order.service;
    let releases = Releases::of(session.objects(&run.aws), service);
    let (place, mut before) = Before::of(run, service)?;
    let unfinished = stand(run, &releases, &place, &mut before).await?;
    let revision_before = revision(&before.definition);
    if let Some(back_to) = &order.back_to {
        needs::check(run, &place, back_to).await?;
    }

    // What is wanted, first in memory only.
    let mut wanted = run.state();
    decide(&mut wanted, environment, service, &order.image);
    let definition = order.back_to.as_ref().map(|release| release.definition.clone());
    pin::pin(environment, &mut wanted, service, definition.clone());
    let mut reused = order
        .back_to
        .as_ref()
        .is_some_and(|back_to| reuse(&mut wanted, service, &back_to.revision, &back_to.definition));
    let images = images::known(session, &wanted).images;
    let mut draft = PlannedRun::compute(session, &wanted, images.clone()).await?;
    if order.back_to.is_none() && pick_up(run, &draft, &mut wanted, service).await? {
        draft = PlannedRun::compute(session, &wanted, images).await?;
        reused = true;
    }
    draft.keep_superseded(&at::<TaskDefinition>(service));
    preflight::secrets(session, &draft)?;
    let differences = Differences::of(&draft, service);
    differences.require(service, &environment.name)?;
    differences.leave(&mut draft, &session.kinds, &wanted)?;
    if session.home.is_none() {
        preflight::room(session, service).await?;
    }
    if let Some(built) = &order.built {
        let repository = at::<kinds::Repository>(service);
        if let Some(uri) = draft.output(&repository, "uri") {
            images::push(session, built, uri).await?;
        }
    }
    let service_at = at::<kinds::Service>(service);
    let (_, plan) = draft.only(|address| *address == service_at);
    if plan.is_empty() && !unfinished && !order.is_uncertain {
        let facts = wanted.facts;
        run.journal.change(|state| state.facts = facts);
        run.journal.commit().await?;
        // A run that died after its switch has not come to this.
        run.prune(service).await;
        return Ok(End::Nothing);
    }

    // The new revision. It is journaled, and nothing runs it yet.
    let revision = register(run, order, &draft, &wanted, &before, reused).await?;
    if let Some(back_to) = &order.back_to {
        said_of_secrets(back_to, &entry(run, service).desired);
    }
    let migration =
        environment.services[service].migration.as_ref().filter(|_| order.back_to.is_none());
    if let Some(migration) = migration {
        let mut state = run.state();
        state.facts.clone_from(&wanted.facts);
        let settings = migrate::settings(run, &place).await?;
        let ran = migration::run(run, &settings, service, &revision, &state, migration).await;
        if let Err(failure) = ran {
            before.retire(run, service, &revision).await?;
            return Err(failure);
        }
    }
    let command = migration.map(migration::command);
    Migrated { image: order.image.clone(), revision: revision.clone(), command: command.clone() }
        .keep(&mut wanted.facts, service);
    let author = crate::session::author();
    let started = Started {
        format: 0,
        service: service.clone(),
        number: 0,
        what: order.what,
        image: order.image.clone(),
        revision: revision.clone(),
        definition: entry(run, service).desired,
        config: pin::config(environment, service),
        migration: command,
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
    // Whoever comes after a process that dies from here on asks ECS what became of it.
    run.journal.change(|state| state.facts.insert(unsettled(service), started.number.into()));
    run.journal.commit().await?;
    let ended = carry_through(run, order, &place, &before, &wanted, &releases, started).await;
    ended.map_err(|failure| half_way(failure, &environment.name))
}

/// A way back brings the code of then, and the secrets of today: an old password would serve nobody, and a leaked one
/// must not come back.
fn said_of_secrets(back_to: &Started, definition: &serde_json::Value) {
    let now = stack::versions(definition);
    let then = stack::versions(&back_to.definition);
    let has_changed = |name: &&String| now.get(*name).is_some_and(|now| *now != then[*name]);
    let changed: Vec<&str> = then.keys().filter(has_changed).map(String::as_str).collect();
    if !changed.is_empty() {
        let (number, names) = (back_to.number, changed.join(", "));
        report::note(&format!("release {number} runs with today's secrets; since then: {names}"));
    }
}

/// Finds out what a way back would lead to. Returns whether an earlier run has switched to what runs
/// now and did not live to see what became of it.
async fn stand(
    run: &LockedRun<'_>,
    releases: &Releases,
    place: &Place,
    before: &mut Before,
) -> Result<bool, Failure> {
    // One that was settled by a run that died in its turn is as unfinished as one that is settled now.
    let abandoned = releases.settle().await?.filter(Release::is_open);
    let view = run.aws.service_view(&place.cluster, &place.name).await?;
    let running = view.as_ref().and_then(ServiceView::revision).map(str::to_owned);
    let unfinished = abandoned.is_some_and(|one| Some(&one.started.revision) == running.as_ref());
    let is_known = running.as_ref().is_none_or(|running| before.is_present(running));
    if unfinished || !is_known {
        let all = releases.all().await?;
        let good = all.iter().rev().find(|one| one.is_good());
        let good = good.filter(|_| unfinished).map(|one| one.started.revision.clone());
        if let Some(back_to) = good.or(running) {
            before.was(run.session.environment(), &back_to, &all);
        }
    }
    let Some(other) = view.as_ref().and_then(|view| before.stranger(view)) else {
        return Ok(unfinished);
    };
    let service = &place.name;
    let name = &run.session.environment().name;
    let message = format!("{service} is being deployed by somebody else: {other} is on its way");
    Err(Failure::new(Code::Refused, message)
        .hint(format!("wait for it: provisioner status --env {name}")))
}

/// Registers what is wanted, or finds it registered.
async fn register(
    run: &LockedRun<'_>,
    order: &Order,
    draft: &PlannedRun,
    wanted: &State,
    before: &Before,
    reused: bool,
) -> Result<String, Failure> {
    let service = &order.service;
    let definition_at = at::<TaskDefinition>(service);
    if reused {
        let entry = wanted.resources.get(&definition_at).cloned().unwrap_or_default();
        run.journal.change(|state| state.resources.insert(definition_at.clone(), entry));
    }
    let (graph, plan) = draft.only(|address| *address == definition_at);
    let outcome = run.carry_out(&graph, &plan, BTreeSet::new()).await?;
    let entry = entry(run, service);
    if outcome.is_complete() {
        return Ok(revision(&entry));
    }
    // What may have been made after all is looked up by the next run.
    if entry.intent.is_none() {
        before.put_back(run, service, None).await?;
    }
    if run.stop.is_cancelled() {
        return Err(Failure::new(Code::Interrupted, "interrupted; nothing was switched"));
    }
    let why = outcome.failed.first().map(|(_, error)| error.to_string()).unwrap_or_default();
    Err(Failure::new(Code::Failed, format!("the new revision was refused: {why}"))
        .hint("nothing was switched"))
}

/// From here on the new revision is on its way: to its end, or back.
async fn carry_through(
    run: &LockedRun<'_>,
    order: &Order,
    place: &Place,
    before: &Before,
    wanted: &State,
    releases: &Releases,
    started: Started,
) -> Result<End, Failure> {
    let service = &order.service;
    let revision = started.revision.clone();
    let switched = switch::switch(run, order, place, &wanted.facts, &revision).await?;
    let switch::Switched { verdict, mut probe, deployment } = switched;
    let interrupted = verdict == Verdict::Abort;
    let mut served = false;
    let mut why = match verdict {
        Verdict::Leave => {
            keep(run, service, wanted, &started, Some(started.number)).await?;
            releases.end(started.number, How::NotWaitedFor, None).await?;
            run.prune(service).await;
            return Ok(End::Left(started));
        }
        Verdict::Serves => {
            keep(run, service, wanted, &started, None).await?;
            releases.end(started.number, How::Succeeded, None).await?;
            served = true;
            let described = &run.session.environment().services[service];
            let limit = Limits::new(described, order.limit).over;
            match rollout::over(run, place, &deployment, limit).await? {
                Over::Failed(why) => why,
                over => {
                    let mut missed = None;
                    match (over, &described.probe) {
                        (Over::NotYet(progress), _) => {
                            report::warning(&format!("{service} is not alone yet: {progress}"));
                        }
                        // An old task may have answered before.
                        (_, Some(asked)) => {
                            let answer = rollout::probe(run, service, asked).await?;
                            if !answer.passed && !run.stop.is_cancelled() {
                                missed = Some(switch::missed(asked, &answer));
                                probe = Some(answer);
                            }
                        }
                        _ => {}
                    }
                    let Some(why) = missed else {
                        run.prune(service).await;
                        return Ok(End::Serves(started));
                    };
                    why
                }
            }
        }
        Verdict::Failed(why) => why,
        Verdict::Abort => "interrupted".into(),
    };
    // Looked at while its tasks can still be seen.
    let explanation = if interrupted {
        None
    } else {
        report::note(&format!("failed: {why}"));
        diagnosis::explain(run, service, &started, &why, probe).await?
    };
    let back = switch::go_back(run, service, place, before, &revision, interrupted).await?;
    let how = if let Back::Failed(not_back) = &back {
        why = format!("{why}; the way back: {not_back}");
        How::Failed
    } else {
        How::RolledBack
    };
    if served {
        releases.correct(started.number, how, Some(why)).await?;
    } else {
        releases.end(started.number, how, Some(why)).await?;
    }
    Ok(match back {
        Back::Serves => End::RolledBack { started, explanation, interrupted: false },
        Back::Asked => End::RolledBack { started, explanation, interrupted: true },
        Back::Failed(why) => {
            let to = short(&self::revision(&before.definition)).to_owned();
            End::NotBack { started, explanation, to, why }
        }
    })
}

/// Makes the release what the state says of the service. `unseen`: its number, when nobody has seen its end.
async fn keep(
    run: &LockedRun<'_>,
    service: &str,
    wanted: &State,
    started: &Started,
    unseen: Option<u32>,
) -> Result<(), Failure> {
    run.journal.change(|state| {
        state.facts.clone_from(&wanted.facts);
        match unseen {
            Some(number) => state.facts.insert(unsettled(service), number.into()),
            None => state.facts.remove(&unsettled(service)),
        };
        state.facts.insert(noted(service), started.revision.clone().into());
        let entry = state.resources.entry(at::<kinds::Service>(service)).or_default();
        entry.desired["settings"]["taskDefinition"] = started.revision.clone().into();
    });
    Ok(run.journal.commit().await?)
}

/// A call failed after the switch: what runs is known again once the same command has gone on.
fn half_way(failure: Failure, environment: &str) -> Failure {
    match failure.code {
        Code::Failed => Failure { code: Code::PartWay, ..failure }
            .hint("the service was switched already; run the same command again to go on")
            .hint(format!("look: provisioner status --env {environment}")),
        _ => failure,
    }
}

/// The state's name for the revision that was last noted as a release.
fn noted(service: &str) -> String {
    format!("released.{service}")
}

/// What the state has of a service's task definition.
fn entry(run: &LockedRun<'_>, service: &str) -> Entry {
    let address = at::<TaskDefinition>(service);
    run.journal.read(|state| state.resources.get(&address).cloned().unwrap_or_default())
}

fn revision(entry: &Entry) -> String {
    entry.id.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// `payments-prod-api:42` of an ARN.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
