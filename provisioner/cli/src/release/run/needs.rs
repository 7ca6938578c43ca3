//! What an earlier release needs to start once more. What is missing is found here in seconds, and not by
//! tasks that fail for minutes.

use std::collections::BTreeSet;

use engine::{Adapter, Class, Id, Seen, Which};
use kinds::{Repository, Role};
use serde_json::Value;
use stack::Image;

use crate::failure::{Code, Failure};
use crate::release::rollout::Place;
use crate::release::{Started, images};
use crate::report;
use crate::run::{LockedRun, at};

/// Refuses when something is gone that the release needs: its image, a secret that the service has no other
/// one for today, a role, or the target group of its service.
pub(super) async fn check(
    run: &LockedRun<'_>,
    place: &Place,
    back_to: &Started,
) -> Result<(), Failure> {
    let mut missing = Vec::new();
    if !has_image(run, back_to).await? {
        missing.push(format!("its image {} is gone from the repository", back_to.image));
    }
    let definition = &back_to.definition;
    // What the service has a secret for today gets that one.
    let renewed = &run.session.environment().services[&back_to.service].secrets;
    for from in secrets(definition, |variable| !renewed.contains_key(variable)) {
        let secret = arn(&from);
        let found = run.aws.has_secret(&secret).await;
        if !known(found, &secret)?.unwrap_or(true) {
            missing.push(format!("the secret {secret} is gone"));
        }
    }
    for role in roles(definition) {
        let name = role.rsplit('/').next().unwrap_or_default();
        let ids = [Id::from(name)];
        let found: engine::Result<Vec<Seen<Role>>> =
            run.aws.observe(Which::<Role>::Ids(&ids)).await;
        if known(found, &role)?.is_some_and(|found| found.is_empty()) {
            missing.push(format!("the role {role} is gone"));
        }
    }
    let view = run.aws.service_view(&place.cluster, &place.name).await?;
    for group in view.iter().flat_map(|view| &view.load_balancers) {
        let arn = &group.target_group_arn;
        if !arn.is_empty() && is_gone(run.aws.target_health(arn).await.map(drop))? {
            missing.push(format!("the target group {arn} is gone"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (number, service) = (back_to.number, &back_to.service);
    let message = format!("release {number} of {service} cannot start any more");
    let failure = missing.into_iter().fold(Failure::new(Code::Refused, message), Failure::hint);
    Err(failure.hint("nothing was switched; go back to another release, or deploy"))
}

/// Whether the image is still where tasks get it from. One that somebody else's registry has is only
/// looked for as far as it tells.
async fn has_image(run: &LockedRun<'_>, back_to: &Started) -> Result<bool, Failure> {
    match &back_to.image {
        Image::Built(digest) => {
            let state = run.state();
            let repository = state.resources.get(&at::<Repository>(&back_to.service));
            let name = repository.and_then(|entry| entry.desired.get("name")?.as_str());
            let Some(name) = name else { return Ok(true) };
            let found = known(run.aws.image(name, digest).await, name)?;
            Ok(found.is_none_or(|found| found.is_some()))
        }
        image => {
            if let Some(reference) = image.reference() {
                images::resolve(run.session, &back_to.service, &reference).await?;
            }
            Ok(true)
        }
    }
}

/// What was found; nothing when it cannot be looked at with this role, or here.
fn known<T>(found: engine::Result<T>, what: &str) -> Result<Option<T>, Failure> {
    match found {
        Err(error) if error.is(Class::Denied) || error.is(Class::NotEmulated) => {
            report::note(&format!("{what} was not checked: {error}"));
            Ok(None)
        }
        other => Ok(Some(other?)),
    }
}

fn is_gone(found: engine::Result<()>) -> Result<bool, Failure> {
    match found {
        Err(error) if error.is(Class::Absent) => Ok(true),
        other => Ok(other.map(|()| false)?),
    }
}

/// Where the secrets of some of a task definition's variables come from, each once.
fn secrets(definition: &Value, of: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let containers = definition["containers"].as_object().into_iter().flatten();
    let secrets = containers.flat_map(|(_, one)| one["secrets"].as_array().into_iter().flatten());
    let ours = secrets.filter(|secret| secret["name"].as_str().is_some_and(&of));
    let from = ours.filter_map(|secret| secret["valueFrom"].as_str());
    // The others are parameters of Systems Manager.
    from.filter(|from| from.split(':').nth(2) == Some("secretsmanager"))
        .map(str::to_owned)
        .collect()
}

/// The secret's ARN, of `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:KEY:STAGE:VERSION`, where what
/// follows the name may be left out (ECS developer guide, secrets).
fn arn(from: &str) -> String {
    from.split(':').take(7).collect::<Vec<_>>().join(":")
}

fn roles(definition: &Value) -> Vec<String> {
    let settings = &definition["settings"];
    let roles = ["executionRoleArn", "taskRoleArn"].into_iter();
    roles.filter_map(|role| settings[role].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_definition_names_is_found() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:shop/token-AbCdEf";
        let definition = json!({
            "settings": {"executionRoleArn": "arn:aws:iam::1:role/e"},
            "containers": {"api": {"secrets": [{"name": "A", "valueFrom": format!("{arn}:::v1")},
                {"name": "B", "valueFrom": format!("{arn}:::v1")}]}, "side": {}}});
        let found = secrets(&definition, |_| true);
        assert_eq!(found.len(), 1);
        assert_eq!(self::arn(found.first().unwrap()), arn);
        assert_eq!(self::arn(arn), arn);
        assert!(secrets(&definition, |variable| variable == "C").is_empty());
        assert_eq!(roles(&definition), ["arn:aws:iam::1:role/e"]);
    }
}
