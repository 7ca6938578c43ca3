//! After a destroy: looks for what still carries our tags or our names, or stands in our VPC.

use engine::kind::{Look, Observed};
use engine::plan::Action;
use engine::plan::Plan;
use engine::{Class, Owner, Ready, Resource};
use futures::future::try_join_all;
use kinds::Vpc;

use crate::failure::Failure;
use crate::session::Session;

/// Everything of this environment that is not on its way out, in words.
pub(crate) async fn left(session: &Session) -> Result<Vec<String>, Failure> {
    let environment = session.environment();
    let owner = Owner::of(&environment.project, &environment.name);
    let looks = session.kinds.iter().map(async |kind| {
        match kind.observe(&session.aws, Look::Ours(&owner)).await {
            Ok(found) => Ok(found
                .into_iter()
                .filter(stays)
                .map(|seen| named(kind.traits().kind, &seen))
                .collect()),
            Err(error) if error.is(Class::NotEmulated) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    });
    let found: Vec<Vec<String>> = try_join_all(looks).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Who else is in the VPC that a plan deletes: it could not go while they are there.
pub(crate) async fn strangers(session: &Session, plan: &Plan) -> Result<Vec<String>, Failure> {
    let vpcs = plan
        .changes()
        .filter(|step| step.address.kind() == Vpc::KIND && step.action == Action::Delete);
    let environment = session.environment();
    let owner = Owner::of(&environment.project, &environment.name);
    let mut found = Vec::new();
    for id in vpcs.filter_map(|step| step.seen.as_ref()).map(|seen| &seen.id) {
        let dependents = session.aws.vpc_dependents(id.as_str(), Some(&owner)).await?;
        found.extend(dependents.iter().filter(|one| !one.ours).map(ToString::to_string));
    }
    Ok(found)
}

fn stays(seen: &Observed) -> bool {
    !matches!(seen.ready, Ready::Leaving(_))
}

fn named(kind: &str, seen: &Observed) -> String {
    let resource = seen.owner.as_ref().map(|owner| owner.resource.as_str()).unwrap_or_default();
    format!("{kind} {} {resource}", seen.id).trim_end().to_owned()
}
