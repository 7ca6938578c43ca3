//! One-off tasks: a migration before a switch, or a command of the user's. Output as it comes, then the
//! exit code.

use std::time::Duration;

use aws::log_events::{LogQuery, Streams};
use aws::run_task::{Override, RunTask};
use aws::tasks::Task;
use engine::Class;
use engine::state::State;
use stack::Names;
use stack::environment::Migration;

use crate::failure::{Code, Failure};
use crate::reconcile::Writing;
use crate::report;
use crate::rollout::Place;
use crate::session::Session;

/// The time between two looks at a task.
const LOOK: Duration = Duration::from_secs(2);

/// Runs a service's migration with a new revision. Anything but exit code 0 stops the release.
pub(crate) async fn run(
    writing: &Writing<'_>,
    place: &Place,
    service: &str,
    revision: &str,
    wanted: &State,
    migration: &Migration,
) -> Result<(), Failure> {
    report::note(&format!("migration: {}", migration.command.join(" ")));
    let session = writing.session;
    let once = Once { session, aws: &writing.aws, place, service, revision };
    let code = if let Some(home) = session.home.as_ref().filter(|home| !home.has_docker()) {
        let line = |line: &str| report::note(&format!("  {line}"));
        let environment = session.environment();
        let ran =
            home.run_once(&writing.aws, environment, wanted, service, &migration.command, line);
        ran.await?.code()
    } else {
        once.run(&migration.command, &writing.stop, |line| report::note(&format!("  {line}")))
            .await?
    };
    if code == 0 {
        return Ok(());
    }
    let message = format!("the migration of {service} ended with exit code {code}");
    Err(Failure::new(Code::RolledBack, message).hint("nothing was switched: the old version runs"))
}

/// A task that runs to its end.
pub(crate) struct Once<'a> {
    pub(crate) session: &'a Session,
    pub(crate) aws: &'a aws::Aws,
    pub(crate) place: &'a Place,
    pub(crate) service: &'a str,
    pub(crate) revision: &'a str,
}

impl Once<'_> {
    /// Runs the command with what the service has. An interrupt stops the task.
    pub(crate) async fn run(
        &self,
        command: &[String],
        stop: &tokio_util::sync::CancellationToken,
        mut line: impl FnMut(&str),
    ) -> Result<i32, Failure> {
        let Self { session, aws, place, service, revision } = self;
        let view = aws
            .service_view(&place.cluster, &place.name)
            .await?
            .ok_or_else(|| Failure::new(Code::Failed, format!("{service} is not there")))?;
        let token = uuid::Uuid::new_v4().to_string();
        let arn = aws
            .run_task(&RunTask {
                cluster: place.cluster.clone(),
                task_definition: (*revision).to_owned(),
                token,
                network_configuration: view.network_configuration,
                capacity_provider_strategy: view.capacity_provider_strategy,
                overrides: vec![Override {
                    container: (*service).to_owned(),
                    command: Some(command.to_vec()),
                    ..Override::default()
                }],
                ..RunTask::default()
            })
            .await?;
        let id = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
        let mut logs = Stream::of(session, service, &id);
        loop {
            let task = aws.describe_tasks(&place.cluster, std::slice::from_ref(&arn)).await?;
            let stopped = task.first().is_none_or(|task| task.last_status == "STOPPED");
            for text in logs.new_lines(aws).await? {
                line(&text);
            }
            if stopped {
                // The last lines may arrive after the end.
                session.clock.sleep(LOOK).await;
                for text in logs.new_lines(aws).await? {
                    line(&text);
                }
                return exit_code(task.first(), service);
            }
            tokio::select! {
                () = session.clock.sleep(LOOK) => {}
                () = stop.cancelled() => {
                    aws.stop_task(&place.cluster, &arn, "interrupted").await?;
                    let message = format!("interrupted; task {id} was stopped");
                    return Err(Failure::new(Code::Interrupted, message));
                }
            }
        }
    }
}

fn exit_code(task: Option<&Task>, service: &str) -> Result<i32, Failure> {
    let container = task.and_then(|task| task.containers.iter().find(|one| one.name == service));
    if let Some(code) = container.and_then(|container| container.exit_code) {
        return Ok(code);
    }
    let reason = task.and_then(|task| task.stopped_reason.clone());
    let reason = container.and_then(|one| one.reason.clone()).or(reason);
    let reason = reason.unwrap_or_else(|| "ECS gives no reason".into());
    Err(Failure::new(Code::RolledBack, format!("the task never ran: {reason}")))
}

/// The output of one task, as far as it was read.
struct Stream {
    query: LogQuery,
    seen: std::collections::BTreeSet<(i64, String, String)>,
}

impl Stream {
    fn of(session: &Session, service: &str, task: &str) -> Self {
        let group = Names::new(session.environment()).log_group(service);
        let streams = Streams::Named(vec![format!("{service}/{service}/{task}")]);
        let query = LogQuery { group, streams, ..LogQuery::default() };
        Self { query, seen: std::collections::BTreeSet::new() }
    }

    async fn new_lines(&mut self, aws: &aws::Aws) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        let mut next = None;
        loop {
            let page = match aws.log_events(&self.query, next.as_deref()).await {
                Err(error) if error.is(Class::Absent) => return Ok(lines),
                other => other?,
            };
            for event in page.events {
                self.query.since = self.query.since.max(Some(event.timestamp));
                if self.seen.insert((event.timestamp, event.id, event.message.clone())) {
                    lines.push(event.message);
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(lines);
            }
        }
    }
}
