//! What AWS would know: a model of the resources behind the proxy, learnt from the calls that succeed, by which calls are
//! refused and answers corrected.

mod cidr;
pub(crate) mod compute;
mod data;
pub mod durations;
pub(crate) mod identity;
mod missing;
pub(crate) mod network;
pub(crate) mod partition;
mod stale;
mod token;
pub(crate) mod traffic;
pub(crate) mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::seed::Seed;
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::wire::error::Fault;

/// Kind of resource to the ids and names that exist. Knows only what was made through the strict cloud.
pub type Inventory = BTreeMap<String, BTreeSet<String>>;

/// What to say instead of asking the emulator.
#[derive(Debug)]
pub(crate) enum Verdict {
    Refuse(Fault),
    /// The answer to the same call made before.
    Replay(Content),
    /// The next page of an answer given before.
    Page(Content),
}

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        Self::Refuse(fault)
    }
}

/// Chance that the model takes part in.
#[derive(Clone, Copy)]
pub(crate) struct Chance {
    pub(crate) seed: Seed,
    /// Probability that something new is unknown for a while.
    pub(crate) stale: f64,
    /// Whether accounts start without ECS's service-linked role.
    pub(crate) fresh: bool,
}

/// All accounts and Regions.
#[derive(Debug, Default)]
pub(crate) struct Worlds {
    regions: HashMap<(String, String), World>,
    identities: HashMap<String, identity::Identity>,
}

/// One account in one Region.
#[derive(Debug, Default)]
struct World {
    network: network::Network,
    traffic: traffic::Traffic,
    compute: compute::Compute,
    data: data::Data,
    tokens: token::Tokens,
    stale: stale::Stale,
}

impl World {
    fn enis(&self, now: f64) -> Vec<network::Eni> {
        let mut enis = self.network.enis(now);
        enis.extend(self.traffic.enis(&self.network, now));
        enis.extend(self.compute.enis(&self.network, now));
        enis
    }

    fn judge(&self, request: &Request, identity: &identity::Identity, now: f64) -> Option<Verdict> {
        if let Some(fault) =
            self.stale.refuse(request, now).or_else(|| identity.refuse_consumer(request, now))
        {
            return Some(fault.into());
        }
        if let Some(verdict) = self.tokens.judge(request) {
            return Some(verdict);
        }
        match request.service.as_str() {
            "ec2" => {
                let fault = self.network.refuse(request, &self.enis(now), now);
                fault.or_else(|| dry_run(request)).map(Into::into)
            }
            "elasticloadbalancing" => self.traffic.refuse(request, &self.network),
            "ecs" => {
                let fault = self.compute.refuse_roles(request, identity, now);
                fault.or_else(|| self.compute.refuse(request, &self.traffic, now)).map(Into::into)
            }
            _ => self.data.refuse(request, &self.compute, now).map(Into::into),
        }
    }
}

impl Worlds {
    /// What AWS would say that the emulator would not; `None` when the emulator shall answer.
    pub(crate) fn judge(&mut self, request: &Request, chance: Chance, now: f64) -> Option<Verdict> {
        if let Some(fault) = partition::refuse(request) {
            return Some(fault.into());
        }
        let identity = self.identities.entry(request.account.clone()).or_default();
        if request.service == "iam" {
            return identity.refuse(request, now).map(Into::into);
        }
        let world =
            self.regions.entry((request.account.clone(), request.region.clone())).or_default();
        if chance.fresh
            && request.service == "ecs"
            && !identity.has_linked_role("ecs.amazonaws.com")
        {
            let fault = world.compute.refuse_linked_role(request, now);
            if fault.is_some() {
                world.compute.first_use.get_or_insert(now);
                return fault.map(Into::into);
            }
        }
        world.judge(request, identity, now)
    }

    /// Takes in what a successful call changed.
    pub(crate) fn learn(&mut self, request: &Request, content: &Content, chance: Chance, now: f64) {
        let answer = content.to_value();
        let identity = self.identities.entry(request.account.clone()).or_default();
        let world =
            self.regions.entry((request.account.clone(), request.region.clone())).or_default();
        world.stale.learn(request, &answer, chance.seed, chance.stale, now);
        world.tokens.learn(request, content);
        match request.service.as_str() {
            "iam" => identity.learn(request, &answer, now),
            "ec2" => world.network.learn(request, content, now),
            "elasticloadbalancing" => world.traffic.learn(request, content, now),
            "ecs" => {
                world.compute.learn(request, &answer, &world.traffic, identity, chance, now);
            }
            _ => world.data.learn(request, &answer, now),
        }
    }

    /// Makes an answer what AWS would say now. True when it changed.
    ///
    /// # Errors
    /// When AWS would refuse: the emulator answered an empty list for ids that do not exist.
    pub(crate) fn show(
        &mut self,
        request: &Request,
        content: &mut Content,
        now: f64,
    ) -> Result<bool, Fault> {
        let Some(world) = self.regions.get(&(request.account.clone(), request.region.clone()))
        else {
            return Ok(false);
        };
        let mut changed = match content {
            Content::Xml(root) if request.service == "ec2" => {
                world.network.show(request, root, &world.enis(now), now)
            }
            Content::Xml(root) if request.service == "elasticloadbalancing" => {
                world.traffic.show(request, root, now)
            }
            Content::Json(value) if request.service == "ecs" => {
                world.compute.show(request, value, &world.network, now)
            }
            Content::Json(value) => world.data.show(request, value, now),
            _ => false,
        };
        changed |= world.stale.show(request, content, now);
        missing::check(request, content)?;
        Ok(changed)
    }

    /// An empty answer to stand for an emulator's "not found" about what only this model still shows.
    pub(crate) fn stand_in(request: &Request, code: &str) -> Option<Content> {
        missing::stand_in(request, code)
    }
}

impl Worlds {
    /// What exists now, in all Regions; what is on its way out still counts.
    pub(crate) fn inventory(&self, account: Option<&str>, now: f64) -> Inventory {
        let of = |other: &str| account.is_none_or(|a| a == other);
        let mut found = Inventory::new();
        let mut add = |kind: &str, ids: Vec<String>| {
            if !ids.is_empty() {
                found.entry(kind.to_owned()).or_default().extend(ids);
            }
        };
        for (_, world) in self.regions.iter().filter(|((other, _), _)| of(other)) {
            let (network, traffic, compute) = (&world.network, &world.traffic, &world.compute);
            add("vpc", network.vpcs.keys().cloned().collect());
            add("subnet", network.subnets.keys().cloned().collect());
            add("internet-gateway", network.gateways.keys().cloned().collect());
            add("address", network.addresses.keys().cloned().collect());
            add("nat-gateway", kept(&network.nats, |n| n.holds(now)));
            add("route-table", kept(&network.tables, |t| !t.main));
            add("vpc-endpoint", kept(&network.endpoints, |e| e.state(now).is_some()));
            add("security-group", kept(&network.groups, |g| !g.default));
            add("network-interface", world.enis(now).into_iter().map(|e| e.id).collect());
            add("load-balancer", kept(&traffic.balancers, |b| b.deleted.is_none()));
            add("target-group", traffic.groups.keys().cloned().collect());
            add("listener", traffic.listeners.keys().cloned().collect());
            add("cluster", kept(&compute.clusters, |c| c.deleted.is_none()));
            let services = compute
                .services
                .iter()
                .filter(|(_, s)| matches!(s.status(now), Some("ACTIVE" | "DRAINING")));
            add(
                "service",
                services.map(|((cluster, name), _)| format!("{cluster}/{name}")).collect(),
            );
            world.data.inventory(&mut add);
        }
        for (_, identity) in self.identities.iter().filter(|(other, _)| of(other)) {
            add("role", identity.role_names());
        }
        found
    }
}

fn kept<T>(all: &BTreeMap<String, T>, keep: impl Fn(&T) -> bool) -> Vec<String> {
    all.iter().filter(|(_, item)| keep(item)).map(|(id, _)| id.clone()).collect()
}

fn dry_run(request: &Request) -> Option<Fault> {
    (value::flag(&request.parameters, "DryRun") == Some(true)).then(|| {
        Fault::refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
            .with_status(412)
    })
}
