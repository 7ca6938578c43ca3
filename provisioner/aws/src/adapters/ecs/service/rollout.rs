//! How far a service's deployment has come.
//!
//! ECS calls a rolled-back deployment stable, and emulators call everything completed, so no single
//! field is trusted: the primary deployment must be the only one left, have all its tasks running and
//! be completed, and then every target must be healthy.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{Class, Ready, Result};
use futures::future::try_join_all;
use serde_json::Value;

use super::settings::primary;
use crate::Aws;
use crate::adapters::ecs::{list, text};
use crate::client::emulated;
use crate::operations::targets::Target;

/// What a service says about itself.
#[derive(Debug, PartialEq)]
enum Stage {
    Leaving(String),
    /// Given up by ECS.
    Failed(String),
    /// On its way; `failing` when tasks stopped since it began.
    Moving {
        progress: String,
        failing: bool,
    },
    /// Everything but the health of its targets is as it should be.
    Settled {
        tasks: u64,
    },
}

impl Aws {
    /// Judges a service as described. Asks for more only where the description leaves something open:
    /// of one that this connection neither changed nor saw on its way, ECS has checked the targets.
    pub(super) async fn rollout(&self, id: &str, service: &Value) -> Result<Ready> {
        let stage = stage(service);
        // What ECS went back to runs as it did before. Whoever asked for the other revision must hear of
        // that; for everybody else it is history.
        if matches!(stage, Stage::Failed(_)) && self.read_cache.is_settled(id) && is_steady(service)
        {
            return Ok(Ready::Yes);
        }
        if !matches!(stage, Stage::Settled { .. }) {
            self.read_cache.unsettle(id);
        }
        Ok(match stage {
            Stage::Leaving(progress) => Ready::Leaving(progress),
            Stage::Failed(why) => {
                let last = self.newest_stopped(service).await?;
                Ready::Never(last.map_or(why.clone(), |task| format!("{why} {task}")))
            }
            Stage::Moving { progress, .. } if self.runs_no_tasks(service).await? => {
                let name = text(service, "serviceName");
                self.note(format!("service {name}: {progress}, and this endpoint starts none"));
                Ready::Yes
            }
            Stage::Moving { progress, failing: false } => Ready::Wait(progress),
            Stage::Moving { progress, failing: true } => {
                let last = self.newest_stopped(service).await?;
                Ready::Wait(last.map_or(progress.clone(), |task| format!("{progress}; {task}")))
            }
            Stage::Settled { .. } if self.read_cache.is_settled(id) => Ready::Yes,
            Stage::Settled { tasks } => {
                let ready = self.targets_of_service(service, tasks).await?;
                if ready == Ready::Yes {
                    self.read_cache.settle(id);
                }
                ready
            }
        })
    }

    /// Whether all targets of all its target groups are healthy.
    async fn targets_of_service(&self, service: &Value, tasks: u64) -> Result<Ready> {
        let groups = list(service, "loadBalancers").iter().map(|lb| text(lb, "targetGroupArn"));
        let groups = groups.filter(|arn| !arn.is_empty());
        let found = try_join_all(groups.map(async |arn| match self.target_health(arn).await {
            Err(e) if e.is(Class::Absent) => Ok(Err(format!("its target group {arn} is gone"))),
            other => other.map(Ok),
        }))
        .await?;
        for targets in found {
            let targets = match targets {
                Ok(targets) => targets,
                Err(gone) => return Ok(Ready::Never(gone)),
            };
            // An emulator that runs no containers registers none.
            let least = if self.is_emulated("ECS") { 0 } else { tasks };
            if let Some(missing) = unhealthy(&targets, least) {
                return Ok(Ready::Wait(format!("{tasks} of {tasks} tasks running, {missing}")));
            }
        }
        Ok(Ready::Yes)
    }

    /// Whether this is an emulator that accepts services and starts nothing.
    pub(super) async fn runs_no_tasks(&self, service: &Value) -> Result<bool> {
        if !self.is_emulated("ECS") || !list(service, "events").is_empty() {
            return Ok(false);
        }
        let created = primary(service)["createdAt"].as_f64().unwrap_or_default();
        let created = UNIX_EPOCH + Duration::try_from_secs_f64(created).unwrap_or_default();
        let age = SystemTime::now().duration_since(created).unwrap_or_default();
        Ok(age > emulated::FIRST_TASK && !self.has_tasks(service).await?)
    }
}

fn stage(service: &Value) -> Stage {
    let count = |value: &Value, field: &str| value[field].as_u64().unwrap_or_default();
    if text(service, "status") == "DRAINING" {
        return Stage::Leaving(format!("{} tasks still running", count(service, "runningCount")));
    }
    let (primary, deployments) = (primary(service), list(service, "deployments"));
    if let Some(why) = given_up(primary, deployments) {
        return Stage::Failed(why);
    }
    let (running, desired) = (count(primary, "runningCount"), count(service, "desiredCount"));
    let mut progress = format!("{running} of {desired} tasks running");
    let failed = count(primary, "failedTasks");
    if failed > 0 {
        progress = format!("{progress}, {failed} failed");
    }
    // A failed one that runs nothing any more is history, however long it is listed.
    let is_over =
        |one: &Value| text(one, "rolloutState") == "FAILED" && count(one, "runningCount") == 0;
    let others = deployments.iter().filter(|one| text(one, "status") != "PRIMARY");
    let older = others.filter(|one| !is_over(one)).count();
    if older > 0 {
        let left: u64 = deployments.iter().map(|d| count(d, "runningCount")).sum();
        progress = format!("{progress}, {} old ones still there", left.saturating_sub(running));
    }
    let completed = matches!(text(primary, "rolloutState"), "COMPLETED" | "");
    let ours = text(primary, "taskDefinition") == text(service, "taskDefinition");
    if running == desired && older == 0 && completed && ours {
        return Stage::Settled { tasks: desired };
    }
    if running == desired && older == 0 {
        progress = format!("{progress}, the deployment is not yet completed");
    }
    Stage::Moving { progress, failing: failed > 0 }
}

/// Whether the primary deployment is completed, has all its tasks, and nothing else runs.
fn is_steady(service: &Value) -> bool {
    let count = |value: &Value, field: &str| value[field].as_u64().unwrap_or_default();
    let (primary, deployments) = (primary(service), list(service, "deployments"));
    let all: u64 = deployments.iter().map(|one| count(one, "runningCount")).sum();
    let running = count(primary, "runningCount");
    text(primary, "rolloutState") == "COMPLETED"
        && text(primary, "taskDefinition") == text(service, "taskDefinition")
        && running == count(service, "desiredCount")
        && all == running
}

/// Why ECS gave the deployment up: it failed itself, or ECS went back from it to an older one. A failed
/// deployment that a newer one has taken over from is history.
fn given_up(primary: &Value, deployments: &[Value]) -> Option<String> {
    let reason = |deployment: &Value| match text(deployment, "rolloutStateReason") {
        "" => "the deployment failed.".to_owned(),
        reason => reason.to_owned(),
    };
    if text(primary, "rolloutState") == "FAILED" {
        return Some(reason(primary));
    }
    let told = ["rolling back", "rolled back"];
    let told = told.iter().any(|text| reason(primary).contains(text));
    let created = |deployment: &Value| deployment["createdAt"].as_f64().unwrap_or_default();
    let failed = deployments.iter().find(|deployment| {
        let older = created(deployment) <= created(primary);
        text(deployment, "rolloutState") == "FAILED" && (told || !older)
    });
    match failed {
        Some(failed) => {
            let back = text(primary, "taskDefinition");
            Some(format!("rolled back to {back}: {}", reason(failed)))
        }
        None => told.then(|| reason(primary)),
    }
}

/// What is missing until at least `least` targets are there and all of them healthy. Those on their
/// way out do not count.
pub(super) fn unhealthy(targets: &[Target], least: u64) -> Option<String> {
    let staying: Vec<_> = targets.iter().filter(|target| target.state != "draining").collect();
    let healthy = staying.iter().filter(|target| target.state == "healthy").count();
    let wanted = staying.len().max(usize::try_from(least).unwrap_or(usize::MAX));
    if healthy >= wanted {
        return None;
    }
    let why = staying.iter().find(|target| target.state == "unhealthy");
    let why = why.map(|target| format!(" ({}: {})", target.id, target.reason));
    Some(format!("{healthy} of {wanted} targets healthy{}", why.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(desired: u64, deployments: &Value) -> Value {
        json!({"status": "ACTIVE", "desiredCount": desired, "taskDefinition": "api:2",
            "deployments": deployments})
    }

    fn new(running: u64, state: &str, reason: &str) -> Value {
        json!({"status": "PRIMARY", "taskDefinition": "api:2", "runningCount": running,
            "rolloutState": state, "rolloutStateReason": reason})
    }

    fn progress(service: &Value) -> String {
        match stage(service) {
            Stage::Moving { progress, .. } => progress,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settled_means_one_completed_deployment_with_all_its_tasks() {
        let done = new(3, "COMPLETED", "ECS deployment completed.");
        assert_eq!(stage(&service(3, &json!([done]))), Stage::Settled { tasks: 3 });
        assert_eq!(progress(&service(4, &json!([done]))), "3 of 4 tasks running");
        let old = json!({"status": "ACTIVE", "taskDefinition": "api:1", "runningCount": 2});
        let two = service(3, &json!([done, old]));
        assert_eq!(progress(&two), "3 of 3 tasks running, 2 old ones still there");
        let early = service(3, &json!([new(3, "IN_PROGRESS", "")]));
        assert!(progress(&early).ends_with("not yet completed"));
        // UpdateService has been called and its deployment is not listed yet.
        let mut stale = service(3, &json!([done]));
        stale["taskDefinition"] = json!("api:3");
        assert!(matches!(stage(&stale), Stage::Moving { .. }));
    }

    #[test]
    fn a_completed_rollback_is_a_failure() {
        let why = "ECS deployment circuit breaker: tasks failed to start.";
        let back = json!({"status": "PRIMARY", "taskDefinition": "api:1", "runningCount": 3,
            "createdAt": 1, "rolloutState": "COMPLETED",
            "rolloutStateReason": "ECS deployment completed."});
        let failed = json!({"status": "INACTIVE", "taskDefinition": "api:2", "createdAt": 2,
            "rolloutState": "FAILED", "rolloutStateReason": why});
        let mut service = service(3, &json!([back, failed]));
        service["taskDefinition"] = json!("api:1");
        assert_eq!(stage(&service), Stage::Failed(format!("rolled back to api:1: {why}")));
        assert!(is_steady(&service));
        service["deployments"][1]["runningCount"] = json!(1);
        assert!(!is_steady(&service));
        let why = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";
        service["deployments"] = json!([new(1, "IN_PROGRESS", why)]);
        assert_eq!(stage(&service), Stage::Failed(why.into()));
    }

    #[test]
    fn what_failed_before_the_present_deployment_is_history() {
        let mut next = new(1, "IN_PROGRESS", "ECS deployment ecs-svc/3 in progress.");
        next["createdAt"] = json!(3);
        let failed = json!({"status": "INACTIVE", "taskDefinition": "api:1", "createdAt": 2,
            "runningCount": 0, "rolloutState": "FAILED"});
        assert!(matches!(stage(&service(3, &json!([next, failed]))), Stage::Moving { .. }));
        next["runningCount"] = json!(3);
        next["rolloutState"] = json!("COMPLETED");
        assert_eq!(stage(&service(3, &json!([next, failed]))), Stage::Settled { tasks: 3 });
    }

    #[test]
    fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
        let failed = new(0, "FAILED", "ECS deployment circuit breaker: tasks failed to start.");
        assert!(matches!(stage(&service(2, &json!([failed]))), Stage::Failed(_)));
    }

    #[test]
    fn failing_tasks_are_told_while_ecs_still_tries() {
        let mut trying = new(0, "IN_PROGRESS", "in progress");
        trying["failedTasks"] = json!(2);
        let expected =
            Stage::Moving { progress: "0 of 2 tasks running, 2 failed".into(), failing: true };
        assert_eq!(stage(&service(2, &json!([trying]))), expected);
    }

    #[test]
    fn every_target_that_stays_must_be_healthy() {
        let target = |id: &str, state: &str| Target {
            id: id.into(),
            port: 80,
            state: state.into(),
            reason: "Target.Timeout: Request timed out".into(),
        };
        let leaving = target("10.0.0.1", "draining");
        let good = target("10.0.0.2", "healthy");
        assert_eq!(unhealthy(&[leaving, good.clone()], 1), None);
        assert_eq!(unhealthy(std::slice::from_ref(&good), 2).unwrap(), "1 of 2 targets healthy");
        assert_eq!(
            unhealthy(&[good, target("10.0.0.3", "unhealthy")], 2).unwrap(),
            "1 of 2 targets healthy (10.0.0.3: Target.Timeout: Request timed out)"
        );
    }
}
