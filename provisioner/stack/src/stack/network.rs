//! The network: one VPC, two subnets per zone, the ways out.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Error, Input, Node, Result};
use kinds::{
    ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, Route, RouteTable, Subnet, Vpc,
};

use super::{Stack, ids};
use crate::environment::{ExtraRoute, Nat, Side};

/// What the rest of the stack uses of the network.
pub(super) struct Network {
    pub(super) vpc: Node<Vpc>,
    pub(super) gateway: Node<InternetGateway>,
    pub(super) public: Vec<Node<Subnet>>,
    /// Where tasks run.
    pub(super) tasks: BTreeSet<Input>,
    /// The route tables of the tasks' subnets: nothing can be pulled before they are there.
    pub(super) ways_out: Vec<Node<RouteTable>>,
}

const EVERYWHERE: &str = "0.0.0.0/0";

/// The route table of the public subnets.
const PUBLIC: &str = "public";

impl Stack<'_> {
    pub(super) fn network(&mut self) -> Result<Network> {
        let base = self.names.base();
        let settings = &self.environment.network;
        let vpc = self.graph.add(
            "main",
            &Vpc {
                cidr: settings.cidr.to_string(),
                dns_support: true,
                dns_hostnames: true,
                tags: self.tags::<Vpc>("main", &base),
            },
        )?;
        let gateway = self.graph.add(
            "main",
            &InternetGateway {
                vpc: vpc.id.clone(),
                tags: self.tags::<InternetGateway>("main", &base),
            },
        )?;
        let carved = settings.carved().ok_or_else(|| Error::other("the CIDR is too small"))?;
        let zones = &self.facts.zones;
        if zones.len() != carved.len() {
            return Err(Error::other(format!(
                "{} zones are wanted, {} are known",
                carved.len(),
                zones.len()
            )));
        }
        let mut public = Vec::new();
        let mut private = Vec::new();
        for (zone, parts) in zones.iter().zip(carved) {
            public.push(self.subnet(&vpc, "public", zone, &parts.public.to_string())?);
            if !settings.public_tasks() {
                private.push(self.subnet(&vpc, "private", zone, &parts.private.to_string())?);
            }
        }
        let to_internet = Route { destination: EVERYWHERE.into(), target: gateway.id.clone() };
        let subnets = ids(public.iter().map(|subnet| &subnet.id));
        let public_routes = self.route_table(PUBLIC, &vpc, to_internet, subnets)?;
        let ways_out = match settings.nat {
            Nat::None => vec![public_routes],
            nat => {
                let gateways = self.nat_gateways(nat, &public, &gateway, &public_routes)?;
                self.private_routes(&vpc, &gateways, &private)?
            }
        };
        let tasks = if settings.public_tasks() { &public } else { &private };
        let tasks = ids(tasks.iter().map(|subnet| &subnet.id));
        self.endpoint(&vpc, &ways_out)?;
        Ok(Network { vpc, gateway, public, tasks, ways_out })
    }

    fn subnet(
        &mut self,
        vpc: &Node<Vpc>,
        side: &str,
        zone: &str,
        cidr: &str,
    ) -> Result<Node<Subnet>> {
        let name = format!("{side}-{}", letter(zone));
        let tags = self.tags::<Subnet>(&name, &self.names.of(&name));
        let subnet = Subnet { vpc: vpc.id.clone(), zone: zone.into(), cidr: cidr.into(), tags };
        self.graph.add(&name, &subnet)
    }

    /// One gateway in each zone, or one in the first.
    fn nat_gateways(
        &mut self,
        nat: Nat,
        public: &[Node<Subnet>],
        gateway: &Node<InternetGateway>,
        public_routes: &Node<RouteTable>,
    ) -> Result<Vec<Node<NatGateway>>> {
        let count = if nat == Nat::Shared { 1 } else { public.len() };
        let zones: Vec<String> = self.facts.zones.iter().take(count).cloned().collect();
        let mut gateways = Vec::new();
        for (subnet, zone) in public.iter().zip(zones) {
            let name = letter(&zone).to_owned();
            let display = self.names.of(&format!("nat-{name}"));
            let address = ElasticIp { tags: self.tags::<ElasticIp>(&name, &display) };
            let address = self.graph.add(&name, &address)?;
            let nat = NatGateway {
                subnet: subnet.id.clone(),
                address: Some(address.id.clone()),
                tags: self.tags::<NatGateway>(&name, &display),
            };
            let nat = self.graph.add(&name, &nat)?;
            // A NAT gateway in a VPC whose internet gateway is not attached yet fails for good.
            self.graph.after(&nat, gateway);
            self.graph.after(&nat, public_routes);
            gateways.push(nat);
        }
        Ok(gateways)
    }

    /// A table for each gateway: the zone's own, or the shared one for all.
    fn private_routes(
        &mut self,
        vpc: &Node<Vpc>,
        gateways: &[Node<NatGateway>],
        private: &[Node<Subnet>],
    ) -> Result<Vec<Node<RouteTable>>> {
        let mut behind: BTreeMap<usize, BTreeSet<Input>> = BTreeMap::new();
        for (index, subnet) in private.iter().enumerate() {
            behind.entry(index.min(gateways.len() - 1)).or_default().insert(subnet.id.clone());
        }
        let mut tables = Vec::new();
        for (index, subnets) in behind {
            let name = format!("private-{}", letter(&self.facts.zones[index]));
            let out = Route { destination: EVERYWHERE.into(), target: gateways[index].id.clone() };
            tables.push(self.route_table(&name, vpc, out, subnets)?);
        }
        Ok(tables)
    }

    fn route_table(
        &mut self,
        name: &str,
        vpc: &Node<Vpc>,
        out: Route,
        subnets: BTreeSet<Input>,
    ) -> Result<Node<RouteTable>> {
        let tags = self.tags::<RouteTable>(name, &self.names.of(name));
        let mut routes =
            self.extra_routes(if name == PUBLIC { Side::Public } else { Side::Private });
        routes.insert(out);
        let table = RouteTable { vpc: vpc.id.clone(), routes, subnets, tags };
        self.graph.add(name, &table)
    }

    /// The user's own routes of these subnets.
    fn extra_routes(&self, side: Side) -> BTreeSet<Route> {
        let settings = &self.environment.network;
        let tasks = if settings.public_tasks() { Side::Public } else { Side::Private };
        let wanted = settings.routes.iter().filter(|route| route.subnets.unwrap_or(tasks) == side);
        let route = |route: &ExtraRoute| Route {
            destination: route.destination.clone(),
            target: route.target.as_str().into(),
        };
        wanted.map(route).collect()
    }

    /// Image layers come from S3: through this they cost nothing and pass no NAT gateway.
    fn endpoint(&mut self, vpc: &Node<Vpc>, tables: &[Node<RouteTable>]) -> Result<()> {
        let endpoint = GatewayEndpoint {
            vpc: vpc.id.clone(),
            service: format!("com.amazonaws.{}.s3", self.environment.region),
            route_tables: ids(tables.iter().map(|table| &table.id)),
            tags: self.tags::<GatewayEndpoint>("s3", &self.names.of("s3")),
        };
        self.graph.add("s3", &endpoint).map(drop)
    }
}

/// `a` of `us-east-1a`.
fn letter(zone: &str) -> &str {
    let start = zone.rfind(|c: char| c.is_ascii_digit()).map_or(0, |index| index + 1);
    &zone[start..]
}
