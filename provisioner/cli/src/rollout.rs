//! Switching a service to another revision and waiting for what becomes of it.

use std::io::IsTerminal;
use std::time::Duration;

use engine::clock::patient;
use engine::state::State;
use engine::{Adapter, Id, Ready, Seen, Which};
use serde_json::Value;
use stack::environment::Probe;

use crate::failure::Failure;
use crate::reconcile::{Writing, at};
use crate::{outputs, report};

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// How long the balancer may take to pass requests to targets that it calls healthy.
const PROBE: Duration = Duration::from_mins(1);
/// How long the old revision may take to be steady again.
pub(crate) const BACK: Duration = Duration::from_mins(10);

/// A service as ECS knows it.
pub(crate) struct Place {
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) id: Id,
}

/// What became of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It runs, alone, and answers.
    Serves,
    /// In words.
    Failed(String),
    /// The user wants it back.
    Abort,
    /// The user lets it run on and does not wait.
    Leave,
}

impl Place {
    /// Where a service is, if it was made.
    pub(crate) fn of(writing: &Writing<'_>, service: &str) -> Option<Self> {
        Self::in_state(&writing.state(), service)
    }

    /// The same, of a state that is only read.
    pub(crate) fn in_state(state: &State, service: &str) -> Option<Self> {
        let id = state.resources.get(&at::<kinds::Service>(service))?.id.clone()?;
        let (cluster, name) = id.as_str().split_once('/')?;
        Some(Self { cluster: cluster.into(), name: name.into(), id: id.clone() })
    }

    async fn look(&self, aws: &aws::Aws) -> Result<Option<Seen<kinds::Service>>, Failure> {
        let ids = [self.id.clone()];
        let seen: Vec<Seen<kinds::Service>> =
            aws.observe(Which::<kinds::Service>::Ids(&ids)).await?;
        Ok(seen.into_iter().next())
    }
}

/// Points a service at a revision: once more is the same, so a refusal that passes is waited out, and a lost answer.
/// With `force` all tasks are replaced, also when the service is at the revision already.
pub(crate) async fn point(
    writing: &Writing<'_>,
    place: &Place,
    revision: &str,
    force: bool,
) -> Result<(), Failure> {
    let (cluster, name) = (&place.cluster, &place.name);
    let call = || writing.aws.update_service(cluster, name, Some(revision), None, force);
    patient(&writing.session.clock, call).await?;
    Ok(())
}

/// Waits until `revision` serves, or is given up. Says what happens meanwhile.
pub(crate) async fn watch(
    writing: &Writing<'_>,
    place: &Place,
    revision: &str,
    limit: Duration,
) -> Result<Verdict, Failure> {
    let clock = &writing.session.clock;
    let began = clock.now();
    let mut said = String::new();
    loop {
        let Some(seen) = place.look(&writing.aws).await? else {
            return Ok(Verdict::Failed("the service is gone".into()));
        };
        let primary = seen.spec.settings.get("taskDefinition").and_then(Value::as_str);
        let progress = match seen.ready {
            Ready::Yes if primary == Some(revision) => return Ok(Verdict::Serves),
            Ready::Yes => {
                let other = primary.unwrap_or("another revision");
                return Ok(Verdict::Failed(format!("rolled back to {other}")));
            }
            Ready::Never(why) => return Ok(Verdict::Failed(why)),
            Ready::Wait(progress) | Ready::Leaving(progress) => progress,
        };
        let elapsed = clock.now().saturating_sub(began);
        if progress != said {
            report::note(&format!("  {:>4} s  {progress}", elapsed.as_secs()));
            said.clone_from(&progress);
        }
        if elapsed >= limit {
            let limit = limit.as_secs();
            return Ok(Verdict::Failed(format!("not steady after {limit} s: {progress}")));
        }
        tokio::select! {
            () = clock.sleep(LOOK) => {}
            () = writing.stop.cancelled() => return Ok(ask().await),
        }
    }
}

/// After an interrupt: back, or let it run. Without a terminal nobody can say, and back is safe.
pub(crate) async fn ask() -> Verdict {
    if !std::io::stdin().is_terminal() {
        return Verdict::Abort;
    }
    let asked = tokio::task::spawn_blocking(|| {
        dialoguer::Confirm::new()
            .with_prompt("roll back to what ran before? (no: it goes on without you)")
            .default(true)
            .interact()
    });
    match asked.await {
        Ok(Ok(false)) => Verdict::Leave,
        _ => Verdict::Abort,
    }
}

/// Waits until the revision before is steady again. An answer of the old kind is no failure here: ECS
/// may have gone back by itself.
pub(crate) async fn steady(
    writing: &Writing<'_>,
    place: &Place,
    revision: &str,
) -> Result<bool, Failure> {
    let clock = &writing.session.clock;
    let began = clock.now();
    while clock.now().saturating_sub(began) < BACK {
        let Some(view) = writing.aws.service_view(&place.cluster, &place.name).await? else {
            return Ok(false);
        };
        let primary = view.primary();
        let is_back = primary.is_some_and(|primary| primary.task_definition == revision);
        let running = primary.map_or(0, |primary| primary.running_count);
        let others: u32 = view.deployments.iter().map(|one| one.running_count).sum();
        if is_back && running >= view.desired_count && others == running {
            return Ok(true);
        }
        // Natively, and on emulators that start nothing, there is nothing to wait for.
        if is_back
            && matches!(place.look(&writing.aws).await?, Some(seen) if seen.ready == Ready::Yes)
        {
            return Ok(true);
        }
        if !is_back {
            point(writing, place, revision, false).await?;
        }
        clock.sleep(LOOK).await;
    }
    Ok(false)
}

/// Our own request through the load balancer, until it is answered as the file says or time is up.
pub(crate) async fn probe(
    writing: &Writing<'_>,
    service: &str,
    probe: &Probe,
) -> Result<explain::Probe, Failure> {
    let state = writing.state();
    let host = writing.session.environment().host_for(service, &probe.path);
    let mut answer = explain::Probe {
        path: probe.path.clone(),
        host: host.clone(),
        contains: probe.contains.clone(),
        ..explain::Probe::default()
    };
    let Some(balancer) = outputs::load_balancer(writing.session, &state) else {
        return Ok(answer);
    };
    let clock = &writing.session.clock;
    let began = clock.now();
    loop {
        (answer.status, answer.body) =
            request(&format!("{balancer}{}", probe.path), host.as_deref()).await;
        let contains = probe.contains.as_ref().is_none_or(|text| answer.body.contains(text));
        answer.passed =
            answer.status.is_some_and(|status| (200..400).contains(&status)) && contains;
        let is_over = clock.now().saturating_sub(began) >= PROBE;
        if answer.passed || is_over || writing.stop.is_cancelled() {
            return Ok(answer);
        }
        clock.sleep(LOOK).await;
    }
}

/// Status and the beginning of the body; no status when nobody answered.
async fn request(url: &str, host: Option<&str>) -> (Option<u16>, String) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10));
    // A proxy does not reach the local cloud.
    let is_here =
        ["http://127.0.0.1:", "http://localhost:"].iter().any(|here| url.starts_with(here));
    let client = if is_here { client.no_proxy() } else { client };
    let Ok(client) = client.build() else { return (None, String::new()) };
    let mut request = client.get(url);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let body = answer.text().await.unwrap_or_default();
            (Some(status), body.chars().take(4096).collect())
        }
        Err(error) => (None, error.to_string()),
    }
}
