//! The way in: one load balancer for all services that have a route, its rules, and the holes in the
//! security groups that this needs.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Input, Node, Result};
use kinds::{
    DefaultAction, Direction, HealthCheck, Listener, ListenerRule, ListenerRules, LoadBalancer,
    LoadBalancerAttributes, Rule, SecurityGroup, SecurityGroupRules, TargetGroup,
};

use super::network::Network;
use super::service::Running;
use super::{Stack, ids};
use crate::environment::{Ingress, Service};

/// How the load balancer talks to tasks.
const PROTOCOL: &str = "HTTP";
/// The port of every target group: ECS registers tasks with ports of their own.
const UNUSED_PORT: u16 = 80;

/// What services use of the way in.
pub(super) struct Entrance {
    pub(super) group: Node<SecurityGroup>,
    pub(super) rules: Node<ListenerRules>,
    /// By service.
    pub(super) targets: BTreeMap<String, Node<TargetGroup>>,
}

impl Stack<'_> {
    /// Nothing when no service has a route.
    pub(super) fn entrance(&mut self, network: &Network) -> Result<Option<Entrance>> {
        let environment = self.environment;
        let routed: Vec<(&String, &Service)> = environment
            .services
            .iter()
            .filter(|(_, service)| service.port.is_some() && service.route.is_some())
            .collect();
        if routed.is_empty() {
            return Ok(None);
        }
        let group = self.security_group(
            "load-balancer",
            "From the internet to the load balancer",
            network,
        )?;
        let name = self.names.load_balancer();
        let balancer = LoadBalancer {
            name: name.clone(),
            scheme: "internet-facing".into(),
            subnets: ids(network.public.iter().map(|subnet| &subnet.id)),
            security_groups: BTreeSet::from([group.id.clone()]),
            attributes: LoadBalancerAttributes {
                deletion_protection: self.environment.protect,
                drop_invalid_headers: environment.load_balancer.drop_invalid_headers,
                idle_timeout: environment.load_balancer.idle.0,
            },
            tags: self.tags::<LoadBalancer>("main", &name),
        };
        let balancer = self.graph.add("main", &balancer)?;
        self.graph.after(&balancer, &network.gateway);
        let listener = Listener {
            load_balancer: balancer.arn.clone(),
            port: 80,
            protocol: "HTTP".into(),
            default: DefaultAction::FixedResponse {
                status: 404,
                content_type: "text/plain".into(),
                body: "No service has this route.".into(),
            },
            tags: self.tags::<Listener>("http", &self.names.of("http")),
        };
        let listener = self.graph.add("http", &listener)?;
        let mut targets = BTreeMap::new();
        for (name, service) in routed {
            targets.insert(name.clone(), self.target_group(name, service, network)?);
        }
        let rules = environment.rules_around(&self.facts.avoided).into_iter().filter_map(|rule| {
            let text = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
            Some(ListenerRule {
                priority: rule.priority,
                paths: text(rule.paths),
                hosts: text(rule.hosts),
                target_group: targets.get(rule.service)?.arn.clone(),
            })
        });
        let rules = ListenerRules {
            listener: listener.arn.clone(),
            rules: rules.collect(),
            tags: self.tags::<ListenerRules>("http", &self.names.of("http")),
        };
        let rules = self.graph.add("http", &rules)?;
        Ok(Some(Entrance { group, rules, targets }))
    }

    fn target_group(
        &mut self,
        name: &str,
        service: &Service,
        network: &Network,
    ) -> Result<Node<TargetGroup>> {
        let health = &service.health;
        let full = self.names.target_group(name, PROTOCOL);
        let group = TargetGroup {
            name: full.clone(),
            vpc: network.vpc.id.clone(),
            port: UNUSED_PORT,
            protocol: PROTOCOL.into(),
            health: HealthCheck {
                path: health.path.clone(),
                codes: health.codes.clone(),
                interval: health.interval.0,
                timeout: health.timeout.0,
                healthy: u32::from(health.healthy),
                unhealthy: u32::from(health.unhealthy),
            },
            deregistration_delay: service.deregistration.0,
            tags: self.tags::<TargetGroup>(name, &full),
        };
        self.graph.add(name, &group)
    }

    pub(super) fn security_group(
        &mut self,
        name: &str,
        description: &str,
        network: &Network,
    ) -> Result<Node<SecurityGroup>> {
        let full = self.names.of(name);
        let group = SecurityGroup {
            vpc: network.vpc.id.clone(),
            name: full.clone(),
            description: description.into(),
            tags: self.tags::<SecurityGroup>(name, &full),
        };
        self.graph.add(name, &group)
    }

    /// Who may talk to whom: the world to the load balancer, the load balancer to each service, a
    /// service to everything, and whoever the user lets in besides.
    pub(super) fn openings(
        &mut self,
        entrance: Option<&Entrance>,
        services: &[Running],
    ) -> Result<()> {
        let mut from_balancer = BTreeSet::new();
        for service in services {
            let mut rules = BTreeSet::from([open(Direction::Egress, None, &"0.0.0.0/0".into())]);
            if let (Some(entrance), Some(port)) = (entrance, service.routed_port) {
                rules.insert(open(Direction::Ingress, Some(port), &entrance.group.id));
                from_balancer.insert(open(Direction::Egress, Some(port), &service.group.id));
            }
            rules.extend(self.environment.services[&service.name].ingress.iter().map(let_in));
            let rules = SecurityGroupRules { group: service.group.id.clone(), rules };
            let rules = self.graph.add(&service.name, &rules)?;
            self.graph.after(&service.node, &rules);
        }
        if let Some(entrance) = entrance {
            let mut rules = from_balancer;
            rules.insert(open(Direction::Ingress, Some(80), &"0.0.0.0/0".into()));
            rules.extend(self.environment.load_balancer.ingress.iter().map(let_in));
            let rules = SecurityGroupRules { group: entrance.group.id.clone(), rules };
            let rules = self.graph.add("load-balancer", &rules)?;
            for service in services.iter().filter(|service| service.routed_port.is_some()) {
                self.graph.after(&service.node, &rules);
            }
        }
        Ok(())
    }
}

/// One port over TCP, or everything.
fn open(direction: Direction, port: Option<u16>, peer: &Input) -> Rule {
    let (protocol, port) = port.map_or(("-1", -1), |port| ("tcp", i32::from(port)));
    Rule {
        direction,
        protocol: protocol.into(),
        from: port,
        to: port,
        peer: peer.clone(),
        description: String::new(),
    }
}

/// A rule that the user asks for.
fn let_in(ingress: &Ingress) -> Rule {
    Rule {
        protocol: ingress.protocol.name().into(),
        description: ingress.description.clone(),
        ..open(Direction::Ingress, Some(ingress.port), &ingress.from.as_str().into())
    }
}
