//! The network as AWS would know it: what exists, what is used by what, and what is on its way in or out.

mod group;
pub(super) mod learn;
pub(super) mod refuse;
pub(super) mod show;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use group::Group;

use super::cidr::Cidr;
use super::durations;
use crate::wire::xml::Element;

#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) vpcs: BTreeMap<String, Vpc>,
    pub(crate) subnets: BTreeMap<String, Subnet>,
    pub(crate) gateways: BTreeMap<String, Gateway>,
    pub(crate) addresses: BTreeMap<String, Address>,
    pub(crate) nats: BTreeMap<String, Nat>,
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// Made by CreateNetworkInterface.
    pub(crate) interfaces: BTreeMap<String, Interface>,
}

#[derive(Debug, Default)]
pub(crate) struct Vpc {
    pub(crate) region: String,
    pub(crate) cidr: Option<Cidr>,
    pub(crate) dns_support: bool,
    pub(crate) dns_hostnames: bool,
}

#[derive(Debug)]
pub(crate) struct Subnet {
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) cidr: Option<Cidr>,
}

#[derive(Debug, Default)]
pub(crate) struct Gateway {
    pub(crate) region: String,
    pub(crate) vpc: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Address {
    pub(crate) region: String,
    /// Associated by AssociateAddress, not by a NAT gateway.
    pub(crate) association: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    pub(crate) address: Option<String>,
    pub(crate) created: f64,
    pub(crate) deleted: Option<f64>,
    /// Code and message of an asynchronous failure.
    pub(crate) failure: Option<(&'static str, String)>,
    /// As the emulator wrote it.
    pub(crate) item: Element,
}

impl Nat {
    /// The state AWS would show; `None` when it is no longer listed.
    pub(crate) fn state(&self, now: f64) -> Option<&'static str> {
        let state = match (self.deleted, &self.failure) {
            (Some(at), _) if now >= at + durations::NAT_DELETE + durations::TOMBSTONE => {
                return None;
            }
            (Some(at), _) if now >= at + durations::NAT_DELETE => "deleted",
            (Some(_), _) => "deleting",
            (None, Some(_)) if now >= self.created + durations::NAT_FAIL + durations::TOMBSTONE => {
                return None;
            }
            (None, Some(_)) if now >= self.created + durations::NAT_FAIL => "failed",
            (None, None) if now >= self.created + durations::NAT_CREATE => "available",
            (None, _) => "pending",
        };
        Some(state)
    }

    /// Whether it holds its address and its interface.
    pub(crate) fn holds(&self, now: f64) -> bool {
        matches!(self.state(now), Some("pending" | "available" | "deleting"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) vpc: String,
    pub(crate) main: bool,
    /// Association id to subnet.
    pub(crate) associations: BTreeMap<String, String>,
    /// By destination.
    pub(crate) routes: BTreeMap<String, Route>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) target: String,
    pub(crate) since: f64,
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) vpc: String,
    pub(crate) service: String,
    pub(crate) interface: bool,
    pub(crate) private_dns: bool,
    pub(crate) subnets: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) tables: BTreeSet<String>,
    pub(crate) created: f64,
    pub(crate) deleted: Option<f64>,
    pub(crate) item: Element,
}

impl Endpoint {
    /// The state AWS would show; `None` when gone.
    pub(crate) fn state(&self, now: f64) -> Option<&'static str> {
        let (create, delete) = if self.interface {
            (durations::INTERFACE_ENDPOINT_CREATE, durations::ENDPOINT_DELETE)
        } else {
            (durations::GATEWAY_ENDPOINT_CREATE, durations::GATEWAY_ENDPOINT_CREATE)
        };
        match self.deleted {
            Some(at) if now >= at + delete => None,
            Some(_) => Some("deleting"),
            None if now >= self.created + create => Some("available"),
            None => Some("pending"),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Interface {
    pub(crate) subnet: String,
    pub(crate) groups: BTreeSet<String>,
}

/// A network interface that someone holds at a moment, whoever made it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Eni {
    pub(crate) id: String,
    pub(crate) subnet: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) description: String,
    pub(crate) requester: &'static str,
    pub(crate) kind: &'static str,
    /// Has a public address, so the internet gateway cannot go.
    pub(crate) public: bool,
    /// Ours to show: the emulator does not know it.
    pub(crate) synthetic: bool,
}

impl Network {
    pub(crate) fn attached_gateway(&self, vpc: &str) -> Option<&String> {
        self.gateways.iter().find(|(_, g)| g.vpc.as_deref() == Some(vpc)).map(|(id, _)| id)
    }

    pub(crate) fn vpc_of(&self, subnet: &str) -> &str {
        self.subnets.get(subnet).map_or("", |s| s.vpc.as_str())
    }

    /// Since when a task in a subnet can reach AWS: through its default route, or through endpoints. `None` when it
    /// cannot.
    pub(crate) fn way_out(&self, subnet: &str, public: bool) -> Option<f64> {
        let Some(place) = self.subnets.get(subnet) else { return Some(0.0) };
        let own = self.tables.iter().find(|(_, t)| t.associations.values().any(|s| s == subnet));
        let Some((id, table)) =
            own.or_else(|| self.tables.iter().find(|(_, t)| t.main && t.vpc == place.vpc))
        else {
            return Some(0.0);
        };
        if let Some(route) = table.routes.get("0.0.0.0/0") {
            if let Some(nat) = self.nats.get(&route.target) {
                let lives = nat.deleted.is_none() && nat.failure.is_none();
                return lives.then(|| route.since.max(nat.created + durations::NAT_CREATE));
            }
            let internet = route.target.starts_with("igw-");
            return (!internet || public).then_some(route.since);
        }
        let served = ["ecr.api", "ecr.dkr", ".s3", ".logs", ".secretsmanager"].map(|name| {
            let serves = |e: &&Endpoint| {
                e.vpc == place.vpc
                    && e.deleted.is_none()
                    && e.service.ends_with(name)
                    && (e.interface || e.tables.contains(id))
            };
            self.endpoints
                .values()
                .find(serves)
                .map(|e| e.created + durations::INTERFACE_ENDPOINT_CREATE)
        });
        served.into_iter().try_fold(0.0_f64, |latest, since| since.map(|since| latest.max(since)))
    }

    /// An interface of something that AWS runs, in a subnet.
    pub(crate) fn eni(
        &self,
        owner: &str,
        subnet: &str,
        description: String,
        requester: &'static str,
    ) -> Eni {
        let place = self.subnets.get(subnet);
        Eni {
            id: eni_id(&format!("{owner} {subnet}")),
            subnet: subnet.to_owned(),
            vpc: place.map_or_else(String::new, |s| s.vpc.clone()),
            zone: place.map_or_else(String::new, |s| s.zone.clone()),
            description,
            requester,
            kind: "interface",
            synthetic: true,
            ..Eni::default()
        }
    }

    /// The interfaces of NAT gateways, endpoints and of users.
    pub(crate) fn enis(&self, now: f64) -> Vec<Eni> {
        let mut enis = Vec::new();
        for (id, nat) in self.nats.iter().filter(|(_, nat)| nat.holds(now)) {
            let mut eni =
                self.eni(id, &nat.subnet, format!("Interface for NAT Gateway {id}"), "amazon-aws");
            eni.kind = "nat_gateway";
            eni.public = nat.address.is_some();
            enis.push(eni);
        }
        for (id, endpoint) in
            self.endpoints.iter().filter(|(_, e)| e.interface && e.state(now).is_some())
        {
            for subnet in &endpoint.subnets {
                let mut eni =
                    self.eni(id, subnet, format!("VPC Endpoint Interface {id}"), "amazon-aws");
                eni.kind = "vpc_endpoint";
                eni.groups.clone_from(&endpoint.groups);
                enis.push(eni);
            }
        }
        for (id, interface) in &self.interfaces {
            let mut eni = self.eni(id, &interface.subnet, String::new(), "");
            eni.id.clone_from(id);
            eni.groups.clone_from(&interface.groups);
            eni.synthetic = false;
            enis.push(eni);
        }
        enis
    }
}

/// A made-up interface id that is always the same for the same owner.
fn eni_id(label: &str) -> String {
    let seed = crate::seed::Seed(1);
    let digits: String = (0..17_u64)
        .map(|n| ((seed.draw(label, n) * 16.0).floor().clamp(0.0, 15.0), n))
        .filter_map(|(value, _)| (0..16_u32).rev().find(|d| f64::from(*d) <= value))
        .filter_map(|digit| char::from_digit(digit, 16))
        .collect();
    format!("eni-{digits}")
}
