//! Gathers what is known of a service, and has it explained.

use aws::Aws;
use aws::tasks::Standing;
use engine::Class;
use explain::{Answers, Explanation, HealthCheck, LogLine, Picture, Target, Task, WayOut};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stack::Names;
use stack::environment::{Nat, Service};

use crate::failure::Failure;
use crate::release::Started;
use crate::release::rollout::Place;
use crate::run::LockedRun;
use crate::session::Session;
use crate::session::local_cloud::LocalHome;

/// Lines of a task's output that are looked at.
const LINES: usize = 50;

/// How far AWS's clock may be behind ours, and its times are cut to seconds in places.
const SKEW: SignedDuration = SignedDuration::from_secs(2);

/// SIGTERM.
const TERMINATED: i32 = 15;

/// Tasks whose output is looked at.
const TASKS: usize = 3;

/// Why a release does not serve; nothing when there is nothing to explain.
pub(crate) async fn explain(
    run: &LockedRun<'_>,
    service: &str,
    started: &Started,
    why: &str,
    probe: Option<explain::Probe>,
) -> Result<Option<Explanation>, Failure> {
    let Some(place) = Place::of(run, service) else { return Ok(None) };
    let look = Look { session: run.session, aws: &run.aws, service, place: &place, why };
    let asked = Some(started.image.to_string());
    let mut picture = look.picture(&started.revision, Some(started.at), asked).await?;
    picture.probe = probe;
    Ok(Some(explain::explain(&picture)))
}

/// A look at one service.
pub(crate) struct Look<'a> {
    pub(crate) session: &'a Session,
    pub(crate) aws: &'a Aws,
    pub(crate) service: &'a str,
    pub(crate) place: &'a Place,
    /// What the wait ended with.
    pub(crate) why: &'a str,
}

impl Look<'_> {
    pub(crate) async fn picture(
        &self,
        revision: &str,
        since: Option<Timestamp>,
        asked: Option<String>,
    ) -> Result<Picture, Failure> {
        let Self { session, aws, service, place, .. } = self;
        let environment = session.environment();
        let described = &environment.services[*service];
        let native = session.home.as_ref().filter(|home| !home.has_docker());
        let view = aws.service_view(&place.cluster, &place.name).await?;
        let mut tasks = aws.tasks(&place.cluster, &place.name, Standing::Running).await?;
        tasks.extend(aws.tasks(&place.cluster, &place.name, Standing::Stopped).await?);
        let definition = aws.describe_task_definition(revision).await?;
        let group = view.as_ref().and_then(|view| view.load_balancers.first());
        let targets = match group {
            Some(group) => match aws.target_health(&group.target_group_arn).await {
                Err(error) if error.is(Class::Absent) => Vec::new(),
                other => other?,
            },
            None => Vec::new(),
        };
        let mut picture = Answers {
            service: (*service).to_owned(),
            environment: environment.name.clone(),
            asked,
            since: since.map(|since| since - SKEW),
            revision: Some(revision.to_owned()),
            way_out: Some(way_out(session)),
            describe_services: json!({"services": view.as_slice()}),
            describe_tasks: json!({"tasks": tasks}),
            describe_task_definition: json!({"taskDefinition": definition}),
            ..Answers::default()
        }
        .picture();
        picture.targets = targets
            .into_iter()
            .map(|target| Target {
                id: target.id,
                port: target.port,
                state: target.state,
                reason: target.reason,
                ..Target::default()
            })
            .collect();
        picture.health_check = described.route.as_ref().map(|_| health_check(described));
        picture.grace = Some(described.health.grace.0);
        match native {
            Some(home) => self.native(home, &mut picture)?,
            None => picture.logs = self.logs(&tasks, revision).await?,
        }
        Ok(picture)
    }

    /// The last lines of the newest tasks of a revision.
    async fn logs(
        &self,
        tasks: &[aws::tasks::Task],
        revision: &str,
    ) -> Result<Vec<LogLine>, Failure> {
        let group = Names::new(self.session.environment()).log_group(self.service);
        let ours = tasks.iter().filter(|task| task.task_definition_arn == revision);
        let mut lines = Vec::new();
        for task in newest(ours.collect()) {
            for container in &task.containers {
                let stream = format!("{}/{}/{}", self.service, container.name, task.id());
                let events = match self.aws.last_log_events(&group, &stream, LINES).await {
                    Err(error) if error.is(Class::Absent) => continue,
                    other => other?,
                };
                lines.extend(events.into_iter().map(|event| LogLine {
                    at: Timestamp::from_millisecond(event.timestamp).ok(),
                    task: task.id().to_owned(),
                    container: container.name.clone(),
                    line: event.message,
                }));
            }
        }
        Ok(lines)
    }

    /// Processes of this machine instead of tasks.
    fn native(&self, home: &LocalHome, picture: &mut Picture) -> Result<(), Failure> {
        picture.tasks.clear();
        picture.logs.clear();
        let mut versions = home.versions(self.service)?;
        let ours = versions.iter().rposition(|one| one.revision == picture.revision.arn);
        let Some(version) = ours.map(|ours| versions.remove(ours)).or_else(|| versions.pop())
        else {
            return Ok(());
        };
        let wanted = u32::from(self.session.environment().services[self.service].replicas.min);
        let running = u32::try_from(version.running().len()).unwrap_or(u32::MAX);
        picture.counts = explain::Counts { desired: wanted, running, pending: 0 };
        if version.replicas.is_empty() {
            self.never_started(home, &version, picture);
        }
        for replica in &version.replicas {
            let id = format!("{}-{}", replica.version, replica.number);
            let (status, code, reason, exit) = match &replica.state {
                local::State::Running => ("RUNNING", "", String::new(), None),
                // Ended by us, because it did not become healthy.
                local::State::Exited(exit)
                    if exit.signal == Some(TERMINATED) && !self.why.is_empty() =>
                {
                    picture.targets.push(Target {
                        id: replica.address.to_string(),
                        port: replica.port,
                        state: "unhealthy".into(),
                        description: self.why.to_owned(),
                        ..Target::default()
                    });
                    ("RUNNING", "", String::new(), None)
                }
                local::State::Exited(exit) if exit.unstarted.is_some() => {
                    ("STOPPED", "TaskFailedToStart", exit.to_string(), None)
                }
                local::State::Exited(exit) => {
                    ("STOPPED", "EssentialContainerExited", exit.to_string(), Some(exit.code()))
                }
                local::State::Vanished => ("STOPPED", "", "the process is gone".into(), None),
            };
            picture.tasks.push(Task {
                id: id.clone(),
                task_definition: picture.revision.arn.clone(),
                last_status: status.into(),
                stop_code: code.into(),
                stopped_reason: reason,
                containers: vec![explain::Container {
                    name: self.service.to_owned(),
                    last_status: status.into(),
                    exit_code: exit,
                    ..explain::Container::default()
                }],
                address: Some(replica.address.to_string()),
                created_at: Some(replica.started_at),
                started_at: Some(replica.started_at),
                stopped_at: None,
            });
            picture.logs.extend(home.tail(replica, LINES)?.into_iter().map(|line| LogLine {
                at: None,
                task: id.clone(),
                container: self.service.to_owned(),
                line,
            }));
        }
        Ok(())
    }
}

/// The newest tasks, the newest last: running and stopped ones are listed apart.
fn newest(mut tasks: Vec<&aws::tasks::Task>) -> Vec<&aws::tasks::Task> {
    tasks.sort_by_key(|task| task.created_at);
    tasks.split_off(tasks.len().saturating_sub(TASKS))
}

impl Look<'_> {
    /// A process that ended before its supervisor had written down that it ran.
    fn never_started(&self, home: &LocalHome, version: &local::Version, picture: &mut Picture) {
        let id = format!("{}-1", version.number);
        let code = self
            .why
            .rsplit_once("exited with code ")
            .and_then(|(_, code)| code.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let stop_code =
            if code.is_some() { "EssentialContainerExited" } else { "TaskFailedToStart" };
        picture.tasks.push(Task {
            id: id.clone(),
            task_definition: picture.revision.arn.clone(),
            last_status: "STOPPED".into(),
            stop_code: stop_code.into(),
            stopped_reason: self.why.to_owned(),
            containers: vec![explain::Container {
                name: self.service.to_owned(),
                last_status: "STOPPED".into(),
                exit_code: code,
                ..explain::Container::default()
            }],
            ..Task::default()
        });
        let lines = home.output(self.service, version.number, LINES);
        picture.logs.extend(lines.into_iter().map(|line| LogLine {
            at: None,
            task: id.clone(),
            container: self.service.to_owned(),
            line,
        }));
    }
}

fn health_check(service: &Service) -> HealthCheck {
    let health = &service.health;
    HealthCheck {
        path: health.path.clone(),
        port: "traffic-port".into(),
        codes: health.codes.clone(),
        interval: health.interval.0,
        timeout: health.timeout.0,
        healthy: health.healthy.into(),
        unhealthy: health.unhealthy.into(),
    }
}

fn way_out(session: &Session) -> WayOut {
    if session.home.as_ref().is_some_and(|home| !home.has_docker()) {
        return WayOut::Local;
    }
    match session.environment().network.nat {
        Nat::None => WayOut::PublicAddress,
        Nat::PerZone | Nat::Shared => WayOut::Nat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_tasks_are_looked_at() {
        let task = |id: &str, second: i64| aws::tasks::Task {
            task_arn: id.into(),
            created_at: Timestamp::from_second(second).ok(),
            ..aws::tasks::Task::default()
        };
        // As they are listed: the running ones first, each list with its newest in front.
        let all = [task("e", 50), task("d", 40), task("c", 30), task("b", 20), task("f", 60)];
        let chosen: Vec<_> = newest(all.iter().collect()).iter().map(|one| one.id()).collect();
        assert_eq!(chosen, ["d", "e", "f"]);
    }
}
