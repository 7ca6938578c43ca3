//! `rollback`: goes back to an earlier release, as a whole.

use std::process::ExitCode;

use aws::services::ServiceView;

use crate::args::{Global, Rollback};
use crate::commands::deploy::finish;
use crate::failure::{Code, Failure};
use crate::release::rollout::Place;
use crate::release::{self, End, Order, Release, Releases, What};
use crate::run::{LockedRun, interrupt};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Rollback) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    let stop = interrupt::token();
    let lease = session.lock("rollback", args.lock.wait).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => rollback(args, &run, &service).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    finish(global, &session, &service, ended?)
}

async fn rollback(args: &Rollback, run: &LockedRun<'_>, service: &str) -> Result<End, Failure> {
    let session = run.session;
    // A release that nobody waited for may be the good one, or the broken one.
    release::settle(run).await?;
    let all = Releases::of(session.objects(&run.aws), service).all().await?;
    let runs = match args.number {
        Some(_) => None,
        None => running(run, service).await?,
    };
    let release = chosen(&all, args.number, runs, service, &session.environment().name)?;
    if release.is_broken() {
        let number = release.started.number;
        let why = release.ended.as_ref().and_then(|ended| ended.why.clone());
        let message = format!("release {number} of {service} is none to go back to: it failed");
        let image = &release.started.image;
        return Err(Failure::new(Code::Refused, message)
            .hint(why.unwrap_or_else(|| "see `provisioner releases`".into()))
            .hint(format!("to ship it once more, deploy its image: {image}")));
    }
    let later =
        all.iter().filter(|one| one.started.number > release.started.number && one.is_good());
    let crossed: Vec<String> = later
        .filter_map(|one| {
            Some(format!("{} (release {})", one.started.migration.as_ref()?, one.started.number))
        })
        .collect();
    if !crossed.is_empty() && !args.across_migration {
        let message = format!("a migration was run since: {}", crossed.join(", "));
        return Err(Failure::new(Code::Refused, message).hint(
            "it is not undone; if the older version can live with it, say --across-migration",
        ));
    }
    let order = Order {
        service: service.into(),
        what: What::Rollback(release.started.number),
        image: release.started.image.clone(),
        is_uncertain: false,
        built: None,
        back_to: Some(release.started.clone()),
        limit: args.patience.timeout,
        wait: !args.patience.no_wait,
    };
    Box::pin(release::run(run, &order)).await
}

/// The revision that ECS is heading for.
async fn running(run: &LockedRun<'_>, service: &str) -> Result<Option<String>, Failure> {
    let Some(place) = Place::of(run, service) else { return Ok(None) };
    let view = run.aws.service_view(&place.cluster, &place.name).await?;
    Ok(view.as_ref().and_then(ServiceView::revision).map(str::to_owned))
}

/// The release of that number, or the last good one before the one that runs.
fn chosen<'a>(
    all: &'a [Release],
    number: Option<u32>,
    runs: Option<String>,
    service: &str,
    environment: &str,
) -> Result<&'a Release, Failure> {
    let found = if let Some(number) = number {
        all.iter().find(|one| one.started.number == number)
    } else {
        let good: Vec<&Release> = all.iter().filter(|one| one.is_good()).collect();
        let runs = runs.or_else(|| good.last().map(|one| one.started.revision.clone()));
        good.into_iter().rev().find(|one| Some(&one.started.revision) != runs.as_ref())
    };
    found.ok_or_else(|| {
        let what = number.map_or("an earlier release".into(), |number| format!("release {number}"));
        Failure::new(Code::Failed, format!("{service} has not had {what}"))
            .hint(format!("provisioner releases --env {environment} --service {service}"))
    })
}
