//! One-off tasks: a migration before a switch, or a command of the user's. Output as it comes, then the
//! exit code. Whatever ends the wait, the task does not go on unseen: it is stopped first.

use std::time::Duration;

use aws::Aws;
use aws::run_task::{Override, RunTask};
use aws::services::ServiceView;
use aws::tasks::Task;
use engine::Class;
use engine::clock::{Backoff, patient};
use serde_json::Value;
use stack::Names;
use tokio_util::sync::CancellationToken;

use crate::failure::{Code, Failure};
use crate::release::rollout::pause;
use crate::report;
use crate::session::Session;

/// How long DescribeTasks may say `MISSING` of a task that RunTask has just started (API reference, RunTask:
/// describe it with back-off, up to minutes; seen: about a second).
const UNSEEN: Duration = Duration::from_mins(2);
/// How long no capacity, a rate limit or a role that is not known yet are waited out.
const STARTS: Duration = Duration::from_mins(5);
/// How long a task may take to stop: `stopTimeout` is two minutes at most on Fargate, and the interface goes
/// after the container.
const STOPS: Duration = Duration::from_mins(4);
/// Without a line for so long after its end, a task has written its last one.
const QUIET: Duration = Duration::from_secs(5);
/// How long the last lines may take.
const LINES: Duration = Duration::from_secs(30);

/// Where a task runs: as the tasks of its service do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) cluster: String,
    network_configuration: Value,
    capacity_provider_strategy: Vec<Value>,
    platform_version: Option<String>,
}

impl Settings {
    /// From a service as it runs.
    pub(crate) fn from_view(cluster: &str, view: ServiceView) -> Self {
        Self {
            cluster: cluster.to_owned(),
            network_configuration: view.network_configuration,
            capacity_provider_strategy: view.capacity_provider_strategy,
            platform_version: view.platform_version.filter(|version| version != "LATEST"),
        }
    }

    /// From a service as it is wanted, before there is one.
    pub(crate) fn from_desired(service: &Value) -> Self {
        let settings = &service["settings"];
        let strategy = settings["capacityProviderStrategy"].as_array();
        Self {
            cluster: service["cluster"].as_str().unwrap_or_default().to_owned(),
            network_configuration: settings["networkConfiguration"].clone(),
            capacity_provider_strategy: strategy.cloned().unwrap_or_default(),
            platform_version: settings["platformVersion"].as_str().map(str::to_owned),
        }
    }
}

/// How long to wait for a task, and whether it was seen meanwhile.
struct Wait<'a> {
    limit: Option<Duration>,
    stop: &'a CancellationToken,
    seen: &'a mut bool,
}

/// A task that runs to its end.
pub(crate) struct Once<'a> {
    pub(crate) session: &'a Session,
    pub(crate) aws: &'a Aws,
    pub(crate) settings: &'a Settings,
    pub(crate) service: &'a str,
    pub(crate) revision: &'a str,
}

impl Once<'_> {
    /// Runs the command with what the service has. Returns its exit code; nothing when it was stopped
    /// because the limit was over. An interrupt stops the task as well.
    pub(crate) async fn run(
        &self,
        command: &[String],
        limit: Option<Duration>,
        stop: &CancellationToken,
        mut line: impl FnMut(&str),
    ) -> Result<Option<i32>, Failure> {
        let arn = self.start(command, stop).await?;
        let id = arn.rsplit('/').next().unwrap_or(&arn);
        let mut lines = Lines::new(self.session, self.service, id);
        let mut seen = false;
        let wait = Wait { limit, stop, seen: &mut seen };
        let ended = self.follow(&arn, wait, &mut lines, &mut line).await;
        if let Ok(Some(task)) = &ended {
            self.last_lines(&mut lines, &mut line).await;
            return exit_code(task, self.service).map(Some);
        }
        let why = if stop.is_cancelled() { "interrupted" } else { "not waited for any longer" };
        let stopped = self.end(&arn, why, seen).await;
        self.last_lines(&mut lines, &mut line).await;
        if stop.is_cancelled() {
            let message = match stopped {
                Ok(()) => format!("interrupted; task {id} was stopped"),
                Err(error) => format!("interrupted; task {id} may run on: {error}"),
            };
            return Err(Failure::new(Code::Interrupted, message));
        }
        if let Err(error) = stopped {
            report::warning(&format!("task {id} may run on: {error}"));
        }
        ended.map(|_| None)
    }

    /// Starts the task. What passes by itself is waited out: the token makes all tries one.
    async fn start(&self, command: &[String], stop: &CancellationToken) -> Result<String, Failure> {
        let environment = self.session.environment();
        let task = RunTask {
            cluster: self.settings.cluster.clone(),
            task_definition: self.revision.to_owned(),
            token: uuid::Uuid::new_v4().to_string(),
            network_configuration: self.settings.network_configuration.clone(),
            capacity_provider_strategy: self.settings.capacity_provider_strategy.clone(),
            platform_version: self.settings.platform_version.clone(),
            overrides: vec![Override {
                container: self.service.to_owned(),
                command: Some(command.to_vec()),
                ..Override::default()
            }],
            tags: stack::task_tags(environment, self.service),
        };
        let mut backoff = Backoff::new();
        let mut said = false;
        loop {
            let error = match self.aws.run_task(&task).await {
                Ok(arn) => return Ok(arn),
                Err(error) => error,
            };
            let passes = matches!(
                error.class,
                Class::Throttled | Class::Transient | Class::Lost | Class::Propagating
            );
            let Some(delay) = backoff.next(STARTS).filter(|_| passes) else {
                return Err(error.into());
            };
            if !said {
                report::note(&format!("  the task does not start yet: {error}"));
                said = true;
            }
            tokio::select! {
                () = self.session.clock.sleep(delay) => {}
                () = stop.cancelled() => {
                    return Err(Failure::new(Code::Interrupted, "interrupted; no task was started"));
                }
            }
        }
    }

    /// Waits for the task's end. Nothing when there was none before the limit, or an interrupt.
    async fn follow(
        &self,
        arn: &str,
        wait: Wait<'_>,
        lines: &mut Lines,
        line: &mut impl FnMut(&str),
    ) -> Result<Option<Task>, Failure> {
        let clock = &self.session.clock;
        let began = clock.now();
        let Wait { limit, stop, seen } = wait;
        loop {
            let task = self.look(arn).await?;
            let elapsed = clock.now().saturating_sub(began);
            match &task {
                Some(task) if task.last_status == "STOPPED" => return Ok(Some(task.clone())),
                Some(_) => *seen = true,
                None if *seen => {
                    let message = "ECS does not know the task any more, and its end was not seen";
                    return Err(Failure::new(Code::RolledBack, message));
                }
                None if elapsed >= UNSEEN => {
                    let message = "ECS has started a task and does not show it";
                    return Err(Failure::new(Code::RolledBack, message));
                }
                None => {}
            }
            lines.show(self.aws, line).await?;
            if limit.is_some_and(|limit| elapsed >= limit) {
                return Ok(None);
            }
            tokio::select! {
                () = pause(clock, elapsed) => {}
                () = stop.cancelled() => return Ok(None),
            }
        }
    }

    async fn look(&self, arn: &str) -> Result<Option<Task>, Failure> {
        let arns = [arn.to_owned()];
        let found = self.aws.describe_tasks(&self.settings.cluster, &arns).await?;
        Ok(found.into_iter().next())
    }

    /// Stops the task and waits until it has stopped, so that nobody starts another beside it. `seen`: an
    /// earlier look found it.
    async fn end(&self, arn: &str, why: &str, mut seen: bool) -> Result<(), Failure> {
        let clock = &self.session.clock;
        let began = clock.now();
        let stop = || patient(clock, || self.aws.stop_task(&self.settings.cluster, arn, why));
        stop().await?;
        loop {
            let elapsed = clock.now().saturating_sub(began);
            match self.look(arn).await? {
                Some(task) if task.last_status == "STOPPED" => return Ok(()),
                None if seen || elapsed >= UNSEEN => return Ok(()),
                _ if elapsed >= STOPS => {
                    let message = format!("it has not stopped after {} s", STOPS.as_secs());
                    return Err(Failure::new(Code::Failed, message));
                }
                Some(task) => {
                    seen = true;
                    // What ECS did not know yet, it did not stop.
                    if task.desired_status != "STOPPED" {
                        stop().await?;
                    }
                }
                None => {}
            }
            pause(clock, elapsed).await;
        }
    }

    /// The lines that come after the end: CloudWatch takes some seconds.
    async fn last_lines(&self, lines: &mut Lines, line: &mut impl FnMut(&str)) {
        let clock = &self.session.clock;
        let began = clock.now();
        let mut heard = began;
        while clock.now().saturating_sub(heard) < QUIET && clock.now().saturating_sub(began) < LINES
        {
            match lines.show(self.aws, line).await {
                Ok(0) => {}
                Ok(_) => heard = clock.now(),
                Err(error) => {
                    report::warning(&format!("its last lines were not read: {error}"));
                    return;
                }
            }
            clock.sleep(Duration::from_secs(1)).await;
        }
    }
}

fn exit_code(task: &Task, service: &str) -> Result<i32, Failure> {
    let container = task.containers.iter().find(|one| one.name == service);
    if let Some(code) = container.and_then(|container| container.exit_code) {
        return Ok(code);
    }
    let reason = container.and_then(|one| one.reason.clone()).or(task.stopped_reason.clone());
    let reason = reason.unwrap_or_else(|| "ECS gives no reason".into());
    Err(Failure::new(Code::RolledBack, format!("the task never ran: {reason}")))
}

/// The output of one task, as far as it was read.
struct Lines {
    group: String,
    stream: String,
    token: Option<String>,
}

impl Lines {
    fn new(session: &Session, service: &str, task: &str) -> Self {
        let group = Names::new(session.environment()).log_group(service);
        Self { group, stream: format!("{service}/{service}/{task}"), token: None }
    }

    /// Shows what came since the last call, and returns how many lines that were.
    async fn show(&mut self, aws: &Aws, line: &mut impl FnMut(&str)) -> Result<usize, Failure> {
        let mut shown = 0;
        loop {
            let token = self.token.as_deref();
            let (events, next) = match aws.next_log_events(&self.group, &self.stream, token).await {
                Err(error) if error.is(Class::Absent) => return Ok(shown),
                other => other?,
            };
            events.iter().for_each(|event| line(&event.message));
            shown += events.len();
            // The same token again means that there is nothing after it; a page may be empty while there
            // is (API reference, GetLogEvents).
            if next.is_none() || next == self.token {
                return Ok(shown);
            }
            self.token = next;
        }
    }
}
