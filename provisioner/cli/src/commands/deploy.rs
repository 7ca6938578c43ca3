//! `deploy`: ships a new image of one service.

mod older;

use std::process::ExitCode;

use kinds::Repository;
use stack::Image;
use stack::environment::Build;

use crate::args::{Deploy, Global};
use crate::failure::{Code, Failure};
use crate::release::images::{self, Built, Found};
use crate::release::{self, End, Order, What, promote};
use crate::report;
use crate::run::{LockedRun, at, interrupt};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Deploy) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    let stop = interrupt::token();
    let lease = session.lock("deploy", args.lock.wait).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => deploy(args, &run, &service).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    finish(global, &session, &service, ended?)
}

async fn deploy(args: &Deploy, run: &LockedRun<'_>, service: &str) -> Result<End, Failure> {
    release::settle(run).await?;
    if !args.older {
        older::refuse(run, service).await?;
    }
    let Chosen { image, built, is_uncertain } = image(args, run, service).await?;
    let order = Order {
        service: service.into(),
        what: What::Deploy,
        image,
        is_uncertain,
        built,
        back_to: None,
        limit: args.patience.timeout,
        wait: !args.patience.no_wait,
    };
    Box::pin(release::run(run, &order)).await
}

/// What is to be shipped.
struct Chosen {
    image: Image,
    /// To be pushed first.
    built: Option<Built>,
    is_uncertain: bool,
}

impl From<Found> for Chosen {
    fn from(found: Found) -> Self {
        Self { image: found.image, built: None, is_uncertain: found.is_uncertain }
    }
}

impl Chosen {
    fn certain(image: Image, built: Option<Built>) -> Self {
        Self { image, built, is_uncertain: false }
    }
}

/// What was asked for: another environment's image, a reference, a tag, a binary, or what the file's
/// `build:` makes.
async fn image(args: &Deploy, run: &LockedRun<'_>, service: &str) -> Result<Chosen, Failure> {
    let session = run.session;
    let described = &session.environment().services[service];
    let is_image = args.image.is_some()
        || (args.binary.is_none()
            && args.tag.is_none()
            && args.from.is_none()
            && described.build.is_none());
    if is_image && session.home.as_ref().is_some_and(|home| !home.has_docker()) {
        let message = format!("{service} was not changed: only a Docker engine can run an image");
        return Err(Failure::new(Code::Failed, message).hint(
            "deploy a program with `--binary FILE`, or start an engine and the local cloud anew",
        ));
    }
    if let Some(from) = &args.from {
        let (image, built) = promote::find(session, service, from, args.release).await?;
        return Ok(Chosen::certain(image, built));
    }
    if let Some(reference) = &args.image {
        return Ok(images::resolve(session, service, reference).await?.into());
    }
    if let Some(tag) = &args.tag {
        return tagged(run, service, tag).await;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let build = match &args.binary {
        Some(binary) => Some(Build::Binary { binary: here.join(binary) }),
        None => described.build.clone(),
    };
    if let Some(build) = build {
        let (image, built) = images::build(session, service, &build).await?;
        return Ok(Chosen::certain(image, Some(built)));
    }
    let reference = described.image.clone().unwrap_or_default();
    Ok(images::resolve(session, service, &reference).await?.into())
}

/// A tag of the service's repository, pinned to its digest; or another tag of the file's image.
async fn tagged(run: &LockedRun<'_>, service: &str, tag: &str) -> Result<Chosen, Failure> {
    let session = run.session;
    let described = &session.environment().services[service];
    if let Some(image) = &described.image {
        let reference = format!("{}:{tag}", stack::repository_name(image));
        return Ok(images::resolve(session, service, &reference).await?.into());
    }
    if session.home.as_ref().is_some_and(|home| home.has_kept(service, tag)) {
        return Ok(Chosen::certain(Image::Tagged(tag.to_owned()), None));
    }
    let state = run.state();
    let repository = state.resources.get(&at::<Repository>(service));
    let name = repository.and_then(|entry| entry.desired.get("name")?.as_str());
    let name = name.unwrap_or_default();
    match run.aws.image(name, tag).await? {
        Some(found) => Ok(Chosen::certain(Image::Built(found.digest), None)),
        None => Err(Failure::new(Code::Failed, format!("there is no image {name}:{tag}"))
            .hint("push it, or deploy with --image or --binary")),
    }
}

/// Says how it went.
pub(crate) fn finish(
    global: &Global,
    session: &Session,
    service: &str,
    end: End,
) -> Result<ExitCode, Failure> {
    let environment = &session.environment().name;
    if global.json {
        report::json(&release::release_json(&end, service, environment, &session.aws))?;
    }
    let (explanation, failure) = match end {
        End::Nothing => {
            report::note(&format!("{service} runs this already: nothing to do"));
            return Ok(ExitCode::SUCCESS);
        }
        End::Serves(started) => {
            report::note(&format!("release {} of {service} serves", started.number));
            return Ok(ExitCode::SUCCESS);
        }
        End::Left(started) => {
            report::note(&format!(
                "release {} of {service} is on its way: provisioner status --env {environment}",
                started.number
            ));
            return Ok(ExitCode::SUCCESS);
        }
        End::RolledBack { started, explanation, interrupted: true } => (
            explanation,
            Failure::new(
                Code::Interrupted,
                format!(
                    "release {} of {service} was interrupted; going back was asked for",
                    started.number
                ),
            )
            .hint(format!("look: provisioner status --env {environment}")),
        ),
        End::RolledBack { started, explanation, interrupted: false } => (
            explanation,
            Failure::new(
                Code::RolledBack,
                format!(
                    "release {} of {service} failed; what ran before runs again",
                    started.number
                ),
            )
            .hint(format!(
                "its output: provisioner logs --env {environment} --service {service} --previous"
            )),
        ),
        End::NotBack { started, explanation, to, why } => (
            explanation,
            Failure::new(
                Code::NotBack,
                format!(
                    "release {} of {service} failed, and {to}, which ran before, does not serve again yet: {why}",
                    started.number
                ),
            )
            .hint(format!("why: provisioner explain --env {environment} --service {service}"))
            .hint(format!(
                "the service heads for {to}, and {} was kept: once the cause is gone, deploy or roll back again",
                release::short(&started.revision)
            )),
        ),
    };
    if let Some(explanation) = explanation.filter(|_| !global.json) {
        report::out(&format!("{}\n{}", explanation.headline, explanation.text()));
    }
    if !global.json {
        return Err(failure);
    }
    // The data have been printed: one document, not two.
    report::failure(&failure, false);
    Ok(ExitCode::from(failure.code as u8))
}
