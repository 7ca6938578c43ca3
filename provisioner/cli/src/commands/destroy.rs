//! `destroy`: deletes everything that `up` made, in AWS's order, and says what is left.

use std::collections::BTreeSet;
use std::process::ExitCode;

use aws::bootstrap;
use engine::Graph;
use engine::plan::Plan;

use crate::args::{Destroy, Global};
use crate::commands::up::outcome_code;
use crate::failure::{Code, Failure};
use crate::release::Releases;
use crate::report;
use crate::report::confirm::confirm_name;
use crate::run::{LockedRun, compared, interrupt, leftovers, state_guard};
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Destroy) -> Result<ExitCode, Failure> {
    let session = Session::remembered(global, &args.remembered).await?;
    let environment = session.environment();
    let name = &environment.name;
    if environment.protect && !args.unprotect {
        return Err(Failure::new(Code::Refused, format!("{name} is protected: `protect: true`"))
            .hint(format!("if it is meant: provisioner destroy --env {name} --unprotect")));
    }
    let stop = interrupt::token();
    let lease = session.lock("destroy", args.lock.wait).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => destroy(args, &run).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    let left = ended?;
    if global.json {
        report::json(&serde_json::json!({
            "format": report::FORMAT, "environment": name, "left": left,
        }))?;
    } else {
        report::out(&format!("{name}: {}", report::receipt(&left)));
    }
    if !left.is_empty() {
        return Err(Failure::new(Code::PartWay, format!("{name} is not all gone"))
            .hint(format!("when what holds it is gone: provisioner destroy --env {name}")));
    }
    if args.state {
        bootstrap::destroy_backend(&session.aws, &session.backend, &session.clock).await?;
        report::note("the account's state bucket and lock table are gone");
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes, and returns what is left.
async fn destroy(args: &Destroy, run: &LockedRun<'_>) -> Result<Vec<String>, Failure> {
    let session = run.session;
    let name = &session.environment().name;
    if run.is_first {
        state_guard::nothing_is_left(session).await?;
    }
    let nothing = Graph::new();
    let (_, plan) = compared(session, &nothing, &run.state()).await?;
    report::note(&report::plan(&plan, name));
    let strangers = leftovers::strangers(session, &plan).await?;
    if !strangers.is_empty() {
        let message = format!("the VPC of {name} cannot go: others are in it");
        let failure = Failure::new(Code::Refused, message);
        return Err(strangers.into_iter().fold(failure, Failure::hint));
    }
    if !plan.is_empty() {
        said_before(session, &plan);
        confirm_name(args.yes, name)?;
    }
    if let Some(home) = &session.home {
        home.stop_services().await?;
    }
    let allow: BTreeSet<_> = plan.steps.keys().cloned().collect();
    let outcome = run.carry_out(&nothing, &plan, allow).await?;
    report::note(&report::outcome(&outcome, name));
    outcome_code(&outcome, &format!("provisioner destroy --env {name}"))?;
    let left = leftovers::left(session).await?;
    if left.is_empty() {
        Releases::remove_all(&session.objects(&run.aws)).await?;
        if let Some(version) = run.journal.version().await {
            session.store_of(&run.aws).delete(&version).await?;
        }
    }
    Ok(left)
}

/// What becomes of data that a deletion does not simply end.
fn said_before(session: &Session, plan: &Plan) {
    let goes = |kind: &str| plan.changes().any(|step| step.address.kind() == kind);
    if goes("secret") {
        let days = if session.environment().protect { 30 } else { 7 };
        report::note(&format!("secrets can be restored for {days} days"));
    }
    for (kind, what) in [("repository", "images"), ("log-group", "logs")] {
        if goes(kind) {
            report::note(&format!("{what} are deleted for good"));
        }
    }
}
