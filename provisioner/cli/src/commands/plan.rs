//! `plan`: what `up` would change. Reads only, takes no lock.

use std::process::ExitCode;
use std::time::Instant;

use crate::args::{Global, Plan, PlanFormat};
use crate::failure::{Code, Failure};
use crate::release::{self, images};
use crate::report;
use crate::run::saved_plan::SavedPlan;
use crate::run::{PlannedRun, ownership, state_guard};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Plan) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let session = Session::open(global, Start::Never).await?;
    let (mut state, version, recent) = state_guard::load(&session).await?;
    // The version is that of the state as it is stored: `up` corrects it in the same way.
    let stored = state.clone();
    release::settled(&session, &session.aws, &mut state)
        .await?
        .iter()
        .for_each(release::Settled::say);
    let mut known = images::known(&session, &state);
    images::resolve_all(&session, &mut known).await?;
    let (draft, ()) = tokio::try_join!(
        PlannedRun::compute(&session, &state, known.images),
        state_guard::newest(&session, &stored, version.as_ref(), recent),
    )?;
    ownership::nothing_is_there(&session, &state, &draft).await?;
    let environment = session.environment();
    let calls: u64 = session.aws.calls().iter().map(|(_, count)| count).sum();
    let seconds = began.elapsed().as_secs_f64();
    if global.json {
        report::json(&report::plan_json(&draft.plan, &environment.name, calls, seconds))?;
    } else {
        report::out(&match args.format {
            PlanFormat::Text => report::plan(&draft.plan, &environment.name),
            PlanFormat::Github => report::plan_comment(&draft.plan, &environment.name),
        });
        report::note(&format!("{calls} API calls, {seconds:.1} s"));
    }
    draft.plan.check_deletions(&session.kinds)?;
    if let Some(path) = &args.out {
        let plan = draft.plan.clone();
        SavedPlan::new(&session.account, environment, version, plan)?.write(path)?;
        report::note(&format!(
            "saved: provisioner up --env {} --plan {}",
            environment.name,
            path.display()
        ));
    }
    let code = if draft.plan.is_empty() { ExitCode::SUCCESS } else { (Code::Changes as u8).into() };
    Ok(code)
}
