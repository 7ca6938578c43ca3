//! The switch to a revision, and the way back from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::before::Before;
use super::{Order, revision, short};
use crate::failure::Failure;
use crate::release::rollout::{self, Limits, Over, Place, Verdict};
use crate::report;
use crate::run::LockedRun;
use crate::session::local_cloud::LocalHome;

/// Where tasks are processes of this machine.
fn native<'a>(run: &LockedRun<'a>) -> Option<&'a LocalHome> {
    run.session.home.as_ref().filter(|home| !home.has_docker())
}

/// What came of a switch.
pub(super) struct Switched {
    pub(super) verdict: Verdict,
    /// The answer to the probe, if one was asked for.
    pub(super) probe: Option<explain::Probe>,
    /// The deployment that ECS made of it.
    pub(super) deployment: String,
}

/// Switches, and waits as far as that is wanted.
pub(super) async fn switch(
    run: &LockedRun<'_>,
    order: &Order,
    place: &Place,
    facts: &BTreeMap<String, Value>,
    revision: &str,
) -> Result<Switched, Failure> {
    let service = &order.service;
    let environment = run.session.environment();
    let deployment = rollout::point(run, place, revision, order.is_uncertain).await?;
    let ended = |verdict, probe| Switched { verdict, probe, deployment: deployment.clone() };
    if let Some(home) = native(run) {
        // Nobody else replaces processes, so this is done also when nobody waits.
        let mut state = run.state();
        state.facts.clone_from(facts);
        tokio::select! {
            ran = home.run_services(&run.aws, environment, &state) => {
                if let Err(failure) = ran {
                    return Ok(ended(Verdict::Failed(failure.message), None));
                }
            }
            () = run.stop.cancelled() => return Ok(ended(Verdict::Abort, None)),
        }
    }
    if !order.wait {
        return Ok(ended(Verdict::Leave, None));
    }
    let described = &environment.services[service];
    let limit = Limits::new(described, order.limit).serves;
    let verdict = rollout::watch(run, place, &deployment, limit).await?;
    let (Verdict::Serves, Some(wanted)) = (&verdict, &described.probe) else {
        return Ok(ended(verdict, None));
    };
    report::note(&format!("  asking for {}", wanted.path));
    let answer = rollout::probe(run, service, wanted).await?;
    if answer.passed {
        return Ok(ended(verdict, Some(answer)));
    }
    if run.stop.is_cancelled() {
        return Ok(ended(rollout::ask().await, None));
    }
    Ok(ended(Verdict::Failed(missed(wanted, &answer)), Some(answer)))
}

/// Says what a probe that did not pass has got.
pub(super) fn missed(wanted: &stack::environment::Probe, answer: &explain::Probe) -> String {
    let status = answer.status.map_or("no answer".into(), |status| status.to_string());
    format!("the probe {} got {status}", wanted.path)
}

/// Whether what ran before a release runs again.
pub(super) enum Back {
    Serves,
    /// Nobody waits for it: a cancelled job has seconds.
    Asked,
    /// In words.
    Failed(String),
}

/// Takes the service back to what ran before. After an interrupt the way back is only requested.
pub(super) async fn go_back(
    run: &LockedRun<'_>,
    service: &str,
    place: &Place,
    before: &Before,
    failed: &str,
    interrupted: bool,
) -> Result<Back, Failure> {
    let old = revision(&before.definition);
    report::note(&format!("rolling back to {}", short(&old)));
    let environment = run.session.environment();
    if interrupted || native(run).is_some() {
        rollout::point(run, place, &old, false).await?;
    }
    if let Some(home) = native(run) {
        let state = before.restored(run.state(), service, None);
        home.run_services(&run.aws, environment, &state).await?;
    }
    if interrupted {
        // What failed goes with the superseded ones, once nothing runs it any more.
        before.put_back(run, service, None).await?;
        return Ok(Back::Asked);
    }
    let limits = Limits::new(&environment.services[service], None);
    match rollout::return_to(run, place, &old, limits.serves).await? {
        Ok(deployment) => {
            let over = rollout::over(run, place, &deployment, limits.over).await?;
            if let Over::NotYet(progress) | Over::Failed(progress) = over {
                report::warning(&format!("{} runs again, and {progress}", short(&old)));
            }
            before.retire(run, service, failed).await?;
            Ok(Back::Serves)
        }
        // Whoever looks for the cause, or goes on from here, needs the revision that failed.
        Err(why) => {
            before.put_back(run, service, None).await?;
            Ok(Back::Failed(why))
        }
    }
}
