//! What EC2 refuses, in its words. Sources: EC2 API "Error codes", VPC quotas, and error texts seen in public
//! repositories.

use serde_json::Value;

use super::{Eni, Network};
use crate::wire::Request;
use crate::wire::error::Fault;
use crate::world::cidr::Cidr;
use crate::world::value::{flag, text, texts};

/// VPCs per Region. The default VPC, which every account is born with, counts.
const VPCS: usize = 5;
const GATEWAYS: usize = 5;
const ADDRESSES: usize = 5;
const NATS_PER_ZONE: usize = 5;

impl Network {
    /// The refusal that AWS would answer, judged with all interfaces that exist now.
    pub(crate) fn refuse(&self, request: &Request, enis: &[Eni], now: f64) -> Option<Fault> {
        let p = &request.parameters;
        match request.operation.as_str() {
            "CreateVpc" => self.refuse_vpc(p, &request.region),
            "CreateSubnet" => self.refuse_subnet(p),
            "DeleteSubnet" => {
                let id = text(p, "SubnetId");
                enis.iter().any(|e| e.subnet == id).then(|| {
                    dependency(&format!(
                        "The subnet '{id}' has dependencies and cannot be deleted."
                    ))
                })
            }
            "DeleteVpc" => self.refuse_delete_vpc(text(p, "VpcId"), enis, now),
            "CreateInternetGateway" => {
                let count = self.gateways.values().filter(|g| g.region == request.region).count();
                // The default VPC has one of its own.
                (count + 1 >= GATEWAYS).then(|| {
                    Fault::refusal(
                        "InternetGatewayLimitExceeded",
                        "The maximum number of internet gateways has been reached.",
                    )
                })
            }
            "AttachInternetGateway" | "DetachInternetGateway" | "DeleteInternetGateway" => {
                self.refuse_gateway(&request.operation, p, enis)
            }
            "DeleteNetworkInterface" => {
                let id = text(p, "NetworkInterfaceId");
                enis.iter().any(|e| e.synthetic && e.id == id).then(|| {
                    Fault::refusal(
                        "InvalidParameterValue",
                        format!("Network interface '{id}' is currently in use."),
                    )
                })
            }
            "AllocateAddress" => {
                let count = self.addresses.values().filter(|a| a.region == request.region).count();
                (count >= ADDRESSES).then(|| {
                    Fault::refusal(
                        "AddressLimitExceeded",
                        "The maximum number of addresses has been reached.",
                    )
                })
            }
            "ReleaseAddress" => self.refuse_release(text(p, "AllocationId"), now),
            "CreateNatGateway" => self.refuse_nat(p, now),
            "CreateVpcEndpoint" => self.refuse_endpoint(p, now),
            "DeleteRouteTable" | "AssociateRouteTable" | "CreateRoute" | "ReplaceRoute" => {
                self.refuse_table(&request.operation, p, now)
            }
            "CreateSecurityGroup"
            | "DeleteSecurityGroup"
            | "AuthorizeSecurityGroupIngress"
            | "AuthorizeSecurityGroupEgress" => self.refuse_group(&request.operation, p, enis),
            _ => None,
        }
    }

    fn refuse_vpc(&self, p: &Value, region: &str) -> Option<Fault> {
        let cidr = text(p, "CidrBlock");
        if Cidr::parse(cidr).is_some_and(|c| !(16..=28).contains(&c.prefix)) {
            return Some(Fault::refusal(
                "InvalidVpc.Range",
                format!("The CIDR '{cidr}' is invalid."),
            ));
        }
        let count = self.vpcs.values().filter(|v| v.region == region).count();
        (count + 1 >= VPCS).then(|| {
            Fault::refusal("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
        })
    }

    fn refuse_subnet(&self, p: &Value) -> Option<Fault> {
        let text_cidr = text(p, "CidrBlock");
        let cidr = Cidr::parse(text_cidr)?;
        let vpc = self.vpcs.get(text(p, "VpcId"))?;
        if !(16..=28).contains(&cidr.prefix) || vpc.cidr.is_some_and(|v| !v.contains(cidr)) {
            return Some(Fault::refusal(
                "InvalidSubnet.Range",
                format!("The CIDR '{text_cidr}' is invalid."),
            ));
        }
        let taken = self
            .subnets
            .values()
            .any(|s| s.vpc == text(p, "VpcId") && s.cidr.is_some_and(|other| other.overlaps(cidr)));
        taken.then(|| {
            Fault::refusal(
                "InvalidSubnet.Conflict",
                format!("The CIDR '{text_cidr}' conflicts with another subnet"),
            )
        })
    }

    fn refuse_delete_vpc(&self, id: &str, enis: &[Eni], now: f64) -> Option<Fault> {
        let used = self.subnets.values().any(|s| s.vpc == id)
            || self.tables.values().any(|t| t.vpc == id && !t.main)
            || self.groups.values().any(|g| g.vpc == id && !g.default)
            || self.endpoints.values().any(|e| e.vpc == id && e.state(now).is_some())
            || self.nats.values().any(|n| n.vpc == id && n.holds(now))
            || self.attached_gateway(id).is_some()
            || enis.iter().any(|e| e.vpc == id);
        used.then(|| dependency(&format!("The vpc '{id}' has dependencies and cannot be deleted.")))
    }

    fn refuse_gateway(&self, operation: &str, p: &Value, enis: &[Eni]) -> Option<Fault> {
        let id = text(p, "InternetGatewayId");
        let vpc = text(p, "VpcId");
        let attached = self.gateways.get(id).and_then(|g| g.vpc.as_deref());
        match operation {
            "AttachInternetGateway" => {
                if let Some(other) = attached {
                    return Some(Fault::refusal(
                        "Resource.AlreadyAssociated",
                        format!("resource {id} is already attached to network {other}"),
                    ));
                }
                self.attached_gateway(vpc).map(|_| {
                    Fault::refusal(
                        "InvalidParameterValue",
                        format!("Network {vpc} already has an internet gateway attached"),
                    )
                })
            }
            "DetachInternetGateway" => {
                if self.gateways.contains_key(id) && attached != Some(vpc) {
                    let message = format!("resource {id} is not attached to network {vpc}");
                    return Some(Fault::refusal("Gateway.NotAttached", message));
                }
                enis.iter().any(|e| e.vpc == vpc && e.public).then(|| {
                    dependency(&format!(
                        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
                    ))
                })
            }
            _ => attached.map(|_| {
                dependency(&format!(
                    "The internetGateway '{id}' has dependencies and cannot be deleted."
                ))
            }),
        }
    }

    fn refuse_release(&self, id: &str, now: f64) -> Option<Fault> {
        let held = self.nats.values().any(|n| n.address.as_deref() == Some(id) && n.holds(now))
            || self.addresses.get(id).is_some_and(|a| a.association.is_some());
        held.then(|| {
            Fault::refusal(
                "InvalidIPAddress.InUse",
                format!("The address with allocation id '{id}' is in use."),
            )
        })
    }

    fn refuse_nat(&self, p: &Value, now: f64) -> Option<Fault> {
        let zone = &self.subnets.get(text(p, "SubnetId"))?.zone;
        let zoned = |subnet: &str| self.subnets.get(subnet).is_some_and(|s| s.zone == *zone);
        let count = self.nats.values().filter(|n| n.holds(now) && zoned(&n.subnet)).count();
        (count >= NATS_PER_ZONE).then(|| {
            Fault::refusal(
                "NatGatewayLimitExceeded",
                format!("The maximum number of NAT Gateways has been reached in availability zone {zone}."),
            )
        })
    }

    fn refuse_endpoint(&self, p: &Value, now: f64) -> Option<Fault> {
        let (id, service) = (text(p, "VpcId"), text(p, "ServiceName"));
        let vpc = self.vpcs.get(id)?;
        let present = || {
            self.endpoints
                .values()
                .filter(|e| e.vpc == id && e.service == service && e.state(now).is_some())
        };
        if text(p, "VpcEndpointType") != "Interface" {
            let taken = texts(p, "RouteTableId")
                .into_iter()
                .find(|t| present().any(|e| !e.interface && e.tables.contains(t)));
            return taken.map(|table| {
                Fault::refusal(
                    "RouteAlreadyExists",
                    format!("route table {table} already has a route to {service}"),
                )
            });
        }
        if !flag(p, "PrivateDnsEnabled").unwrap_or(true) {
            return None;
        }
        if !vpc.dns_support || !vpc.dns_hostnames {
            return Some(Fault::refusal(
                "InvalidParameter",
                format!(
                    "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {id}"
                ),
            ));
        }
        present().any(|e| e.private_dns).then(|| {
            Fault::refusal(
                "InvalidParameter",
                format!("private-dns-enabled cannot be set because there is already a conflicting DNS domain for {service} in the VPC {id}"),
            )
        })
    }

    fn refuse_table(&self, operation: &str, p: &Value, now: f64) -> Option<Fault> {
        let id = text(p, "RouteTableId");
        match operation {
            "DeleteRouteTable" => {
                let table = self.tables.get(id)?;
                (table.main || !table.associations.is_empty()).then(|| {
                    dependency(&format!(
                        "The routeTable '{id}' has dependencies and cannot be deleted."
                    ))
                })
            }
            "AssociateRouteTable" => {
                let subnet = text(p, "SubnetId");
                let taken = |t: &super::Table| t.associations.values().any(|s| s == subnet);
                let (other, _) =
                    self.tables.iter().find(|(_, t)| !subnet.is_empty() && taken(t))?;
                Some(Fault::refusal(
                    "Resource.AlreadyAssociated",
                    format!(
                        "the specified association for route table {other} conflicts with an existing association"
                    ),
                ))
            }
            "CreateRoute" | "ReplaceRoute" => self.refuse_route(operation, p, now),
            _ => None,
        }
    }

    fn refuse_route(&self, operation: &str, p: &Value, now: f64) -> Option<Fault> {
        let id = text(p, "RouteTableId");
        let (destination, nat, gateway) =
            (text(p, "DestinationCidrBlock"), text(p, "NatGatewayId"), text(p, "GatewayId"));
        let table = self.tables.get(id)?;
        if operation == "CreateRoute" && table.routes.contains_key(destination) {
            let message = format!("The route identified by {destination} already exists.");
            return Some(Fault::refusal("RouteAlreadyExists", message));
        }
        // The local route has these; only a more specific one to an appliance is taken (VPC User Guide, "Route table
        // concepts").
        let cidr = self.vpcs.get(&table.vpc).and_then(|vpc| vpc.cidr);
        let inside = cidr.zip(Cidr::parse(destination)).is_some_and(|(vpc, to)| vpc.contains(to));
        let appliance = ["NetworkInterfaceId", "VpcEndpointId", "InstanceId", "NatGatewayId"];
        if inside && appliance.iter().all(|key| text(p, key).is_empty()) {
            let message = format!(
                "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance."
            );
            return Some(Fault::refusal("InvalidParameterValue", message));
        }
        let usable = |n: &super::Nat| matches!(n.state(now), Some("pending" | "available"));
        if !nat.is_empty() && !self.nats.get(nat).is_some_and(usable) {
            let message = format!("The natGateway ID '{nat}' does not exist");
            return Some(Fault::refusal("InvalidNatGatewayID.NotFound", message));
        }
        let elsewhere = self
            .gateways
            .get(gateway)
            .is_some_and(|g| g.vpc.as_deref() != Some(table.vpc.as_str()));
        elsewhere.then(|| {
            let message = format!(
                "route table {id} and network gateway {gateway} belong to different networks"
            );
            Fault::refusal("InvalidParameterValue", message)
        })
    }
}

pub(super) fn dependency(message: &str) -> Fault {
    Fault::refusal("DependencyViolation", message)
}
