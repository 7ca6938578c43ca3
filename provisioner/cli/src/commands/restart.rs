//! `restart`: new tasks of the same revision.

use std::process::ExitCode;

use crate::args::{Global, Restart};
use crate::failure::{Code, Failure};
use crate::reconcile::{Writing, at};
use crate::rollout::{self, Place, Verdict};
use crate::session::{Session, Start};
use crate::{interrupt, report};

pub(crate) async fn run(global: &Global, args: &Restart) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    let stop = interrupt::token();
    let lease = session.lock("restart", args.lock.wait).await?;
    let ended = match Writing::begin(&session, &lease, &stop).await {
        Ok(writing) => restart(&writing, &service, args).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    match ended? {
        Verdict::Serves => report::note(&format!("{service} runs anew")),
        Verdict::Leave | Verdict::Abort => report::note(&format!("{service} is on its way")),
        Verdict::Failed(why) => {
            let name = &session.environment().name;
            return Err(Failure::new(Code::PartWay, format!("{service} is not steady: {why}"))
                .hint(format!("provisioner explain --env {name} --service {service}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn restart(writing: &Writing<'_>, service: &str, args: &Restart) -> Result<Verdict, Failure> {
    let name = &writing.session.environment().name;
    let state = writing.state();
    let definition = state.resources.get(&at::<kinds::TaskDefinition>(service));
    let revision = definition.and_then(|entry| entry.id.as_ref()).map(ToString::to_string);
    let (Some(place), Some(revision)) = (Place::of(writing, service), revision) else {
        return Err(Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}")));
    };
    let now = writing.aws.update_service(&place.cluster, &place.name, None, None, true).await?;
    let revision = Some(now.task_definition).filter(|arn| !arn.is_empty()).unwrap_or(revision);
    if let Some(home) = writing.session.home.as_ref().filter(|home| !home.has_docker()) {
        home.restart(&writing.aws, writing.session.environment(), &state, service).await?;
    }
    if args.patience.no_wait {
        return Ok(Verdict::Leave);
    }
    rollout::watch(writing, &place, &revision, args.patience.timeout).await
}
