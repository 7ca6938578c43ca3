//! `scale`: how many tasks run.

use std::process::ExitCode;

use crate::args::{Global, Scale};
use crate::failure::{Code, Failure};
use crate::reconcile::Writing;
use crate::rollout::Place;
use crate::session::{Session, Start};
use crate::{interrupt, report};

pub(crate) async fn run(global: &Global, args: &Scale) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    let stop = interrupt::token();
    let lease = session.lock("scale", args.lock.wait).await?;
    let ended = match Writing::begin(&session, &lease, &stop).await {
        Ok(writing) => scale(&writing, &service, args.count).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    let from = ended?;
    if global.json {
        report::json(&serde_json::json!({
            "format": report::FORMAT, "service": service, "from": from, "to": args.count,
        }))?;
    }
    report::note(&format!("{service}: {from} -> {} tasks", args.count));
    Ok(ExitCode::SUCCESS)
}

/// Sets the number, and returns the one before.
async fn scale(writing: &Writing<'_>, service: &str, count: u32) -> Result<u32, Failure> {
    let environment = writing.session.environment();
    let name = &environment.name;
    let replicas = &environment.services[service].replicas;
    if !replicas.scales() {
        return Err(Failure::new(Code::Refused, format!("the file of {name} says {} for {service}", replicas.min))
            .hint(format!("change `replicas:` and run `provisioner up --env {name}`: a number set here would be drift")));
    }
    let (low, high) = (u32::from(replicas.min), u32::from(replicas.max));
    if !(low..=high).contains(&count) {
        return Err(Failure::new(
            Code::Refused,
            format!("{service} scales between {low} and {high}"),
        )
        .hint("Application Auto Scaling would go back into these bounds; widen them in the file"));
    }
    let place = Place::of(writing, service).ok_or_else(|| {
        Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}"))
    })?;
    let view = writing.aws.service_view(&place.cluster, &place.name).await?;
    let (cluster, name) = (&place.cluster, &place.name);
    let call = || writing.aws.update_service(cluster, name, None, Some(count), false);
    engine::clock::patient(&writing.session.clock, call).await?;
    Ok(view.map_or(0, |view| view.desired_count))
}
