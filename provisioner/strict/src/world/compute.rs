//! Clusters, task definitions and services as AWS would know them, with tasks that take their time to start and stop.

pub(super) mod fargate;
pub(super) mod learn;
pub(super) mod refuse;
pub(super) mod show;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::durations;
use super::network::{Eni, Network};
use super::value::{number, text};

/// Fargate's default quota of on-demand vCPUs (L-3032A538) is 6.
const FARGATE_UNITS: i64 = 6 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Compute {
    /// By name.
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// By cluster and name.
    pub(crate) services: BTreeMap<(String, String), Service>,
    /// By ARN, as registered.
    pub(crate) definitions: BTreeMap<String, Value>,
    /// One-off tasks that DescribeTasks does not know yet: until when.
    pub(crate) young: BTreeMap<String, f64>,
    /// How many calls have drawn whether reads lag behind them.
    pub(crate) drawn: u64,
    /// When ECS was first used, for accounts that start without its service-linked role.
    pub(crate) first_use: Option<f64>,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) json: Value,
    pub(crate) deleted: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// As the emulator last described it.
    pub(crate) json: Value,
    pub(crate) desired: i64,
    pub(crate) deployment: Deployment,
    pub(crate) deleted: Option<f64>,
    /// Tasks on their way out: how many, until when.
    pub(crate) stopping: Vec<(i64, f64)>,
    pub(crate) target_groups: BTreeSet<String>,
    pub(crate) subnets: Vec<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) public: bool,
    /// Fargate's units of CPU for one task.
    pub(crate) cpu: i64,
    /// A role that ECS could not assume at first.
    pub(crate) unassumable: Option<String>,
    /// What reads still show of the time before the last update, and until when.
    pub(crate) behind: Option<(Value, f64)>,
}

/// A rollout, or a change of the desired count, under way.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    /// Tasks that ran before.
    pub(crate) before: i64,
    /// The task definition that ran before, when this is a rollout over it.
    pub(crate) old: Option<String>,
    /// When the new tasks run.
    pub(crate) running: f64,
    /// When the old tasks are gone too.
    pub(crate) complete: f64,
    /// When the circuit breaker ends it.
    pub(crate) broken: Option<f64>,
}

impl Service {
    /// `ACTIVE`, `DRAINING`, `INACTIVE`; `None` when no longer known.
    pub(crate) fn status(&self, now: f64) -> Option<&'static str> {
        let Some(deleted) = self.deleted else { return Some("ACTIVE") };
        let drained = self.drained(deleted);
        if now < drained {
            Some("DRAINING")
        } else if now < drained + durations::TOMBSTONE {
            Some("INACTIVE")
        } else {
            None
        }
    }

    /// The service with its deployment as its network lets it go: tasks without a way out fail, one attempt after the
    /// other, until there is one or the circuit breaker trips.
    pub(crate) fn on(&self, network: &Network) -> Self {
        let mut service = self.clone();
        let mut ways = self.subnets.iter().map(|subnet| network.way_out(subnet, self.public));
        let open = ways.try_fold(0.0_f64, |latest, way| way.map(|since| latest.max(since)));
        let begun = self.deployment.running - durations::TASKS_START;
        if self.desired == 0 || open.is_some_and(|open| open <= begun) {
            return service;
        }
        let attempt = |n: f64| begun + n * durations::TASK_STRANDED;
        let starts = open.map_or(f64::INFINITY, |open| {
            attempt(((open - begun) / durations::TASK_STRANDED).ceil())
        });
        let late = starts - begun;
        service.deployment.running += late;
        service.deployment.complete += late;
        let breaker = self.json.pointer("/deploymentConfiguration/deploymentCircuitBreaker/enable");
        if breaker.and_then(Value::as_bool) == Some(true) {
            let desired = f64::from(u16::try_from(self.desired).unwrap_or(u16::MAX));
            let threshold = (desired / 2.0).ceil().clamp(3.0, 200.0);
            let trips = attempt((threshold / desired).ceil());
            if trips < starts {
                service.deployment.broken = Some(trips);
                service.deployment.running = f64::INFINITY;
                service.deployment.complete = f64::INFINITY;
            }
        }
        service
    }

    fn drained(&self, deleted: f64) -> f64 {
        self.stopping.iter().map(|(_, until)| *until).fold(deleted + 1.0, f64::max)
    }

    /// Tasks that still exist, starting and stopping ones included.
    pub(crate) fn tasks(&self, now: f64) -> i64 {
        let stopping: i64 =
            self.stopping.iter().filter(|(_, until)| now < *until).map(|(n, _)| n).sum();
        stopping + if self.deleted.is_none() { self.desired } else { 0 }
    }

    fn interfaces(&self, now: f64) -> i64 {
        let lingering = self
            .stopping
            .iter()
            .filter(|(_, until)| now < *until + durations::TASK_LINGER)
            .map(|(n, _)| n)
            .sum::<i64>();
        lingering + if self.deleted.is_none() { self.desired } else { 0 }
    }
}

impl Compute {
    pub(crate) fn service(&self, p: &Value) -> Option<&Service> {
        self.services.get(&(cluster_name(p), tail(text(p, "service")).to_owned()))
    }

    /// The task definition that a service or task names: an ARN, `family:revision` or the latest of a family.
    pub(crate) fn definition(&self, name: &str) -> Option<&Value> {
        if name.starts_with("arn:") {
            return self.definitions.get(name);
        }
        if name.contains(':') {
            return self.definitions.iter().find(|(arn, _)| tail(arn) == name).map(|(_, d)| d);
        }
        let family = self.definitions.values().filter(|d| text(d, "family") == name);
        family.max_by_key(|d| d.get("revision").and_then(Value::as_i64))
    }

    /// The roles of a task definition: execution, then task.
    pub(crate) fn roles(&self, name: &str) -> [String; 2] {
        let role =
            |key| self.definition(name).map_or_else(String::new, |d| text(d, key).to_owned());
        [role("executionRoleArn"), role("taskRoleArn")]
    }

    /// How many of a service's tasks Fargate's quota lets run, beside those of other services and of its own last
    /// deployment.
    fn placed(&self, key: &(String, String), now: f64) -> i64 {
        let Some(service) = self.services.get(key) else { return 0 };
        if service.cpu == 0 {
            return service.desired;
        }
        let others: i64 = self
            .services
            .iter()
            .filter(|(k, _)| *k != key)
            .map(|(_, s)| s.tasks(now) * s.cpu)
            .sum();
        let leaving = (service.tasks(now) - service.desired) * service.cpu;
        let left = (FARGATE_UNITS - others - leaving).max(0);
        service.desired.min(left / service.cpu)
    }

    /// The interfaces of tasks.
    pub(crate) fn enis(&self, network: &Network, now: f64) -> Vec<Eni> {
        let mut enis = Vec::new();
        for service in self.services.values().filter(|s| !s.subnets.is_empty()) {
            let arn = text(&service.json, "serviceArn");
            let home = arn.split(":service/").next().unwrap_or(arn);
            let count = usize::try_from(service.interfaces(now)).unwrap_or_default();
            for n in 0..count {
                let subnet = &service.subnets[n % service.subnets.len()];
                let mut eni =
                    network.eni(&format!("{arn} {n}"), subnet, String::new(), "amazon-ecs");
                eni.description =
                    format!("{home}:attachment/{}", eni.id.trim_start_matches("eni-"));
                eni.groups.clone_from(&service.groups);
                eni.public = service.public;
                enis.push(eni);
            }
        }
        enis
    }
}

/// The units of CPU of a Fargate task definition; 0 when it is none.
pub(crate) fn fargate_units(definition: &Value) -> i64 {
    let fargate = definition.get("requiresCompatibilities").and_then(Value::as_array);
    if !fargate.is_some_and(|kinds| kinds.iter().any(|k| k == "FARGATE")) {
        return 0;
    }
    number(definition, "cpu").unwrap_or_default()
}

/// The cluster that a request names, by name.
pub(crate) fn cluster_name(p: &Value) -> String {
    let named = tail(text(p, "cluster"));
    if named.is_empty() { "default".to_owned() } else { named.to_owned() }
}

/// The last part of an ARN or a name.
pub(crate) fn tail(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
