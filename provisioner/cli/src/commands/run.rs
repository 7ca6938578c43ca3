//! `run`: a command, once, with what a service has. Ends with its exit code.

use std::process::ExitCode;

use crate::args::{Global, Run};
use crate::failure::{Code, Failure};
use crate::migration::Once;
use crate::reconcile::at;
use crate::rollout::Place;
use crate::session::{Session, Start};
use crate::{interrupt, report};

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
    let place = Place::in_state(&state, &service);
    let definition = state.resources.get(&at::<kinds::TaskDefinition>(&service));
    let revision = definition.and_then(|entry| entry.id.as_ref());
    let (Some(place), Some(revision)) = (place, revision) else {
        return Err(Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}")));
    };
    let once = Once {
        session: &session,
        aws: &session.aws,
        place: &place,
        service: &service,
        revision: revision.as_str(),
    };
    Ok(code(once.run(&args.command, &stop, report::out).await?))
}

fn code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
