//! Switching a service to another revision and waiting for what becomes of it.

mod follow;

use std::io::IsTerminal;
use std::time::Duration;

use aws::services::ServiceView;
use engine::clock::patient;
use engine::state::State;
use stack::environment::Probe;

use crate::failure::{Code, Failure};
use crate::run::{LockedRun, at, outputs};

pub(crate) use follow::{Limits, Over, over, pause, return_to, watch};

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// How long the balancer may take to pass requests to targets that it calls healthy.
const PROBE: Duration = Duration::from_mins(1);

/// A service as ECS knows it.
pub(crate) struct Place {
    pub(crate) cluster: String,
    pub(crate) name: String,
}

/// What became of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All its tasks run and are healthy targets.
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
    pub(crate) fn of(run: &LockedRun<'_>, service: &str) -> Option<Self> {
        Self::in_state(&run.state(), service)
    }

    /// The same, of a state that is only read.
    pub(crate) fn in_state(state: &State, service: &str) -> Option<Self> {
        let id = state.resources.get(&at::<kinds::Service>(service))?.id.clone()?;
        let (cluster, name) = id.as_str().split_once('/')?;
        Some(Self { cluster: cluster.into(), name: name.into() })
    }
}

/// Points a service at a revision and returns the deployment that does it. Once more is the same, so a
/// refusal that passes is waited out, and a lost answer. With `force` all tasks are replaced, also when the
/// service is at the revision already.
pub(crate) async fn point(
    run: &LockedRun<'_>,
    place: &Place,
    revision: &str,
    force: bool,
) -> Result<String, Failure> {
    let (cluster, name) = (&place.cluster, &place.name);
    let clock = &run.session.clock;
    let call = |force| run.aws.update_service(cluster, name, Some(revision), None, force);
    let mut view = patient(clock, || call(force)).await?;
    // The same revision makes no new deployment, and one that has failed stays as it is.
    if view.primary().is_some_and(|primary| primary.rollout_state == "FAILED") {
        view = patient(clock, || call(true)).await?;
    }
    deployment(&view)
}

/// Replaces a service's tasks by new ones of the same revision, and returns the deployment that does it.
pub(crate) async fn renew(run: &LockedRun<'_>, place: &Place) -> Result<String, Failure> {
    let (cluster, name) = (&place.cluster, &place.name);
    let call = || run.aws.update_service(cluster, name, None, None, true);
    deployment(&patient(&run.session.clock, call).await?)
}

/// The deployment that an answer of UpdateService tells of.
fn deployment(view: &ServiceView) -> Result<String, Failure> {
    let primary = view.primary().map(|primary| primary.id.clone());
    primary.filter(|id| !id.is_empty()).ok_or_else(|| {
        Failure::new(Code::PartWay, "ECS took the change and named no deployment")
            .hint("run the same command again to go on")
    })
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

/// Our own request through the load balancer, until it is answered as the file says or time is up.
pub(crate) async fn probe(
    run: &LockedRun<'_>,
    service: &str,
    probe: &Probe,
) -> Result<explain::Probe, Failure> {
    let state = run.state();
    let host = run.session.environment().host_for(service, &probe.path);
    let mut answer = explain::Probe {
        path: probe.path.clone(),
        host: host.clone(),
        contains: probe.contains.clone(),
        ..explain::Probe::default()
    };
    let Some(balancer) = outputs::load_balancer(run.session, &state) else {
        return Ok(answer);
    };
    let clock = &run.session.clock;
    let began = clock.now();
    loop {
        (answer.status, answer.body) =
            request(&format!("{balancer}{}", probe.path), host.as_deref()).await;
        let contains = probe.contains.as_ref().is_none_or(|text| answer.body.contains(text));
        answer.passed =
            answer.status.is_some_and(|status| (200..400).contains(&status)) && contains;
        let is_over = clock.now().saturating_sub(began) >= PROBE;
        if answer.passed || is_over || run.stop.is_cancelled() {
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
