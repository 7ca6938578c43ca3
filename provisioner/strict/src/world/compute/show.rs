//! ECS's answers as AWS would give them now: rollouts in progress, services that drain, tombstones.

use serde_json::{Value, json};

use super::{Compute, Service, cluster_name, tail};
use crate::wire::Request;
use crate::world::durations::TOMBSTONE;
use crate::world::network::Network;
use crate::world::value::{list, text, texts};

impl Compute {
    /// Changes an answer in place. True when it differs from what the emulator said.
    pub(crate) fn show(
        &self,
        request: &Request,
        answer: &mut Value,
        network: &Network,
        now: f64,
    ) -> bool {
        let p = &request.parameters;
        match request.operation.as_str() {
            "CreateService" | "UpdateService" | "DeleteService" => {
                let name = text(&answer["service"], "serviceName").to_owned();
                let key = (cluster_name(p), name);
                let Some(service) = self.services.get(&key) else { return false };
                service.on(network).show(&mut answer["service"], self.placed(&key, now), now);
                true
            }
            "DescribeServices" => {
                self.show_services(p, answer, network, now);
                true
            }
            "ListServices" => {
                let cluster = cluster_name(p);
                let mut arns = texts(answer, "serviceArns");
                for ((home, _), service) in &self.services {
                    let arn = text(&service.json, "serviceArn");
                    if *home == cluster
                        && service.status(now) == Some("DRAINING")
                        && !arns.iter().any(|a| a == arn)
                    {
                        arns.push(arn.to_owned());
                    }
                }
                answer["serviceArns"] = json!(arns);
                true
            }
            "DescribeTasks" => {
                let mut changed = self.hide_tasks(answer, now);
                for task in
                    answer.get_mut("tasks").and_then(Value::as_array_mut).into_iter().flatten()
                {
                    changed |= self.show_task(&cluster_name(p), task, network, now);
                }
                changed
            }
            "DescribeClusters" => self.show_clusters(p, answer, now),
            _ => false,
        }
    }

    fn show_services(&self, p: &Value, answer: &mut Value, network: &Network, now: f64) {
        let cluster = cluster_name(p);
        let mut services = Vec::new();
        let mut failures = Vec::new();
        for asked in texts(p, "services") {
            let name = tail(&asked);
            let found =
                list(answer, "services").iter().find(|s| text(s, "serviceName") == name).cloned();
            let key = (cluster.clone(), name.to_owned());
            match self.services.get(&key) {
                Some(Service { behind: Some((before, until)), deleted: None, .. })
                    if now < *until =>
                {
                    services.push(before.clone());
                }
                Some(known) if known.status(now).is_some() => {
                    let mut json = found.unwrap_or_else(|| known.json.clone());
                    known.on(network).show(&mut json, self.placed(&key, now), now);
                    services.push(json);
                }
                Some(gone) => failures
                    .push(json!({ "arn": text(&gone.json, "serviceArn"), "reason": "MISSING" })),
                None => match found {
                    Some(json) => services.push(json),
                    None => failures.extend(
                        list(answer, "failures")
                            .iter()
                            .filter(|f| tail(text(f, "arn")) == name)
                            .cloned(),
                    ),
                },
            }
        }
        answer["services"] = json!(services);
        answer["failures"] = json!(failures);
    }

    /// One-off tasks that were started a moment ago are not found yet.
    fn hide_tasks(&self, answer: &mut Value, now: f64) -> bool {
        let is_young =
            |task: &Value| self.young.get(text(task, "taskArn")).is_some_and(|until| now < *until);
        let tasks = list(answer, "tasks");
        let young: Vec<Value> = tasks.iter().filter(|task| is_young(task)).cloned().collect();
        if young.is_empty() {
            return false;
        }
        let rest: Vec<Value> = tasks.iter().filter(|task| !is_young(task)).cloned().collect();
        let mut failures = list(answer, "failures").to_vec();
        let missing = young.iter().map(|task| json!({"arn": task["taskArn"], "reason": "MISSING"}));
        failures.extend(missing);
        answer["tasks"] = json!(rest);
        answer["failures"] = json!(failures);
        true
    }

    fn show_task(&self, cluster: &str, task: &mut Value, network: &Network, now: f64) -> bool {
        let Some(name) = text(task, "group").strip_prefix("service:") else { return false };
        let Some(service) = self.services.get(&(cluster.to_owned(), name.to_owned())) else {
            return false;
        };
        let new = text(task, "taskDefinitionArn") == text(&service.json, "taskDefinition");
        if !new
            || now >= service.on(network).deployment.running
            || text(task, "lastStatus") != "RUNNING"
        {
            return false;
        }
        task["lastStatus"] = "PENDING".into();
        true
    }

    fn show_clusters(&self, p: &Value, answer: &mut Value, now: f64) -> bool {
        let mut changed = false;
        for asked in texts(p, "clusters") {
            let Some(cluster) = self.clusters.get(tail(&asked)) else { continue };
            let listed =
                list(answer, "clusters").iter().any(|c| text(c, "clusterName") == tail(&asked));
            if cluster.deleted.is_some_and(|at| now < at + TOMBSTONE) && !listed {
                let mut json = cluster.json.clone();
                json["status"] = "INACTIVE".into();
                if let Some(clusters) = answer.get_mut("clusters").and_then(Value::as_array_mut) {
                    clusters.push(json);
                }
                if let Some(failures) = answer.get_mut("failures").and_then(Value::as_array_mut) {
                    failures.retain(|f| tail(text(f, "arn")) != tail(&asked));
                }
                changed = true;
            }
        }
        changed
    }
}

impl Service {
    fn show(&self, json: &mut Value, placed: i64, now: f64) {
        let Some(status) = self.status(now) else { return };
        json["status"] = status.into();
        if self.deleted.is_some() {
            json["desiredCount"] = 0.into();
            json["pendingCount"] = 0.into();
            json["runningCount"] = self.tasks(now).into();
            if status == "INACTIVE" {
                json["deployments"] = json!([]);
            }
            return;
        }
        let rollout = &self.deployment;
        let name = text(json, "serviceName").to_owned();
        if let Some(primary) = json.pointer_mut("/deployments/0")
            && (rollout.old.is_some() || rollout.before == 0)
            && now < rollout.complete
        {
            let up = now >= rollout.running;
            primary["rolloutState"] = "IN_PROGRESS".into();
            primary["rolloutStateReason"] =
                format!("ECS deployment {} in progress.", text(primary, "id")).into();
            primary["runningCount"] = if up { self.desired } else { 0 }.into();
            primary["pendingCount"] = if up { 0 } else { self.desired }.into();
        }
        if now < rollout.running {
            json["runningCount"] = rollout.before.min(self.desired).into();
            json["pendingCount"] =
                (if rollout.old.is_some() { self.desired } else { self.desired - rollout.before })
                    .max(0)
                    .into();
        }
        if let (Some(old), true) = (&rollout.old, rollout.before > 0 && now < rollout.complete) {
            self.show_old_deployment(json, old, now);
        }
        if rollout.broken.is_some_and(|at| now >= at) {
            json["pendingCount"] = 0.into();
            if let Some(primary) = json.pointer_mut("/deployments/0") {
                primary["rolloutState"] = "FAILED".into();
                primary["rolloutStateReason"] =
                    "ECS deployment circuit breaker: tasks failed to start.".into();
                primary["failedTasks"] = 3.max((self.desired + 1) / 2).into();
                primary["pendingCount"] = 0.into();
            }
        }
        let events = json.get("events").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if events {
            json["events"] = self.events(&name, placed, now);
        }
        if placed < self.desired {
            self.show_unplaced(json, placed, now);
        }
    }

    /// A rollout that Fargate's quota keeps from its end.
    fn show_unplaced(&self, json: &mut Value, placed: i64, now: f64) {
        let running = if now >= self.deployment.running { placed } else { 0 };
        json["runningCount"] = running.into();
        json["pendingCount"] = (placed - running).into();
        if let Some(primary) = json.pointer_mut("/deployments/0") {
            primary["rolloutState"] = "IN_PROGRESS".into();
            primary["runningCount"] = running.into();
            primary["pendingCount"] = (placed - running).into();
        }
    }

    /// The deployment that is being replaced, which the emulators drop at once.
    fn show_old_deployment(&self, json: &mut Value, definition: &str, now: f64) {
        let Some(deployments) = json.get_mut("deployments").and_then(Value::as_array_mut) else {
            return;
        };
        if deployments.len() != 1 {
            return;
        }
        let mut old = deployments[0].clone();
        old["id"] = format!("{}0", text(&old, "id")).into();
        old["status"] = "ACTIVE".into();
        old["taskDefinition"] = definition.into();
        old["rolloutState"] = "COMPLETED".into();
        old["desiredCount"] =
            if now < self.deployment.running { self.deployment.before } else { 0 }.into();
        old["runningCount"] = self.deployment.before.into();
        old["pendingCount"] = 0.into();
        deployments.push(old);
    }

    /// Newest first, as ECS lists them.
    fn events(&self, name: &str, placed: i64, now: f64) -> Value {
        let mut events = Vec::new();
        let mut say = |n: usize, message: String| {
            events.insert(0, json!({ "id": format!("00000000-0000-4000-8000-{n:012}"), "createdAt": 0, "message": message }));
        };
        if let Some(role) = &self.unassumable {
            say(
                1,
                format!(
                    "(service {name}) failed to launch a task with (error ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.)."
                ),
            );
        }
        if placed < self.desired {
            say(
                4,
                format!(
                    "(service {name}) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently."
                ),
            );
            return Value::Array(events);
        }
        if self.deployment.broken.is_some_and(|at| now >= at) {
            say(
                5,
                format!(
                    "(service {name}) (deployment ecs-svc/0) deployment failed: tasks failed to start."
                ),
            );
        }
        if now >= self.deployment.running {
            say(2, format!("(service {name}) has started {} tasks.", self.desired));
        }
        if now >= self.deployment.complete {
            say(3, format!("(service {name}) has reached a steady state."));
        }
        Value::Array(events)
    }
}
