//! Removes what others have added, after it was asked for.

use std::process::ExitCode;

use engine::additions::take_out;
use engine::clock::patient;

use super::Found;
use crate::args::{Drift, Global};
use crate::failure::{Code, Failure};
use crate::report::confirm::confirm;
use crate::report::{self, Reverted};
use crate::run::{LockedRun, interrupt, state_guard};
use crate::session::Session;

pub(super) async fn run(
    global: &Global,
    args: &Drift,
    session: &Session,
) -> Result<ExitCode, Failure> {
    let stop = interrupt::token();
    let lease = session.lock("drift --revert", args.lock.wait).await?;
    let ended = match LockedRun::begin(session, &lease, &stop).await {
        Ok(run) => remove(global, args, &run).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    ended
}

async fn remove(global: &Global, args: &Drift, run: &LockedRun<'_>) -> Result<ExitCode, Failure> {
    let session = run.session;
    let name = &session.environment().name;
    if run.is_first {
        state_guard::nothing_is_left(session).await?;
    }
    let found = Found::look(session, &run.aws, &run.state()).await?;
    let mut reverted = Reverted::new(name, &found.added, &found.listeners);
    if reverted.is_empty() {
        return said(global, &reverted);
    }
    report::note(&reverted.question());
    confirm(args.yes, &format!("remove this from {name}?"))?;
    for added in &found.added {
        let clock = &session.clock;
        let done = take_out(&run.aws, &session.kinds, &found.picture, added, clock);
        let done = if run.stop.is_cancelled() { None } else { Some(done.await) };
        reverted.note(added.address.as_str(), done);
    }
    for listener in &found.listeners {
        let call = || run.aws.delete_listener(&listener.arn);
        let done =
            if run.stop.is_cancelled() { None } else { Some(patient(&session.clock, call).await) };
        reverted.note(&listener.arn, done);
    }
    let ended = said(global, &reverted)?;
    if run.stop.is_cancelled() {
        return Err(Failure::new(Code::Interrupted, "interrupted; some of it may still be there"));
    }
    if reverted.failed() {
        return Err(Failure::new(Code::PartWay, "not all of it could be removed")
            .hint(format!("to go on: provisioner drift --env {name} --revert")));
    }
    Ok(ended)
}

fn said(global: &Global, reverted: &Reverted) -> Result<ExitCode, Failure> {
    if global.json {
        report::json(&reverted.json())?;
    } else {
        report::out(&reverted.text());
    }
    Ok(ExitCode::SUCCESS)
}
