//! `run`: a command, once, with what a service has. Ends with its exit code.

use std::process::ExitCode;

use crate::args::{Global, Run};
use crate::failure::{Code, Failure};
use crate::release::once::{Once, Settings};
use crate::release::rollout::Place;
use crate::report;
use crate::run::interrupt;
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Run) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    let (state, _) = session.state().await?;
    let stop = interrupt::token();
    if let Some(home) = session.home.as_ref().filter(|home| !home.has_docker()) {
        let environment = session.environment();
        let ran =
            home.run_once(&session.aws, environment, &state, &service, &args.command, report::out);
        return tokio::select! {
            exit = ran => Ok(code(exit?.code())),
            // Dropping it ends the process.
            () = stop.cancelled() => Err(Failure::new(Code::Interrupted, "interrupted; it was stopped")),
        };
    }
    let name = &session.environment().name;
    let absent = || {
        Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}"))
    };
    let place = Place::in_state(&state, &service).ok_or_else(absent)?;
    let view = session.aws.service_view(&place.cluster, &place.name).await?.ok_or_else(absent)?;
    // While a deployment is under way the state may name the new revision already, and the old one runs.
    let running = view.completed().map(|one| one.task_definition.clone());
    let revision = running.or_else(|| view.revision().map(str::to_owned)).ok_or_else(absent)?;
    let settings = Settings::from_view(&place.cluster, view);
    let once = Once {
        session: &session,
        aws: &session.aws,
        settings: &settings,
        service: &service,
        revision: &revision,
    };
    Ok(code(once.run(&args.command, None, &stop, report::out).await?.unwrap_or_default()))
}

fn code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
