//! What a successful EC2 call changes in the network.

use serde_json::Value;

use super::{
    Address, Endpoint, Gateway, Group, Interface, Nat, Network, Route, Subnet, Table, Vpc,
};
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::wire::xml::Element;
use crate::world::cidr::Cidr;
use crate::world::value::{flag, list, text, texts};

impl Network {
    pub(crate) fn learn(&mut self, request: &Request, content: &Content, now: f64) {
        let (p, answer) = (&request.parameters, content.to_value());
        match request.operation.as_str() {
            "CreateVpc" => self.learn_vpc(request, &answer["vpc"]),
            "DeleteVpc" => self.forget_vpc(text(p, "VpcId")),
            "ModifyVpcAttribute" => {
                if let Some(vpc) = self.vpcs.get_mut(text(p, "VpcId")) {
                    vpc.dns_support =
                        flag(&p["EnableDnsSupport"], "Value").unwrap_or(vpc.dns_support);
                    vpc.dns_hostnames =
                        flag(&p["EnableDnsHostnames"], "Value").unwrap_or(vpc.dns_hostnames);
                }
            }
            "CreateSubnet" => {
                let subnet = &answer["subnet"];
                self.subnets.insert(
                    text(subnet, "subnetId").to_owned(),
                    Subnet {
                        vpc: text(p, "VpcId").to_owned(),
                        zone: text(subnet, "availabilityZone").to_owned(),
                        cidr: Cidr::parse(text(p, "CidrBlock")),
                    },
                );
            }
            "DeleteSubnet" => {
                self.subnets.remove(text(p, "SubnetId"));
                for table in self.tables.values_mut() {
                    table.associations.retain(|_, subnet| subnet != text(p, "SubnetId"));
                }
            }
            "CreateInternetGateway" => {
                let id = text(&answer["internetGateway"], "internetGatewayId").to_owned();
                self.gateways.insert(id, Gateway { region: request.region.clone(), vpc: None });
            }
            "AttachInternetGateway" => {
                self.gateways.entry(text(p, "InternetGatewayId").to_owned()).or_default().vpc =
                    Some(text(p, "VpcId").to_owned());
            }
            "DetachInternetGateway" => {
                if let Some(gateway) = self.gateways.get_mut(text(p, "InternetGatewayId")) {
                    gateway.vpc = None;
                }
            }
            "DeleteInternetGateway" => {
                self.gateways.remove(text(p, "InternetGatewayId"));
            }
            "AllocateAddress" => {
                let id = text(&answer, "allocationId").to_owned();
                self.addresses
                    .insert(id, Address { region: request.region.clone(), association: None });
            }
            "ReleaseAddress" => {
                self.addresses.remove(text(p, "AllocationId"));
            }
            "AssociateAddress" => {
                if let Some(address) = self.addresses.get_mut(text(p, "AllocationId")) {
                    address.association = Some(text(&answer, "associationId").to_owned());
                }
            }
            "DisassociateAddress" => {
                let id = text(p, "AssociationId");
                self.addresses
                    .values_mut()
                    .filter(|a| a.association.as_deref() == Some(id))
                    .for_each(|a| a.association = None);
            }
            "CreateNatGateway" => self.learn_nat(p, content, now),
            "DeleteNatGateway" => {
                if let Some(nat) = self.nats.get_mut(text(p, "NatGatewayId")) {
                    nat.deleted.get_or_insert(now);
                }
            }
            "CreateNetworkInterface" => {
                let id = text(&answer["networkInterface"], "networkInterfaceId").to_owned();
                let groups = texts(p, "SecurityGroupId").into_iter().collect();
                self.interfaces
                    .insert(id, Interface { subnet: text(p, "SubnetId").to_owned(), groups });
            }
            "DeleteNetworkInterface" => {
                self.interfaces.remove(text(p, "NetworkInterfaceId"));
            }
            "CreateVpcEndpoint" => self.learn_endpoint(p, content, now),
            "ModifyVpcEndpoint" => {
                if let Some(endpoint) = self.endpoints.get_mut(text(p, "VpcEndpointId")) {
                    endpoint.modify(p, now);
                }
            }
            "DeleteVpcEndpoints" => {
                for id in texts(p, "VpcEndpointId") {
                    if let Some(endpoint) = self.endpoints.get_mut(&id) {
                        endpoint.deleted.get_or_insert(now);
                    }
                }
            }
            _ => {
                self.learn_table(&request.operation, p, &answer, now);
                self.learn_group(&request.operation, p, &answer);
            }
        }
    }

    fn learn_vpc(&mut self, request: &Request, vpc: &Value) {
        let id = text(vpc, "vpcId").to_owned();
        if !text(vpc, "defaultSecurityGroupId").is_empty() {
            let group = Group {
                vpc: id.clone(),
                name: "default".into(),
                default: true,
                ..Group::default()
            };
            self.groups.insert(text(vpc, "defaultSecurityGroupId").to_owned(), group);
        }
        if !text(vpc, "mainRouteTableId").is_empty() {
            let table = Table { vpc: id.clone(), main: true, ..Table::default() };
            self.tables.insert(text(vpc, "mainRouteTableId").to_owned(), table);
        }
        let cidr = Cidr::parse(text(&request.parameters, "CidrBlock"));
        let region = request.region.clone();
        self.vpcs.insert(id, Vpc { region, cidr, dns_support: true, dns_hostnames: false });
    }

    fn forget_vpc(&mut self, id: &str) {
        self.vpcs.remove(id);
        self.groups.retain(|_, g| g.vpc != id);
        self.tables.retain(|_, t| t.vpc != id);
    }

    fn learn_nat(&mut self, p: &Value, content: &Content, now: f64) {
        let Some(item) = element(content, "natGateway") else { return };
        let subnet = text(p, "SubnetId").to_owned();
        let vpc = self.vpc_of(&subnet).to_owned();
        let address = Some(text(p, "AllocationId").to_owned()).filter(|a| !a.is_empty());
        let public = text(p, "ConnectivityType") != "private";
        let taken = address.as_ref().is_some_and(|a| {
            self.nats.values().any(|n| n.address.as_ref() == Some(a) && n.holds(now))
        });
        let failure = if public && !vpc.is_empty() && self.attached_gateway(&vpc).is_none() {
            Some(("Gateway.NotAttached", format!("Network {vpc} has no Internet gateway attached")))
        } else if taken {
            Some((
                "Resource.AlreadyAssociated",
                "Elastic IP address is already associated".to_owned(),
            ))
        } else {
            None
        };
        let id = item.get("natGatewayId").to_owned();
        self.nats
            .insert(id, Nat { vpc, subnet, address, created: now, deleted: None, failure, item });
    }

    fn learn_endpoint(&mut self, p: &Value, content: &Content, now: f64) {
        let Some(item) = element(content, "vpcEndpoint") else { return };
        let interface = text(p, "VpcEndpointType") == "Interface";
        let endpoint = Endpoint {
            vpc: text(p, "VpcId").to_owned(),
            service: text(p, "ServiceName").to_owned(),
            interface,
            private_dns: interface && flag(p, "PrivateDnsEnabled").unwrap_or(true),
            subnets: texts(p, "SubnetId").into_iter().collect(),
            groups: texts(p, "SecurityGroupId").into_iter().collect(),
            tables: texts(p, "RouteTableId").into_iter().collect(),
            created: now,
            deleted: None,
            item: item.clone(),
        };
        self.endpoints.insert(item.get("vpcEndpointId").to_owned(), endpoint);
    }

    fn learn_table(&mut self, operation: &str, p: &Value, answer: &Value, now: f64) {
        let id = text(p, "RouteTableId").to_owned();
        let target = [
            "GatewayId",
            "NatGatewayId",
            "TransitGatewayId",
            "NetworkInterfaceId",
            "VpcPeeringConnectionId",
        ]
        .iter()
        .map(|k| text(p, k))
        .find(|t| !t.is_empty())
        .unwrap_or_default();
        match operation {
            "CreateRouteTable" => {
                let table = Table { vpc: text(p, "VpcId").to_owned(), ..Table::default() };
                self.tables.insert(text(&answer["routeTable"], "routeTableId").to_owned(), table);
            }
            "DeleteRouteTable" => {
                self.tables.remove(&id);
            }
            "DescribeRouteTables" => {
                // The main table comes with its VPC; not every emulator names it in the answer to CreateVpc.
                let main = |t: &&Value| {
                    list(t, "associationSet").iter().any(|a| text(a, "main") == "true")
                };
                for table in list(answer, "routeTableSet").iter().filter(main) {
                    let id = text(table, "routeTableId").to_owned();
                    let vpc = text(table, "vpcId").to_owned();
                    self.tables.entry(id).or_insert_with(|| Table {
                        vpc,
                        main: true,
                        ..Table::default()
                    });
                }
            }
            "AssociateRouteTable" => {
                let association = text(answer, "associationId").to_owned();
                self.tables
                    .entry(id)
                    .or_default()
                    .associations
                    .insert(association, text(p, "SubnetId").to_owned());
            }
            "DisassociateRouteTable" => {
                for table in self.tables.values_mut() {
                    table.associations.remove(text(p, "AssociationId"));
                }
            }
            "ReplaceRouteTableAssociation" => {
                let old = text(p, "AssociationId");
                let subnet = self
                    .tables
                    .values_mut()
                    .find_map(|t| t.associations.remove(old))
                    .unwrap_or_default();
                let new = text(answer, "newAssociationId").to_owned();
                self.tables.entry(id).or_default().associations.insert(new, subnet);
            }
            "CreateRoute" | "ReplaceRoute" => {
                let destination = text(p, "DestinationCidrBlock").to_owned();
                self.tables
                    .entry(id)
                    .or_default()
                    .routes
                    .insert(destination, Route { target: target.to_owned(), since: now });
            }
            "DeleteRoute" => {
                self.tables.entry(id).or_default().routes.remove(text(p, "DestinationCidrBlock"));
            }
            _ => {}
        }
    }
}

impl Endpoint {
    /// A change makes it `pending` again for as long as a new one takes.
    fn modify(&mut self, p: &Value, now: f64) {
        let sets = [
            (&mut self.subnets, "AddSubnetId", "RemoveSubnetId"),
            (&mut self.groups, "AddSecurityGroupId", "RemoveSecurityGroupId"),
            (&mut self.tables, "AddRouteTableId", "RemoveRouteTableId"),
        ];
        for (set, add, remove) in sets {
            let removed = texts(p, remove);
            set.retain(|id| !removed.contains(id));
            set.extend(texts(p, add));
        }
        self.created = now;
    }
}

fn element(content: &Content, name: &str) -> Option<Element> {
    match content {
        Content::Xml(root) => root.children.iter().find(|c| c.name == name).cloned(),
        _ => None,
    }
}
