//! The secrets that the environment names and somebody else owns: they must be there before anything is changed.

use std::collections::BTreeMap;

use aws::Found;
use engine::Resource;
use engine::state::State;
use futures::future::try_join_all;
use kinds::TaskDefinition;
use stack::environment::Existing;
use stack::{ExistingSecret, Names};

use crate::args::INSIDE;
use crate::failure::{Code, Failure};
use crate::session::Session;

/// Looks all of them up, at once, and complains about all that cannot be used.
pub(crate) async fn existing(
    session: &Session,
    state: &State,
) -> Result<BTreeMap<String, ExistingSecret>, Failure> {
    let secrets = session.environment().secrets.iter();
    let secrets = secrets.filter_map(|(name, source)| Some((name, source.existing()?)));
    if std::env::var(INSIDE).is_ok_and(|inside| inside == "rehearsal") {
        return Ok(secrets
            .map(|(name, one)| (name.clone(), stand_in(session, state, name, one)))
            .collect());
    }
    let looks = secrets.map(async |(name, one)| {
        Ok::<_, Failure>((name, one, session.aws.existing_secret(&one.arn).await?))
    });
    let (mut known, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, one, found) in try_join_all(looks).await? {
        match usable(one, found) {
            Ok(found) => drop(known.insert(name.clone(), found)),
            Err(why) => problems.push(format!("{name}: {why}")),
        }
    }
    if problems.is_empty() {
        return Ok(known);
    }
    let name = &session.environment().name;
    let message = format!("{name} names secrets that tasks could not read");
    Err(problems.into_iter().fold(Failure::new(Code::Failed, message), Failure::hint))
}

fn usable(existing: &Existing, found: Option<Found>) -> Result<ExistingSecret, String> {
    let place = &existing.arn;
    let Some(found) = found else {
        return Err(format!("{place} does not exist; make it, or correct its name in the file"));
    };
    if found.is_being_deleted {
        return Err(format!(
            "{place} is being deleted; restore it: aws secretsmanager restore-secret --secret-id {place}"
        ));
    }
    if found.version.is_empty() {
        return Err(format!("{place} has no value yet"));
    }
    if let (Some(key), None) = (&found.kms, &existing.kms) {
        return Err(format!(
            "{place} is encrypted with {key}, and tasks may not use that key; add `kms:` with the key's ARN"
        ));
    }
    Ok(ExistingSecret { arn: found.arn, version: found.version })
}

/// In a rehearsal there are no secrets of other owners: taken as they were when the state was saved.
fn stand_in(session: &Session, state: &State, name: &str, existing: &Existing) -> ExistingSecret {
    let definitions = state.resources.iter();
    let mut definitions = definitions.filter(|(at, _)| at.kind() == TaskDefinition::KIND);
    let version = definitions.find_map(|(_, entry)| stack::versions(&entry.desired).remove(name));
    ExistingSecret {
        arn: existing.arn.clone(),
        version: version.unwrap_or_else(|| Names::new(session.environment()).base()),
    }
}
