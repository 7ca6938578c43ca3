//! The switch to a revision, and the way back from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::before::Before;
use super::{Order, revision, short};
use crate::failure::Failure;
use crate::local_cloud::LocalHome;
use crate::reconcile::Writing;
use crate::report;
use crate::rollout::{self, Place, Verdict};

/// Where tasks are processes of this machine.
fn native<'a>(writing: &Writing<'a>) -> Option<&'a LocalHome> {
    writing.session.home.as_ref().filter(|home| !home.has_docker())
}

/// Switches, and waits as far as that is wanted. With a verdict comes the answer to the probe, if one
/// was asked for.
pub(super) async fn switch(
    writing: &Writing<'_>,
    order: &Order,
    place: &Place,
    facts: &BTreeMap<String, Value>,
    revision: &str,
) -> Result<(Verdict, Option<explain::Probe>), Failure> {
    let service = &order.service;
    let environment = writing.session.environment();
    rollout::point(writing, place, revision, order.is_uncertain).await?;
    if let Some(home) = native(writing) {
        // Nobody else replaces processes, so this is done also when nobody waits.
        let mut state = writing.state();
        state.facts.clone_from(facts);
        tokio::select! {
            ran = home.run_services(&writing.aws, environment, &state) => {
                if let Err(failure) = ran {
                    return Ok((Verdict::Failed(failure.message), None));
                }
            }
            () = writing.stop.cancelled() => return Ok((Verdict::Abort, None)),
        }
    }
    if !order.wait {
        return Ok((Verdict::Leave, None));
    }
    let verdict = rollout::watch(writing, place, revision, order.limit).await?;
    let (Verdict::Serves, Some(wanted)) = (&verdict, &environment.services[service].probe) else {
        return Ok((verdict, None));
    };
    report::note(&format!("  asking for {}", wanted.path));
    let answer = rollout::probe(writing, service, wanted).await?;
    if answer.passed {
        return Ok((verdict, Some(answer)));
    }
    if writing.stop.is_cancelled() {
        return Ok((rollout::ask().await, None));
    }
    let status = answer.status.map_or("no answer".into(), |status| status.to_string());
    let why = format!("the probe {} got {status}", wanted.path);
    Ok((Verdict::Failed(why), Some(answer)))
}

/// Takes the service back to what ran before. After an interrupt the way back is only requested: a
/// cancelled job has seconds.
pub(super) async fn go_back(
    writing: &Writing<'_>,
    service: &str,
    place: &Place,
    before: &Before,
    failed: &str,
    interrupted: bool,
) -> Result<(), Failure> {
    let old = revision(&before.definition);
    report::note(&format!("rolling back to {}", short(&old)));
    let view = writing.aws.service_view(&place.cluster, &place.name).await?;
    let primary =
        view.as_ref().and_then(|view| view.primary()).map(|one| one.task_definition.clone());
    if primary.as_deref() != Some(old.as_str()) {
        rollout::point(writing, place, &old, false).await?;
    }
    if let Some(home) = native(writing) {
        let state = before.restored(writing, service, None);
        home.run_services(&writing.aws, writing.session.environment(), &state).await?;
    }
    if interrupted {
        // What failed goes with the superseded ones, once nothing runs it any more.
        return before.put_back(writing, service, None).await;
    }
    if !rollout::steady(writing, place, &old).await? {
        report::warning(&format!(
            "{} is not steady yet after {} s",
            short(&old),
            rollout::BACK.as_secs()
        ));
    }
    before.retire(writing, service, failed).await
}
