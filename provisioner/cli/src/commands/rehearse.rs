//! `rehearse`: today's plan in a strict copy of AWS on this machine, and what would be left. Of the account
//! it reads the state, and nothing else.

mod rendered;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use engine::Address;
use engine::plan::Plan;
use engine::state::State;
use serde::Serialize;
use stack::environment::{self, Environment, Secret};
use strict::Faults;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Global, Rehearse};
use crate::failure::{Code, Failure, file};
use crate::rehearsal::{Failed, Findings, Last, Sandbox, Timeline};
use crate::report;
use crate::run::saved_plan::SavedPlan;
use crate::session::project::Project;

/// What a given secret is while it is rehearsed.
const PLACEHOLDER: &str = "placeholder-of-a-rehearsal";

/// How a rehearsal went.
#[derive(Serialize)]
pub(crate) struct Rehearsed {
    pub(crate) environment: String,
    /// Resources that were built first, from the state.
    pub(crate) built: usize,
    /// Why it began with nothing.
    pub(crate) from_nothing: Option<String>,
    pub(crate) up: Timeline,
    pub(crate) destroy: Timeline,
    pub(crate) seed: u64,
    pub(crate) findings: Findings,
}

pub(crate) async fn run(global: &Global, args: &Rehearse) -> Result<ExitCode, Failure> {
    let faults = faults(&args.faults)?;
    let project = Project::find(global)?;
    let last = Last::of(global).await?;
    let loaded = environment::load(&project.folder(), &project.environment(global)?)?;
    let environment = &loaded.environment;
    let mut scale = args.scale;
    let rehearsed = loop {
        let sandbox = Sandbox::open(&project, environment, args.seed, scale).await?;
        let ended = tokio::select! {
            ended = play(&sandbox, environment, last.clone(), faults.clone(), args.seed) => ended,
            () = interrupted() => {
                Err(Failure::new(Code::Interrupted, "the rehearsal was interrupted").into())
            }
        };
        sandbox.close().await?;
        match ended {
            Ok(rehearsed) => break rehearsed,
            Err(Failed::For(failure)) => return Err(failure),
            Err(Failed::Stalled) if scale > 1 => {
                scale = (scale / 2).max(1);
                report::note(&format!(
                    "this machine is too busy for that pace: again with --scale {scale}"
                ));
            }
            Err(Failed::Stalled) => {
                let message = "this machine stood still for too long to rehearse anything";
                return Err(
                    Failure::new(Code::Failed, message).hint("try again when it is less busy")
                );
            }
        }
    };
    if global.json {
        report::json(&rendered::rehearsed_json(&rehearsed))?;
    } else {
        report::out(&rendered::rehearsed(&rehearsed));
    }
    verdict(&rehearsed.findings)
}

/// `none`, or as the strict cloud reads it.
fn faults(said: &str) -> Result<Faults, Failure> {
    if said == "none" {
        return Ok(Faults::default());
    }
    said.parse().map_err(|error: strict::SpecError| {
        Failure::new(Code::Config, format!("--faults: {error}"))
            .hint("for example: --faults throttle:20%,500:5%,after:CreateVpc@1")
    })
}

async fn play(
    sandbox: &Sandbox,
    environment: &Environment,
    last: Last,
    faults: Faults,
    seed: u64,
) -> Result<Rehearsed, Failed> {
    let unseen = sandbox.file("before.jsonl");
    let (state, from_nothing) = match last {
        Last::State(state) => {
            let number = state.resources.len();
            report::note(&format!("building what was last applied: {number} resources"));
            (*state, None)
        }
        Last::Nothing(why) => {
            report::note(&format!("rehearsing from nothing: {why}"));
            (State::new(&environment.project, &environment.name), Some(why))
        }
    };
    for (name, source) in &environment.secrets {
        if let Secret::Given = source {
            let set = sandbox.run(&["secret", "set", name], PLACEHOLDER, &unseen).await?;
            set.require("secret set")?;
        }
    }
    let path = sandbox.file("state.json");
    std::fs::write(&path, state.to_bytes()?).map_err(|error| file(&path, &error))?;
    let arguments = ["rebuild", &path.to_string_lossy()];
    sandbox.run(&arguments, "", &unseen).await?.require("what was last applied")?;
    let path = sandbox.file("plan.json");
    let arguments = ["plan", "--out", &path.to_string_lossy()];
    let mut planned = sandbox.run(&arguments, "", &unseen).await?;
    if planned.code == Some(i32::from(Code::Changes as u8)) {
        planned.code = Some(0);
    }
    planned.require("plan")?;
    let plan = SavedPlan::read(&path)?.plan();
    report::note(&format!("applying today's plan: {} changes", plan.changes().count()));
    let from = sandbox.cloud.calls().last().map_or(0, |call| call.seq);
    sandbox.begin();
    sandbox.cloud.set_faults(faults);
    let needs = needs(&plan);
    let up = timeline(sandbox, "up", &["up", "--yes"], &needs).await?;
    report::note("destroying it");
    let arguments = ["destroy", "--yes", "--unprotect", "--state"];
    let destroy = timeline(sandbox, "destroy", &arguments, &needs).await?;
    let findings = Findings::of(&sandbox.cloud, from);
    let environment = environment.name.clone();
    let built = state.resources.len();
    Ok(Rehearsed { environment, built, from_nothing, up, destroy, seed, findings })
}

async fn timeline(
    sandbox: &Sandbox,
    name: &str,
    arguments: &[&str],
    needs: &BTreeMap<Address, BTreeSet<Address>>,
) -> Result<Timeline, Failed> {
    let timeline = sandbox.file(&format!("{name}.jsonl"));
    let ended = sandbox.run(arguments, "", &timeline).await?.require(name)?;
    let seconds = ended.took.as_secs_f64() * ended.origin.scale;
    Ok(Timeline::read(&timeline, ended.origin, seconds, needs)?)
}

fn needs(plan: &Plan) -> BTreeMap<Address, BTreeSet<Address>> {
    plan.steps.values().map(|step| (step.address.clone(), step.depends.clone())).collect()
}

/// Nothing may be left, and no rule broken.
fn verdict(findings: &Findings) -> Result<ExitCode, Failure> {
    let mut wrong: Vec<String> = findings
        .violations
        .iter()
        .map(|one| format!("rule {} of AWS: {}", one.rule, one.text))
        .collect();
    for (kind, names) in &findings.left {
        wrong.push(format!("left behind: {kind} {}", names.join(", ")));
    }
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let failure = Failure::new(Code::Failed, "the rehearsal did not go as it must");
    Err(wrong.into_iter().fold(failure, Failure::hint))
}

async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
