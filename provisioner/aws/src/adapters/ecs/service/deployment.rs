//! One deployment of a service, judged by its own id: the one in UpdateService's answer. Neither the
//! revision tells it (a restart has the same one) nor a first look, which may be older than the call
//! (ECS developer guide: its API is eventually consistent).

use engine::{Class, Ready, Result};
use futures::future::join_all;

use super::rollout::unhealthy;
use crate::Aws;
use crate::adapters::ecs::text;
use crate::operations::services::{Deployment, Left, Progress, ServiceView};
use crate::operations::targets::Target;
use crate::operations::tasks::Standing;

/// What a description of the service says of the deployment.
#[derive(Debug, PartialEq)]
enum Stage {
    Unlisted,
    Ended(String),
    Moving {
        progress: String,
        failing: bool,
    },
    /// All its tasks run; their targets are not looked at yet.
    Running {
        tasks: u32,
        left: Option<Left>,
    },
}

impl Aws {
    /// Looks at one deployment. `seen`: an earlier look found it listed.
    ///
    /// # Errors
    /// Whatever describing service, tasks and targets answers.
    pub async fn deployment(
        &self,
        cluster: &str,
        service: &str,
        id: &str,
        seen: bool,
    ) -> Result<Progress> {
        let found = self.describe_services(cluster, &[service.to_owned()]).await?;
        let Some(found) = found.iter().find(|found| text(found, "status") != "INACTIVE") else {
            return Ok(Progress::Failed("the service is gone".into()));
        };
        let view = ServiceView::read(found)?;
        match stage(&view, id) {
            Stage::Unlisted if seen => Ok(Progress::Gone(gone(&view))),
            Stage::Unlisted => Ok(Progress::Unlisted),
            Stage::Ended(why) => {
                let last = self.newest_stopped(found).await?;
                Ok(Progress::Failed(last.map_or(why.clone(), |task| format!("{why} {task}"))))
            }
            Stage::Moving { progress, .. } if self.runs_no_tasks(found).await? => {
                let name = &view.service_name;
                self.note(format!("service {name}: {progress}, and this endpoint starts none"));
                Ok(Progress::Serves { left: None })
            }
            Stage::Moving { progress, failing: false } => Ok(Progress::Moving(progress)),
            Stage::Moving { progress, failing: true } => {
                let last = self.newest_stopped(found).await?;
                let told = last.map_or(progress.clone(), |task| format!("{progress}; {task}"));
                Ok(Progress::Moving(told))
            }
            Stage::Running { tasks, left } => {
                Ok(match self.targets_of_deployment(&view, id, tasks).await? {
                    Ready::Yes => Progress::Serves { left },
                    Ready::Never(why) => Progress::Failed(why),
                    Ready::Wait(why) | Ready::Leaving(why) => Progress::Moving(why),
                })
            }
        }
    }

    /// Whether the deployment's own tasks are healthy targets. Those of an older one, which are healthy
    /// until they drain, do not count.
    async fn targets_of_deployment(
        &self,
        view: &ServiceView,
        id: &str,
        tasks: u32,
    ) -> Result<Ready> {
        let groups: Vec<&str> = view
            .load_balancers
            .iter()
            .map(|one| one.target_group_arn.as_str())
            .filter(|arn| !arn.is_empty())
            .collect();
        if groups.is_empty() {
            return Ok(Ready::Yes);
        }
        let mut found = Vec::new();
        let asked = groups.into_iter().map(async |arn| (arn, self.target_health(arn).await));
        for (arn, targets) in join_all(asked).await {
            match targets {
                Err(e) if e.is(Class::Absent) => {
                    return Ok(Ready::Never(format!("its target group {arn} is gone")));
                }
                other => found.push(other?),
            }
        }
        let running = self.tasks(&view.cluster_arn, &view.service_name, Standing::Running).await?;
        let ours = running.iter().filter(|task| task.started_by.as_deref() == Some(id));
        let addresses: Vec<&str> = ours.filter_map(|task| task.private_ip()).collect();
        // An emulator registers other addresses than its tasks have, or none.
        let least = if self.is_emulated("ECS") { 0 } else { tasks };
        let missing = found.iter().find_map(|targets| {
            if addresses.is_empty() && self.is_emulated("ECS") {
                unhealthy(targets, u64::from(least))
            } else {
                unhealthy_of(targets, &addresses, usize::try_from(tasks).unwrap_or(usize::MAX))
            }
        });
        Ok(missing.map_or(Ready::Yes, |missing| {
            Ready::Wait(format!("{tasks} of {tasks} tasks running, {missing}"))
        }))
    }
}

fn stage(view: &ServiceView, id: &str) -> Stage {
    if view.status == "DRAINING" {
        return Stage::Ended("the service is being deleted.".into());
    }
    let Some(ours) = view.deployments.iter().find(|one| one.id == id) else {
        return Stage::Unlisted;
    };
    let reason = ours.rollout_state_reason.as_str();
    if ours.rollout_state == "FAILED" {
        let why = if reason.is_empty() { "the deployment failed." } else { reason };
        return Stage::Ended(match back(view, id) {
            Some(back) => format!("rolled back to {back}: {why}"),
            None => why.to_owned(),
        });
    }
    if ours.status != "PRIMARY" {
        let other = back(view, id).unwrap_or("another deployment");
        return Stage::Ended(format!("another deployment took its place: {other} {reason}"));
    }
    let (running, desired) = (ours.running_count, view.desired_count);
    let mut progress = format!("{running} of {desired} tasks running");
    if ours.failed_tasks > 0 {
        progress = format!("{progress}, {} failed", ours.failed_tasks);
    }
    let left = left(view, ours);
    if running < desired {
        return Stage::Moving { progress, failing: ours.failed_tasks > 0 };
    }
    // Without a balancer nothing but ECS tells that the tasks stay: it completes a deployment once they
    // are steady and, where they have a check of their own, healthy.
    let balanced = view.load_balancers.iter().any(|one| !one.target_group_arn.is_empty());
    match left {
        Some(left) if !balanced => Stage::Moving {
            progress: format!("{progress}, {left}"),
            failing: ours.failed_tasks > 0,
        },
        left => Stage::Running { tasks: desired, left },
    }
}

/// What keeps the deployment from being the only one, and completed.
fn left(view: &ServiceView, ours: &Deployment) -> Option<Left> {
    // A failed one that runs nothing any more is history, however long it is listed.
    let is_over = |one: &Deployment| one.rollout_state == "FAILED" && one.running_count == 0;
    let others: Vec<_> =
        view.deployments.iter().filter(|one| one.id != ours.id && !is_over(one)).collect();
    if !others.is_empty() {
        return Some(Left::Old(others.iter().map(|one| one.running_count).sum()));
    }
    let completed = matches!(ours.rollout_state.as_str(), "COMPLETED" | "");
    (!completed).then_some(Left::Completion)
}

/// The revision that the service is heading for instead.
fn back<'a>(view: &'a ServiceView, id: &str) -> Option<&'a str> {
    view.primary().filter(|one| one.id != id).map(|one| one.task_definition.as_str())
}

/// The words for a deployment that was listed and is not any more: ECS drops a failed one in time.
fn gone(view: &ServiceView) -> String {
    match view.primary() {
        Some(primary) => {
            let (back, why) = (&primary.task_definition, &primary.rollout_state_reason);
            format!("rolled back to {back}: {why}")
        }
        None => "its deployment is gone".into(),
    }
}

/// What is missing until these addresses, `wanted` of them, are healthy targets.
fn unhealthy_of(targets: &[Target], addresses: &[&str], wanted: usize) -> Option<String> {
    let wanted = wanted.max(addresses.len());
    let ours: Vec<_> = targets.iter().filter(|one| addresses.contains(&one.id.as_str())).collect();
    let healthy = ours.iter().filter(|one| one.state == "healthy").count();
    if healthy >= wanted {
        return None;
    }
    let why = ours.iter().find(|one| one.state == "unhealthy");
    let why = why.map(|one| format!(" ({}: {})", one.id, one.reason)).unwrap_or_default();
    Some(format!("{healthy} of {wanted} targets healthy{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn view(desired: u32, deployments: Value) -> ServiceView {
        let service = json!({
            "status": "ACTIVE", "desiredCount": desired, "deployments": deployments,
            "loadBalancers": [{"targetGroupArn": "arn:group"}]});
        ServiceView::read(&service).unwrap()
    }

    fn one(id: &str, status: &str, running: u32, state: &str, reason: &str) -> Value {
        json!({"id": id, "status": status, "taskDefinition": format!("api:{id}"),
            "runningCount": running, "rolloutState": state, "rolloutStateReason": reason})
    }

    #[test]
    fn a_look_that_is_older_than_the_call_tells_nothing() {
        let before = view(2, json!([one("1", "PRIMARY", 2, "COMPLETED", "completed")]));
        assert_eq!(stage(&before, "2"), Stage::Unlisted);
        // A restart has the same revision: only the id tells it.
        let after = view(
            2,
            json!([one("2", "PRIMARY", 0, "IN_PROGRESS", ""), one("1", "ACTIVE", 2, "", "")]),
        );
        let progress = "0 of 2 tasks running".to_owned();
        assert_eq!(stage(&after, "2"), Stage::Moving { progress, failing: false });
    }

    #[test]
    fn it_serves_while_the_old_ones_drain() {
        let old = one("1", "ACTIVE", 2, "COMPLETED", "");
        let serving = view(2, json!([one("2", "PRIMARY", 2, "IN_PROGRESS", ""), old]));
        let running = |left| Stage::Running { tasks: 2, left };
        assert_eq!(stage(&serving, "2"), running(Some(Left::Old(2))));
        let alone = view(2, json!([one("2", "PRIMARY", 2, "IN_PROGRESS", "")]));
        assert_eq!(stage(&alone, "2"), running(Some(Left::Completion)));
        let done = view(2, json!([one("2", "PRIMARY", 2, "COMPLETED", "")]));
        assert_eq!(stage(&done, "2"), running(None));
    }

    #[test]
    fn a_worker_serves_when_ecs_says_so() {
        let mut worker = view(1, json!([one("2", "PRIMARY", 1, "IN_PROGRESS", "")]));
        worker.load_balancers.clear();
        assert!(matches!(stage(&worker, "2"), Stage::Moving { .. }));
        worker.deployments[0].rollout_state = "COMPLETED".into();
        assert_eq!(stage(&worker, "2"), Stage::Running { tasks: 1, left: None });
    }

    #[test]
    fn a_failed_one_names_what_ecs_went_back_to() {
        let why = "ECS deployment circuit breaker: tasks failed to start.";
        let back = one("3", "PRIMARY", 2, "IN_PROGRESS", "rolling back to deploymentId ecs-svc/1.");
        let failed = view(2, json!([back, one("2", "INACTIVE", 0, "FAILED", why)]));
        assert_eq!(stage(&failed, "2"), Stage::Ended(format!("rolled back to api:3: {why}")));
        let dropped = view(2, json!([back]));
        assert_eq!(stage(&dropped, "2"), Stage::Unlisted);
        assert!(gone(&dropped).starts_with("rolled back to api:3: rolling back"));
        let first = view(2, json!([one("1", "PRIMARY", 0, "FAILED", why)]));
        assert_eq!(stage(&first, "1"), Stage::Ended(why.into()));
        let overtaken = view(
            2,
            json!([one("4", "PRIMARY", 0, "IN_PROGRESS", ""), one("2", "ACTIVE", 2, "", "")]),
        );
        assert!(matches!(stage(&overtaken, "2"), Stage::Ended(_)));
    }

    #[test]
    fn only_its_own_targets_count() {
        let target = |id: &str, state: &str| Target {
            id: id.into(),
            port: 80,
            state: state.into(),
            reason: String::new(),
        };
        let old = target("10.0.0.1", "healthy");
        let new = target("10.0.0.2", "initial");
        let targets = [old, new];
        let missing = unhealthy_of(&targets, &["10.0.0.2"], 1).unwrap();
        assert_eq!(missing, "0 of 1 targets healthy");
        assert_eq!(unhealthy_of(&[target("10.0.0.2", "healthy")], &["10.0.0.2"], 1), None);
        assert!(unhealthy_of(&[target("10.0.0.2", "healthy")], &["10.0.0.2"], 2).is_some());
    }
}
