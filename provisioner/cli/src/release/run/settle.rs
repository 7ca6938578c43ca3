//! What became of a release whose end nobody has seen: it was not waited for, or its process died. ECS knows.

use aws::Aws;
use aws::services::ServiceView;
use engine::state::State;

use super::before::Before;
use super::{noted, short};
use crate::failure::Failure;
use crate::release::{How, Release, Releases};
use crate::report;
use crate::run::{LockedRun, at, pin};
use crate::session::Session;

/// The state's name for the number of a service's release whose end nobody has seen.
pub(super) fn unsettled(service: &str) -> String {
    format!("unsettled.{service}")
}

/// What is known of such a release.
pub(crate) struct Settled {
    service: String,
    release: Release,
    fate: Fate,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It runs, and ECS calls it completed.
    Serves,
    UnderWay,
    /// Another revision runs; in ECS's words.
    Back {
        to: String,
        why: String,
    },
    /// ECS gave it up and had nothing to go back to.
    Stuck(String),
}

/// Asks ECS about every release whose end nobody has seen, and corrects `state` by what runs: a release that
/// ECS went back from is in no plan any more. Changes nothing but `state`.
pub(crate) async fn settled(
    session: &Session,
    aws: &Aws,
    state: &mut State,
) -> Result<Vec<Settled>, Failure> {
    let mut all = Vec::new();
    for service in session.environment().services.keys() {
        if state.fact::<u32>(&unsettled(service)).is_some() {
            all.extend(one(session, aws, state, service).await?);
        }
    }
    Ok(all)
}

/// The same, and writes down what it found.
pub(crate) async fn settle(run: &LockedRun<'_>) -> Result<(), Failure> {
    let mut state = run.state();
    let all = settled(run.session, &run.aws, &mut state).await?;
    for one in &all {
        one.say();
        let releases = Releases::of(run.session.objects(&run.aws), &one.service);
        let number = one.release.started.number;
        // One whose process died has no end that could be wrong; its probe was never asked either.
        if one.release.ended.is_none() {
            releases.end(number, How::Abandoned, Some("its process ended".into())).await?;
        }
        let was_left = one.release.how() == Some(How::NotWaitedFor);
        match &one.fate {
            _ if !was_left => {}
            Fate::Serves => releases.correct(number, How::Succeeded, None).await?,
            Fate::Back { why, .. } => {
                releases.correct(number, How::RolledBack, Some(why.clone())).await?;
            }
            Fate::Stuck(why) => releases.correct(number, How::Failed, Some(why.clone())).await?,
            Fate::UnderWay => {}
        }
    }
    if all.iter().any(|one| one.fate != Fate::UnderWay) {
        run.journal.change(|current| {
            current.resources = state.resources;
            current.facts = state.facts;
        });
        run.journal.commit().await?;
    }
    Ok(())
}

impl Settled {
    /// Tells the user what became of it.
    pub(crate) fn say(&self) {
        let (service, number) = (&self.service, self.release.started.number);
        match &self.fate {
            Fate::Serves => report::note(&format!("release {number} of {service} serves")),
            Fate::UnderWay => {
                report::note(&format!("release {number} of {service} is still on its way"));
            }
            Fate::Back { to, why } => report::warning(&format!(
                "release {number} of {service} has failed: {} runs ({why})",
                short(to)
            )),
            Fate::Stuck(why) => {
                report::warning(&format!("release {number} of {service} has failed: {why}"));
            }
        }
    }
}

async fn one(
    session: &Session,
    aws: &Aws,
    state: &mut State,
    service: &str,
) -> Result<Option<Settled>, Failure> {
    let number: Option<u32> = state.fact(&unsettled(service));
    let releases = Releases::of(session.objects(aws), service).all().await?;
    let release = releases.iter().find(|one| Some(one.started.number) == number).cloned();
    let (Some(release), Some((place, mut before))) = (release, Before::in_state(state, service))
    else {
        state.facts.remove(&unsettled(service));
        return Ok(None);
    };
    let Some(view) = aws.service_view(&place.cluster, &place.name).await? else {
        return Ok(None);
    };
    let fate = fate(&view, &release.started.revision);
    if fate != Fate::UnderWay {
        state.facts.remove(&unsettled(service));
        before.facts.remove(&unsettled(service));
    }
    if let Fate::Back { to, .. } = &fate {
        before.was(session.environment(), to, &releases);
        before.facts.insert(noted(service), to.as_str().into());
        if let Some(settings) = before.service.desired.get_mut("settings") {
            settings["taskDefinition"] = to.as_str().into();
        }
        *state = before.restored(state.clone(), service, None);
        // What failed may be what the file says: it is not shipped again until the file changes.
        if release.how() == Some(How::NotWaitedFor) {
            let definition = state.resources.get(&at::<kinds::TaskDefinition>(service));
            let definition = definition.map(|entry| entry.desired.clone());
            pin::pin(session.environment(), state, service, definition);
        }
    }
    Ok(Some(Settled { service: service.to_owned(), release, fate }))
}

fn fate(view: &ServiceView, revision: &str) -> Fate {
    let primary = view.primary();
    let reason = primary.map(|one| one.rollout_state_reason.clone()).unwrap_or_default();
    match view.revision() {
        Some(now) if now != revision => {
            let failed = view.deployments.iter().find(|one| one.task_definition == revision);
            let why = failed.map(|one| one.rollout_state_reason.clone()).unwrap_or(reason);
            Fate::Back { to: now.to_owned(), why }
        }
        _ if primary.is_some_and(|one| one.rollout_state == "FAILED") => Fate::Stuck(reason),
        _ if primary.is_some_and(|one| one.rollout_state == "IN_PROGRESS") => Fate::UnderWay,
        _ => Fate::Serves,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ecs_tells_what_became_of_a_release() {
        let view = |now: &str, state: &str, others: serde_json::Value| {
            let mut deployments = vec![json!({"id": "ecs-svc/2", "status": "PRIMARY",
                "taskDefinition": now, "rolloutState": state, "rolloutStateReason": "so"})];
            deployments.extend(others.as_array().unwrap().iter().cloned());
            ServiceView::read(&json!({"taskDefinition": now, "deployments": deployments})).unwrap()
        };
        assert_eq!(fate(&view("api:2", "COMPLETED", json!([])), "api:2"), Fate::Serves);
        assert_eq!(fate(&view("api:2", "IN_PROGRESS", json!([])), "api:2"), Fate::UnderWay);
        assert_eq!(fate(&view("api:2", "FAILED", json!([])), "api:2"), Fate::Stuck("so".into()));
        let failed = json!([{"id": "ecs-svc/1", "status": "INACTIVE", "taskDefinition": "api:2",
            "rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}]);
        let back = Fate::Back { to: "api:1".into(), why: "tasks failed to start".into() };
        assert_eq!(fate(&view("api:1", "COMPLETED", failed), "api:2"), back);
    }
}
