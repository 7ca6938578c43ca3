//! The first act of a rehearsal: builds what a state remembers, in an emulator that gives other ids.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use engine::Graph;
use engine::state::State;

use crate::args::Global;
use crate::commands::up::outcome_code;
use crate::failure::{Code, Failure, file};
use crate::run::{LockedRun, compared, interrupt, leftovers};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, state: &Path) -> Result<ExitCode, Failure> {
    let bytes = std::fs::read(state).map_err(|error| file(state, &error))?;
    let last = State::from_bytes(&bytes)?;
    let session = Session::open(global, Start::Never).await?;
    if !session.aws.is_all_emulated() {
        let message = "only a rehearsal builds from a state, and never in an account of AWS";
        return Err(Failure::new(Code::Refused, message));
    }
    session.bootstrap(&session.aws).await?;
    let stop = interrupt::token();
    let lease = session.lock("rehearse", None).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => build(&session, &run, &last).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    ended
}

async fn build(session: &Session, run: &LockedRun<'_>, last: &State) -> Result<ExitCode, Failure> {
    let graph = Graph::remembered(last);
    run.journal.change(|state| state.facts.clone_from(&last.facts));
    let (_, plan) = compared(session, &graph, &run.state()).await?;
    let outcome = run.carry_out(&graph, &plan, BTreeSet::new()).await?;
    // An emulator loads each of its services at the first call, which takes seconds: so all are called
    // before time is measured.
    leftovers::left(session).await?;
    outcome_code(&outcome, "provisioner rehearse")
}
