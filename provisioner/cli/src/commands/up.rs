//! `up`: brings an environment to what its file says.

use std::collections::BTreeSet;
use std::process::ExitCode;

use engine::apply::Outcome;
use engine::plan::{Action, Plan};
use engine::state::State;
use engine::{Address, Resource};
use kinds::{ElasticIp, LoadBalancer, Repository, Vpc};

use crate::args::{Global, Up};
use crate::failure::{Code, Failure};
use crate::release::images::{Built, Images};
use crate::release::{self, images};
use crate::report;
use crate::report::confirm::confirm;
use crate::run::saved_plan::SavedPlan;
use crate::run::{LockedRun, PlannedRun, at, interrupt, outputs, ownership, preflight};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Up) -> Result<ExitCode, Failure> {
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let session = Session::open(global, Start::IfNeeded).await?;
    let stop = interrupt::token();
    let lease = session.lock("up", args.lock.wait).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => up(global, args, saved.as_ref(), &run).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    ended
}

async fn up(
    global: &Global,
    args: &Up,
    saved: Option<&SavedPlan>,
    run: &LockedRun<'_>,
) -> Result<ExitCode, Failure> {
    let session = run.session;
    let name = &session.environment().name;
    // Of the state as a saved plan knows it.
    let version = run.journal.version().await;
    release::settle(run).await?;
    let state = run.state();
    let mut known = images::known(session, &state);
    images::resolve_all(session, &mut known).await?;
    let Images { mut images, to_build, .. } = known;
    let mut draft = PlannedRun::compute(session, &state, images.clone()).await?;
    if let Some(saved) = saved {
        let plan = draft.plan.clone();
        let now = SavedPlan::new(&session.account, session.environment(), version, plan)?;
        saved.require_same(&now)?;
    }
    ownership::nothing_is_there(session, &state, &draft).await?;
    preflight::secrets(session, &draft)?;
    let built = images::build_all(session, &to_build, &mut images).await?;
    if !built.is_empty() {
        draft = PlannedRun::compute(session, &state, images.clone()).await?;
    }
    report::note(&report::plan(&draft.plan, name));
    let mut outcome = Outcome::default();
    if !draft.plan.is_empty() || !built.is_empty() {
        draft.plan.check_deletions(&session.kinds)?;
        let allow = allowed(args, &draft.plan, session)?;
        preflight::quotas(session, &draft, args.ignore_quotas).await?;
        if saved.is_none() {
            confirm(args.yes, &format!("bring {name} to this?"))?;
        }
        if run.is_first {
            session.bootstrap(&run.aws).await?;
        }
        preflight::service_linked_roles(session, &run.aws, &draft).await?;
        if let Some(failed) = push(run, &mut draft, &built).await? {
            return ended(global, run, failed).await;
        }
        run.learn(&draft.facts);
        outcome = release::migrate(run, &mut draft, &allow).await?;
        if outcome.is_complete() {
            let last = run.carry_out(&draft.graph, &draft.plan, allow).await?;
            outcome = Outcome { done: [outcome.done, last.done].concat(), ..last };
        }
    } else {
        let is_new = run.learn(&draft.facts);
        if draft.plan.waits() || takes_over(&draft.plan, &state) {
            outcome = run.carry_out(&draft.graph, &draft.plan, BTreeSet::new()).await?;
        } else if is_new {
            run.journal.commit().await?;
        }
    }
    ended(global, run, outcome).await
}

/// Whether something is as desired without having been applied: a route, rule or tag that somebody added is in the file
/// now. The state is told, so that it is ours from here on and goes with its line.
fn takes_over(plan: &Plan, state: &State) -> bool {
    plan.steps.values().any(|step| {
        let applied = state.resources.get(&step.address).map(|entry| &entry.desired);
        step.action == Action::None && step.seen.is_some() && step.desired.as_ref() != applied
    })
}

/// Pushes what was built, after its repository was made. What failed on the way is given back.
async fn push(
    run: &LockedRun<'_>,
    draft: &mut PlannedRun,
    built: &[Built],
) -> Result<Option<Outcome>, Failure> {
    let session = run.session;
    let repository = |built: &Built| at::<Repository>(&built.service);
    if built.iter().any(|built| draft.creates(&repository(built))) {
        let wanted: BTreeSet<Address> = built.iter().map(repository).collect();
        let (graph, plan) = draft.only(|address| wanted.contains(address));
        let outcome = run.carry_out(&graph, &plan, BTreeSet::new()).await?;
        if !outcome.is_complete() {
            return Ok(Some(outcome));
        }
        let images = std::mem::take(&mut draft.facts.images);
        *draft = PlannedRun::compute(session, &run.state(), images).await?;
    }
    for built in built {
        if let Some(uri) = draft.output(&repository(built), "uri") {
            images::push(session, built, uri).await?;
        }
    }
    Ok(None)
}

/// What goes for good with the environment's address in the world, or takes everything else with it: guarded
/// by `protect`, beside what holds data.
const PROTECTED: [&str; 3] = [ElasticIp::KIND, LoadBalancer::KIND, Vpc::KIND];

/// What may be lost: named with `--allow`, or nothing.
fn allowed(args: &Up, plan: &Plan, session: &Session) -> Result<BTreeSet<Address>, Failure> {
    let allow: BTreeSet<Address> = args.allow.iter().map(|name| name.as_str().into()).collect();
    let environment = session.environment();
    let guarded = plan.changes().filter(|step| {
        environment.protect
            && matches!(step.action, Action::Delete | Action::Replace)
            && PROTECTED.contains(&step.address.kind())
    });
    let lost: BTreeSet<&str> = plan
        .losses(&session.kinds)
        .chain(guarded)
        .filter(|step| !allow.contains(&step.address))
        .map(|step| step.address.as_str())
        .collect();
    if lost.is_empty() {
        return Ok(allow);
    }
    let all = lost.iter().copied().collect::<Vec<_>>().join(", ");
    let message = format!("this would delete what holds data or is protected: {all}");
    let flags: Vec<String> = lost.iter().map(|address| format!("--allow {address}")).collect();
    Err(Failure::new(Code::Refused, message).hint(format!(
        "if that is meant: provisioner up --env {} {}",
        environment.name,
        flags.join(" ")
    )))
}

/// Runs local processes where they are the tasks, and says how it went.
async fn ended(
    global: &Global,
    run: &LockedRun<'_>,
    outcome: Outcome,
) -> Result<ExitCode, Failure> {
    let session = run.session;
    let environment = session.environment();
    let state = run.state();
    let mut said = Vec::new();
    if let (Some(home), true) = (&session.home, outcome.is_complete()) {
        said = home.run_services(&run.aws, environment, &state).await?;
    }
    if outcome.is_complete() {
        release::note(run).await?;
    }
    let outputs = outputs::of(session, &state);
    if global.json {
        report::json(&report::outcome_json(&outcome, &environment.name, &session.aws, &outputs))?;
    } else {
        report::note(&report::outcome(&outcome, &environment.name));
        report::out(&report::outputs(&outputs));
    }
    said.iter().chain(&session.aws.notes()).for_each(|line| report::note(line));
    if session.home.is_some() {
        report::note(
            "what the local cloud emulates of this, and what not: provisioner local status",
        );
    }
    outcome_code(&outcome, &format!("provisioner up --env {}", environment.name))
}

/// The exit code of a run, or the failure that says how to go on.
pub(crate) fn outcome_code(outcome: &Outcome, again: &str) -> Result<ExitCode, Failure> {
    if outcome.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    let classes: Vec<engine::Class> = outcome.failed.iter().map(|(_, error)| error.class).collect();
    let (code, message) = if classes.contains(&engine::Class::Fenced) {
        (Code::State, "the lock was lost: somebody else may be at work")
    } else if outcome.interrupted && outcome.failed.is_empty() {
        (Code::Interrupted, "interrupted; what was done is saved")
    } else if classes.contains(&engine::Class::Credentials) {
        (Code::PartWay, "the credentials have expired; what was done is saved")
    } else {
        (Code::PartWay, "failed part-way; what was done is saved")
    };
    Err(Failure::new(code, message).hint(format!("to go on: {again}")))
}
