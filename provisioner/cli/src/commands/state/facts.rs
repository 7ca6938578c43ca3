//! What the environment's file does not say, read from what was found: the zones of the subnets, the
//! images that the services run.

use engine::kind::Observed;
use engine::rebuild::Findings;
use engine::state::State;
use engine::{Address, Resource};
use kinds::{Repository, Service, Subnet, TaskDefinition};
use serde_json::Value;
use stack::Image;
use stack::environment::Zones;

use crate::failure::Failure;
use crate::run::{ZONES, at, pin};
use crate::session::{ACCOUNT, Session, decided};

/// Puts right what a copy of the state says, or says it for the first time. Returns what the user
/// should know.
pub(super) async fn learn(
    session: &Session,
    findings: &Findings,
    state: &mut State,
) -> Result<Vec<String>, Failure> {
    state.facts.insert(ACCOUNT.into(), session.account.clone().into());
    let environment = session.environment();
    if let Zones::Count(_) = environment.network.zones {
        let zones = zones(session, findings, state).await?;
        state.facts.insert(ZONES.into(), zones.into());
    }
    let mut notes = Vec::new();
    for (name, service) in &environment.services {
        let Some(runs) = runs(findings, name) else { continue };
        let said = service.image.clone().unwrap_or_default();
        let known = decided::decided(state, name);
        if known.as_ref() == Some(&runs) || (known.is_none() && said == runs.to_string()) {
            continue;
        }
        if !said.is_empty() && said != runs.to_string() {
            notes.push(format!(
                "{name} runs {runs}, and its file says {said}: it is left as it runs; to ship the file's: \
                 provisioner deploy --env {} --service {name} --image {said}",
                environment.name
            ));
        }
        decided::decide(state, environment, name, &runs);
        // It stood for what ran before.
        pin::pin(environment, state, name, None);
    }
    Ok(notes)
}

/// The zone of each pair of subnets, by their addresses. Where there are none (any more), the one that
/// the copy has, or the region's next.
async fn zones(
    session: &Session,
    findings: &Findings,
    state: &State,
) -> Result<Vec<String>, Failure> {
    let carved = session.environment().network.carved().unwrap_or_default();
    let in_use = |cidr: &str| {
        let subnets = findings.of(Subnet::KIND).iter();
        subnets.filter(|one| one.spec["cidr"] == cidr).find_map(|one| text(&one.spec["zone"]))
    };
    let seen = carved.iter().map(|parts| {
        in_use(&parts.public.to_string()).or_else(|| in_use(&parts.private.to_string()))
    });
    let mut zones: Vec<Option<String>> = seen.collect();
    let known: Vec<String> = state.fact(ZONES).unwrap_or_default();
    for (index, zone) in known.iter().enumerate().take(zones.len()) {
        if zones[index].is_none() && !zones.iter().flatten().any(|taken| taken == zone) {
            zones[index] = Some(zone.clone());
        }
    }
    if zones.iter().any(Option::is_none) {
        let mut others = session.aws.zones().await?.into_iter().map(|zone| zone.name);
        for index in 0..zones.len() {
            if zones[index].is_none() {
                let free = |zone: &String| !zones.iter().flatten().any(|taken| taken == zone);
                zones[index] = others.find(free);
            }
        }
    }
    Ok(zones.into_iter().flatten().collect())
}

/// The image that a service's current revision names.
fn runs(findings: &Findings, service: &str) -> Option<Image> {
    let running = tagged(findings, &at::<Service>(service))?;
    let revision = &running.spec["settings"]["taskDefinition"];
    let mut revisions = findings.of(TaskDefinition::KIND).iter();
    let definition = revisions.find(|one| revision == one.id.as_str())?;
    let image = text(&definition.spec["containers"][service]["image"])?;
    let repository = tagged(findings, &at::<Repository>(service));
    let uri = repository.and_then(|one| text(&Value::Object(one.outputs.clone())["uri"]));
    Some(of_reference(image, uri.as_deref()))
}

/// What is in the service's own repository is known by its digest or tag.
fn of_reference(image: String, own: Option<&str>) -> Image {
    let Some(rest) = own.and_then(|own| image.strip_prefix(own)) else {
        return Image::Reference(image);
    };
    match (rest.strip_prefix('@'), rest.strip_prefix(':')) {
        (Some(digest), _) => Image::Built(digest.into()),
        (_, Some(tag)) => Image::Tagged(tag.into()),
        (None, None) => Image::Reference(image),
    }
}

fn tagged<'a>(findings: &'a Findings, address: &Address) -> Option<&'a Observed> {
    findings
        .of(address.kind())
        .iter()
        .find(|seen| seen.owner.as_ref().is_some_and(|owner| owner.resource == address.as_str()))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_the_own_repository_are_known_by_digest_or_tag() {
        let repository = "1.dkr.ecr.us-east-1.amazonaws.com/shop/prod/api";
        let own = Some(repository);
        let read = |rest: &str| of_reference(format!("{repository}{rest}"), own);
        assert_eq!(read("@sha256:ab"), Image::Built("sha256:ab".into()));
        assert_eq!(read(":v1"), Image::Tagged("v1".into()));
        // Another repository, whose name only begins the same way.
        assert!(matches!(read("-old:v1"), Image::Reference(_)));
        let other = "ghcr.io/acme/api:1.0";
        assert_eq!(of_reference(other.into(), own), Image::Reference(other.into()));
    }
}
