//! Lists what keeps a VPC from being deleted. Other services put resources of their own into it
//! (GuardDuty its endpoints, Kubernetes its load balancers).

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_ec2::types::{NetworkInterface, SecurityGroup, Subnet, Tag};
use engine::{Owner, Ready, Result};
use futures::try_join;

use crate::Aws;
use crate::adapters::ec2::gateway_endpoint::readiness;
use crate::error::error;
use crate::observe::tags;

/// Something in a VPC that keeps it from being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcDependent {
    /// `network-interface`, `vpc-endpoint`, `security-group`, `nat-gateway`, `subnet` or
    /// `load-balancer`.
    pub kind: &'static str,
    pub id: String,
    /// It carries our project and environment. A network interface, which carries no
    /// tags of ours, is ours when it belongs to something of ours or is in one of our security groups.
    pub ours: bool,
    /// In words.
    pub owner: String,
}

impl fmt::Display for VpcDependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.kind, self.id, self.owner)
    }
}

impl Aws {
    /// Everything in a VPC but what comes and goes with it: network interfaces, endpoints, security
    /// groups, NAT gateways, subnets and load balancers. Nothing when there is no such VPC. Ours is what
    /// carries the tags of `owner`, or else of the VPC.
    pub async fn vpc_dependents(
        &self,
        vpc: &str,
        owner: Option<&Owner>,
    ) -> Result<Vec<VpcDependent>> {
        let within = |name: &str| vec![vec![tags::filter(name, [vpc])]];
        let (vpc_owner, interfaces, endpoints, groups, gateways, subnets, balancers) = try_join!(
            async {
                match owner {
                    Some(owner) => Ok(Some(owner.clone())),
                    None => self.owner_of_vpc(vpc).await,
                }
            },
            self.interfaces(tags::filter("vpc-id", [vpc])),
            self.endpoints(within("vpc-id")),
            self.groups_in(vpc),
            self.nat_gateways(within("vpc-id")),
            self.subnets_in(vpc),
            self.balancers(None, None),
        )?;
        // Emulators do not know every filter.
        let here = |other: Option<&str>| other.is_none_or(|other| other == vpc);
        let mut found = Vec::new();
        let one = |kind, id: Option<&str>, tags: Option<&[Tag]>| {
            let (owner, _) = tags::seen_ec2(tags);
            VpcDependent {
                kind,
                id: id.unwrap_or_default().into(),
                ours: is_ours(owner.as_ref(), vpc_owner.as_ref()),
                owner: who(owner.as_ref(), tags.unwrap_or_default())
                    .unwrap_or_else(|| "somebody who left no name".into()),
            }
        };
        found.extend(subnets.iter().map(|s| one("subnet", s.subnet_id(), s.tags.as_deref())));
        found.extend(groups.iter().map(|g| one("security-group", g.group_id(), g.tags.as_deref())));
        let endpoints = endpoints.iter().filter(|one| here(one.vpc_id()));
        for endpoint in endpoints.filter(|one| readiness(one).is_some()) {
            found.push(one("vpc-endpoint", endpoint.vpc_endpoint_id(), endpoint.tags.as_deref()));
        }
        // A gateway that is gone may still be read in the description of its interface.
        let mut departed = Vec::new();
        for gateway in gateways.iter().filter(|one| here(one.vpc_id())) {
            let dependent = one("nat-gateway", gateway.nat_gateway_id(), gateway.tags.as_deref());
            if crate::adapters::ec2::nat_gateway::readiness(gateway)
                .is_some_and(|ready| !matches!(ready, Ready::Never(_)))
            {
                found.push(dependent);
            } else {
                departed.push(dependent);
            }
        }
        let stands_here = |balancer: &&aws_sdk_elasticloadbalancingv2::types::LoadBalancer| {
            let zones = balancer.availability_zones();
            balancer.vpc_id() == Some(vpc)
                || zones
                    .iter()
                    .filter_map(|zone| zone.subnet_id())
                    .any(|subnet| subnets.iter().any(|known| known.subnet_id() == Some(subnet)))
        };
        let arns: Vec<&str> = balancers
            .iter()
            .filter(stands_here)
            .filter_map(|one| one.load_balancer_arn())
            .collect();
        let labels = self.elb_labels(&arns).await?;
        for arn in arns {
            let (owner, tags) = labels.of(arn);
            let pairs: Vec<Tag> =
                tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
            found.push(VpcDependent {
                owner: who(owner.as_ref(), &pairs)
                    .unwrap_or_else(|| "somebody who left no name".into()),
                ours: is_ours(owner.as_ref(), vpc_owner.as_ref()),
                ..one("load-balancer", Some(arn), None)
            });
        }
        departed.extend_from_slice(&found);
        let ends: BTreeMap<&str, &str> = gateways
            .iter()
            .flat_map(|gateway| {
                let ends = gateway.nat_gateway_addresses().iter();
                ends.filter_map(|end| {
                    Some((end.network_interface_id()?, gateway.nat_gateway_id()?))
                })
            })
            .collect();
        let interfaces = interfaces.iter().filter(|one| here(one.vpc_id())).map(|interface| {
            let gateway = interface.network_interface_id().and_then(|id| ends.get(id)).copied();
            interface_dependent(interface, gateway, &departed)
        });
        let interfaces: Vec<VpcDependent> = interfaces.collect();
        found.extend(interfaces);
        Ok(found)
    }

    /// Who the VPC itself belongs to.
    async fn owner_of_vpc(&self, vpc: &str) -> Result<Option<Owner>> {
        let call = self.read().ec2.describe_vpcs().filters(tags::filter("vpc-id", [vpc]));
        let found = call.send().await.map_err(|e| error("ec2:DescribeVpcs", e))?;
        Ok(found.vpcs().first().and_then(|vpc| tags::seen_ec2(vpc.tags.as_deref()).0))
    }

    async fn groups_in(&self, vpc: &str) -> Result<Vec<SecurityGroup>> {
        let mut found = self.security_groups(vec![vec![tags::filter("vpc-id", [vpc])]]).await?;
        // The default group goes with the VPC.
        found.retain(|group| group.group_name() != Some("default") && group.vpc_id() == Some(vpc));
        Ok(found)
    }

    async fn subnets_in(&self, vpc: &str) -> Result<Vec<Subnet>> {
        self.subnets(vec![vec![tags::filter("vpc-id", [vpc])]]).await
    }
}

fn is_ours(owner: Option<&Owner>, vpc_owner: Option<&Owner>) -> bool {
    owner.zip(vpc_owner).is_some_and(|(owner, vpc_owner)| owner.same_environment(vpc_owner))
}

/// An interface, told by what it belongs to; by the NAT gateway that says that it is its own, if one does.
fn interface_dependent(
    interface: &NetworkInterface,
    gateway: Option<&str>,
    others: &[VpcDependent],
) -> VpcDependent {
    let description = interface.description().unwrap_or_default();
    let of = others.iter().find(|other| match other.kind {
        "nat-gateway" if gateway == Some(other.id.as_str()) => true,
        "load-balancer" => {
            let name = other.id.split_once(":loadbalancer/").map(|(_, name)| name);
            name.is_some_and(|name| description == format!("ELB {name}"))
        }
        "nat-gateway" | "vpc-endpoint" => description.contains(&other.id),
        _ => false,
    });
    let mut groups = interface.groups().iter().filter_map(|group| group.group_id());
    let in_ours = groups.any(|id| others.iter().any(|other| other.ours && other.id == id));
    let known = of.map(|of| of.owner.clone()).or_else(|| who(None, interface.tag_set()));
    let told = [interface.requester_id().unwrap_or_default(), description];
    let told: Vec<&str> = told.into_iter().filter(|text| !text.is_empty()).collect();
    let owner = match (known, told.is_empty()) {
        (Some(known), true) => known,
        (Some(known), false) => format!("{known} ({})", told.join(", ")),
        (None, true) => "somebody who left no name".into(),
        (None, false) => told.join(", "),
    };
    VpcDependent {
        kind: "network-interface",
        id: interface.network_interface_id().unwrap_or_default().into(),
        ours: of.map_or(in_ours, |of| of.ours),
        owner,
    }
}

/// Who put these tags on: we, or somebody whose tags are known.
fn who(owner: Option<&Owner>, tags: &[Tag]) -> Option<String> {
    if let Some(owner) = owner {
        return Some(format!("{}/{}", owner.project, owner.environment));
    }
    let told = |tag: &Tag| {
        let (key, value) = (tag.key()?, tag.value().unwrap_or_default());
        if let Some(cluster) = key.strip_prefix("kubernetes.io/cluster/") {
            return Some(format!("the Kubernetes cluster {cluster}"));
        }
        match key {
            "GuardDutyManaged" => Some("Amazon GuardDuty".to_owned()),
            "elbv2.k8s.aws/cluster" | "eks:cluster-name" => {
                Some(format!("the Kubernetes cluster {value}"))
            }
            "aws:cloudformation:stack-name" => Some(format!("the CloudFormation stack {value}")),
            "aws:ecs:serviceName" => Some(format!("the ECS service {value}")),
            _ => None,
        }
    };
    let named = || tags.iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value());
    tags.iter().find_map(told).or_else(|| named().map(|name| format!("whoever named it {name}")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::GroupIdentifier;

    use super::*;

    fn other(kind: &'static str, id: &str, ours: bool) -> VpcDependent {
        let owner = if ours { "shop/prod" } else { "the Kubernetes cluster k" };
        VpcDependent { kind, id: id.into(), ours, owner: owner.into() }
    }

    #[test]
    fn an_interface_belongs_to_what_it_describes() {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/1f2e";
        let others = [other("load-balancer", arn, false), other("nat-gateway", "nat-1", true)];
        let interface = |description: &str| {
            let one = NetworkInterface::builder().network_interface_id("eni-1");
            interface_dependent(
                &one.description(description).requester_id("amazon-elb").build(),
                None,
                &others,
            )
        };
        let balancers = interface("ELB app/shop/1f2e");
        assert!(!balancers.ours);
        assert!(balancers.owner.starts_with("the Kubernetes cluster k"), "{}", balancers.owner);
        assert!(interface("Interface for NAT Gateway nat-1").ours);
        let silent = NetworkInterface::builder().requester_id("AIDA").build();
        assert!(interface_dependent(&silent, Some("nat-1"), &others).ours);
        assert!(!interface_dependent(&silent, Some("nat-2"), &others).ours);
        assert_eq!(interface("ELB app/other/9").owner, "amazon-elb, ELB app/other/9");
    }

    #[test]
    fn a_task_is_known_by_its_security_group() {
        let others = [other("security-group", "sg-ours", true)];
        let task = |group: &str| {
            let group = GroupIdentifier::builder().group_id(group).build();
            interface_dependent(&NetworkInterface::builder().groups(group).build(), None, &others)
        };
        assert!(task("sg-ours").ours);
        assert!(!task("sg-theirs").ours);
    }

    #[test]
    fn guard_duty_is_named() {
        let tag = Tag::builder().key("GuardDutyManaged").value("true").build();
        assert_eq!(who(None, &[tag]).as_deref(), Some("Amazon GuardDuty"));
    }
}
