//! `explain`: why a service's deployment fails.

use std::process::ExitCode;

use crate::args::{Global, OfService};
use crate::failure::{Code, Failure};
use crate::release::diagnosis::Look;
use crate::release::rollout::Place;
use crate::release::{How, Releases};
use crate::report;
use crate::run::at;
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &OfService) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.service.as_deref())?;
    let (state, _) = session.state().await?;
    let Some(place) = Place::in_state(&state, &service) else {
        let name = &session.environment().name;
        return Err(Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}")));
    };
    // A release that failed is what is asked about, also after the way back; else, what runs.
    let last = Releases::of(session.objects(&session.aws), &service).last().await?;
    let failed = last.filter(|last| {
        last.ended
            .as_ref()
            .is_none_or(|ended| matches!(ended.how, How::RolledBack | How::Failed | How::Abandoned))
    });
    let present = state.resources.get(&at::<kinds::TaskDefinition>(&service));
    let present = present.and_then(|entry| entry.id.as_ref()).map(ToString::to_string);
    let revision = failed.as_ref().map(|last| last.started.revision.clone()).or(present);
    let since = failed.as_ref().map(|last| last.started.at);
    let asked = failed.as_ref().map(|last| last.started.image.to_string());
    let why = failed.and_then(|last| last.ended?.why).unwrap_or_default();
    let look =
        Look { session: &session, aws: &session.aws, service: &service, place: &place, why: &why };
    let picture = look.picture(&revision.unwrap_or_default(), since, asked).await?;
    let explanation = explain::explain(&picture);
    if global.json {
        report::json(&explanation)?;
    } else {
        report::out(&explanation.headline);
        if !why.is_empty() {
            report::out(&format!("ended: {why}"));
        }
        report::out(&explanation.text());
    }
    Ok(ExitCode::SUCCESS)
}
