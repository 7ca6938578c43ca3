//! The differences below a service, as a release sees them: the new revision must start, and be reached. Whatever
//! else differs is left to `up`, so that nobody's change elsewhere keeps a hotfix back.

use std::collections::BTreeSet;

use engine::diff::Difference;
use engine::kind::Kinds;
use engine::plan::{Action, Step};
use engine::state::State;
use engine::{Address, Resource};
use kinds::{
    Cluster, InternetGateway, Listener, ListenerRules, LoadBalancer, Role, RouteTable, Secret,
    SecurityGroup, SecurityGroupRules, Service, TargetGroup, TaskDefinition, Vpc,
};
use serde_json::Value;

use crate::failure::{Code, Failure};
use crate::report::{self, REVISION};
use crate::run::{PlannedRun, at};

/// How many of the differences that stay are named.
const SHOWN: usize = 5;

/// The load balancer's own group, by the stack's name for it.
const BALANCER: &str = "load-balancer";

/// The fields without which a new revision does not start or is not reached. Tags are in none of them, nor is
/// what only matters later: how long logs are kept, how many tasks run.
const FIELDS: &[(&str, &[&str])] = &[
    (Vpc::KIND, &["dns_support", "dns_hostnames"]),
    (InternetGateway::KIND, &["vpc"]),
    (RouteTable::KIND, &["routes", "subnets"]),
    (SecurityGroupRules::KIND, &["rules"]),
    (LoadBalancer::KIND, &["subnets", "security_groups"]),
    (Listener::KIND, &["port", "protocol", "certificates"]),
    (ListenerRules::KIND, &["rules"]),
    (TargetGroup::KIND, &["health"]),
    (Role::KIND, &["trust", "managed", "inline"]),
    (Secret::KIND, &["scheduled_for_deletion"]),
    (Cluster::KIND, &["capacity_providers"]),
    (
        Service::KIND,
        &[
            "settings.capacityProviderStrategy",
            "settings.launchType",
            "settings.loadBalancers",
            "settings.networkConfiguration",
            "settings.platformVersion",
            "settings.serviceConnectConfiguration",
            "settings.serviceRegistries",
            "settings.volumeConfigurations",
        ],
    ),
];

/// The changes below a service, and to it, as a release sees them.
#[derive(Default)]
pub(super) struct Differences {
    /// Without these the new revision would not start or not be reached.
    pub(super) missing: Vec<String>,
    /// The differences that a release leaves as they are.
    pub(super) others: Vec<String>,
    left: BTreeSet<Address>,
}

impl Differences {
    pub(super) fn of(draft: &PlannedRun, service: &str) -> Self {
        let own = [at::<TaskDefinition>(service), at::<Service>(service)];
        let (_, plan) = draft.only(|address| *address == own[1]);
        let judge = Judge { draft, service };
        let mut found = Self::default();
        for step in plan.changes().filter(|step| step.address != own[0]) {
            if judge.is_of_another_service(&step.address) {
                found.left.insert(step.address.clone());
            } else if matches!(step.action, Action::Create | Action::Replace | Action::Delete) {
                found.missing.push(step.address.to_string());
            } else {
                found.weigh(&judge, step, step.address == own[1]);
            }
        }
        found.others.sort_by_key(|said| !said.starts_with(own[1].as_str()));
        found
    }

    /// Tells the differences of what is there apart.
    fn weigh(&mut self, judge: &Judge<'_>, step: &Step, is_service: bool) {
        if step.differences.is_empty() && step.action != Action::None {
            // A service whose last deployment failed is what a release is for.
            if is_service {
                return;
            }
            self.others.push(step.address.to_string());
        }
        let is_switch = |difference: &&Difference| is_service && difference.path == REVISION;
        let mut stays = !step.differences.iter().any(|one| is_switch(&one));
        for difference in step.differences.iter().filter(|one| !is_switch(one)) {
            let said = format!("{} {}", step.address, difference.path);
            if judge.decides(step, difference) {
                self.missing.push(said);
                stays = false;
            } else {
                self.others.push(said);
            }
        }
        if stays {
            self.left.insert(step.address.clone());
        }
    }

    /// Refuses what cannot start or be reached, and names in one line what stays as it is.
    pub(super) fn require(&self, service: &str, environment: &str) -> Result<(), Failure> {
        if !self.missing.is_empty() {
            let message =
                format!("{service} needs more than a new revision: {}", self.missing.join(", "));
            return Err(Failure::new(Code::Refused, message)
                .hint(format!("provisioner up --env {environment}")));
        }
        if !self.others.is_empty() {
            let shown = self.others.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>();
            let more = self.others.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            report::warning(&format!(
                "a release leaves other differences as they are: {}{more}; to see them: \
                 provisioner plan --env {environment}, provisioner drift --env {environment}",
                shown.join(", ")
            ));
        }
        Ok(())
    }

    /// Makes what a release leaves as it is unchanged in the plan: as it was last applied.
    pub(super) fn leave<C>(
        &self,
        draft: &mut PlannedRun,
        kinds: &Kinds<C>,
        state: &State,
    ) -> engine::Result<()> {
        for address in &self.left {
            let Some(step) = draft.plan.steps.get_mut(address) else { continue };
            let applied = state.resources.get(address).map(|entry| &entry.desired);
            if let Some(applied) = applied.filter(|applied| !applied.is_null()) {
                step.desired = Some(kinds.of(address)?.normalize(applied)?);
                draft.graph.set_spec(address, applied.clone());
            }
            step.action = Action::None;
            step.differences.clear();
            step.older.clear();
            step.reason = None;
        }
        Ok(())
    }
}

struct Judge<'a> {
    draft: &'a PlannedRun,
    service: &'a str,
}

impl Judge<'_> {
    /// Whether the load balancer's rules lead here only because another service has a route.
    fn is_of_another_service(&self, address: &Address) -> bool {
        let kinds = [TargetGroup::KIND, SecurityGroup::KIND, SecurityGroupRules::KIND];
        kinds.contains(&address.kind()) && ![self.service, BALANCER].contains(&address.name())
    }

    /// Whether the new revision would not start or not be reached while this differs.
    fn decides(&self, step: &Step, difference: &Difference) -> bool {
        let kind = step.address.kind();
        let fields =
            FIELDS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, fields)| fields);
        let is_in = |field: &&str| {
            let rest = difference.path.strip_prefix(*field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if !fields.iter().any(is_in) {
            return false;
        }
        let lacking = lacking(difference);
        match kind {
            SecurityGroupRules::KIND if step.address.name() == BALANCER => {
                lacking.iter().any(|rule| self.carries_traffic(rule))
            }
            ListenerRules::KIND => self.lacks_a_way(step),
            _ => !lacking.is_empty(),
        }
    }

    /// Whether a rule of the load balancer's group lets the service's own traffic through: not when it leads to
    /// the tasks of another service.
    fn carries_traffic(&self, rule: &Value) -> bool {
        let group = self.draft.output(&at::<SecurityGroup>(self.service), "id");
        rule["direction"] != "egress" || rule["peer"].as_str() == group
    }

    /// Whether the listener lacks a rule that leads to the service, at whatever priority: another service's route
    /// may only move it.
    fn lacks_a_way(&self, step: &Step) -> bool {
        let target = self.draft.output(&at::<TargetGroup>(self.service), "arn");
        let rules = |side: Option<&Value>| side.and_then(|side| side["rules"].as_array().cloned());
        let there = rules(step.seen.as_ref().map(|seen| &seen.spec)).unwrap_or_default();
        let is_same = |one: &Value, other: &Value| {
            ["paths", "hosts", "target_group"].iter().all(|field| one[*field] == other[*field])
        };
        rules(step.desired.as_ref()).into_iter().flatten().any(|rule| {
            target.is_some_and(|target| rule["target_group"] == target)
                && !there.iter().any(|other| is_same(&rule, other))
        })
    }
}

/// What is desired and not there: the elements that a list lacks, or the value. Nothing when something is only
/// to be taken away.
fn lacking(difference: &Difference) -> Vec<&Value> {
    match (&difference.to, &difference.from) {
        (Some(Value::Array(wanted)), Some(Value::Array(there))) => {
            let lacks: Vec<&Value> = wanted.iter().filter(|one| !there.contains(one)).collect();
            // In another order, which only means something where it is compared.
            if lacks.is_empty() && wanted.len() == there.len() {
                wanted.iter().collect()
            } else {
                lacks
            }
        }
        (Some(wanted), _) => vec![wanted],
        (None, _) => vec![],
    }
}
