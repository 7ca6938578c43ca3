//! `restart`: new tasks of the same revision.

use std::process::ExitCode;

use crate::args::{Global, Restart};
use crate::failure::{Code, Failure};
use crate::release;
use crate::release::rollout::{self, Limits, Over, Place, Verdict};
use crate::report;
use crate::run::{LockedRun, interrupt};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Restart) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    let stop = interrupt::token();
    let lease = session.lock("restart", args.lock.wait).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => restart(&run, &service, args).await,
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

async fn restart(run: &LockedRun<'_>, service: &str, args: &Restart) -> Result<Verdict, Failure> {
    let environment = run.session.environment();
    let name = &environment.name;
    let Some(place) = Place::of(run, service) else {
        return Err(Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}")));
    };
    release::settle(run).await?;
    let deployment = rollout::renew(run, &place).await?;
    if let Some(home) = run.session.home.as_ref().filter(|home| !home.has_docker()) {
        home.restart(&run.aws, environment, &run.state(), service).await?;
    }
    if args.patience.no_wait {
        return Ok(Verdict::Leave);
    }
    let limits = Limits::new(&environment.services[service], args.patience.timeout);
    let verdict = rollout::watch(run, &place, &deployment, limits.serves).await?;
    if verdict != Verdict::Serves {
        return Ok(verdict);
    }
    Ok(match rollout::over(run, &place, &deployment, limits.over).await? {
        Over::Yes => Verdict::Serves,
        Over::NotYet(progress) => {
            report::warning(&format!("the old tasks of {service} are still there: {progress}"));
            Verdict::Serves
        }
        Over::Failed(why) => Verdict::Failed(why),
    })
}
