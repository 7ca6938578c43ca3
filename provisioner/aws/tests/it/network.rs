//! The network's kinds on an emulator.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::AttributeBooleanValue;
use engine::{Adapter, Input, Seen, Which};
use kinds::{
    ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, Route, RouteTable, Subnet, Vpc,
};

use crate::contract::Project;
use crate::emulator::{Emulator, REGION};

impl Project {
    pub(crate) async fn vpc(&self) -> Seen<Vpc> {
        let cidr = "10.20.0.0/16".into();
        self.make(&Vpc {
            cidr,
            dns_support: true,
            dns_hostnames: true,
            tags: self.tags("vpc.main"),
        })
        .await
    }

    pub(crate) async fn subnet(&self, vpc: &Seen<Vpc>, zone: &str, cidr: &str) -> Seen<Subnet> {
        let subnet = Subnet {
            vpc: vpc.outputs.id.clone(),
            zone: format!("{REGION}{zone}"),
            cidr: cidr.into(),
            tags: self.tags(&format!("subnet.{zone}")),
        };
        self.make(&subnet).await
    }

    pub(crate) async fn gateway(&self, vpc: &Seen<Vpc>) -> Seen<InternetGateway> {
        let tags = self.tags("internet-gateway.main");
        self.make(&InternetGateway { vpc: vpc.outputs.id.clone(), tags }).await
    }

    /// Somebody tags it, and changes one of our tags.
    pub(crate) async fn tag_by_hand(&self, id: &str) {
        let tag = |key: &str, value: &str| {
            aws_sdk_ec2::types::Tag::builder().key(key).value(value).build()
        };
        let call = self.aws.read().ec2.create_tags().resources(id).tags(tag("by", "hand"));
        call.tags(tag("provisioner:resource", "x.y")).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_vpc_keeps_its_dns_attributes_and_tags() {
    let project = Project::new(Emulator::get().await.connect());
    let ec2 = &project.aws.read().ec2;
    let seen = project.vpc().await;
    let desired = seen.spec.clone();
    assert_eq!(seen.owner.as_ref().map(|owner| owner.resource.as_str()), Some("vpc.main"));
    let off = || AttributeBooleanValue::builder().value(false).build();
    let call = ec2.modify_vpc_attribute().vpc_id(seen.id.as_str());
    call.enable_dns_hostnames(off()).send().await.unwrap();
    project.heals(&desired, &seen.id, "dns_hostnames").await;
    let call = ec2.modify_vpc_attribute().vpc_id(seen.id.as_str());
    call.enable_dns_support(off()).send().await.unwrap();
    project.heals(&desired, &seen.id, "dns_support").await;
    project.tag_by_hand(seen.id.as_str()).await;
    let seen = project.heals(&desired, &seen.id, "tags").await;
    project.remove(&seen).await;
}

#[tokio::test]
async fn a_subnet_is_found_by_its_place() {
    let project = Project::new(Emulator::get().await.connect());
    let vpc = project.vpc().await;
    let seen = project.subnet(&vpc, "a", "10.20.1.0/24").await;
    let desired = seen.spec.clone();
    let named = project.aws.observe(Which::Named(std::slice::from_ref(&desired))).await.unwrap();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].id, seen.id);
    project.tag_by_hand(seen.id.as_str()).await;
    let seen = project.heals(&desired, &seen.id, "tags").await;
    project.remove(&seen).await;
    project.remove(&vpc).await;
}

#[tokio::test]
async fn a_gateway_is_attached_again() {
    let project = Project::new(Emulator::get().await.connect());
    let vpc = project.vpc().await;
    let seen = project.gateway(&vpc).await;
    let desired = seen.spec.clone();
    let call = project.aws.read().ec2.detach_internet_gateway();
    let call = call.internet_gateway_id(seen.id.as_str()).vpc_id(vpc.id.as_str());
    call.send().await.unwrap();
    project.heals(&desired, &seen.id, "vpc").await;
    project.tag_by_hand(seen.id.as_str()).await;
    let seen = project.heals(&desired, &seen.id, "tags").await;
    project.remove(&seen).await;
    project.remove(&vpc).await;
}

#[tokio::test]
async fn a_nat_gateway_with_its_address() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let vpc = project.vpc().await;
    let subnet = project.subnet(&vpc, "a", "10.20.1.0/24").await;
    let gateway = project.gateway(&vpc).await;
    let address = project.make(&ElasticIp { tags: project.tags("elastic-ip.a") }).await;
    assert!(address.outputs.address.get().unwrap().parse::<std::net::Ipv4Addr>().is_ok());
    let desired = NatGateway {
        subnet: subnet.outputs.id.clone(),
        address: Some(address.outputs.id.clone()),
        tags: project.tags("nat-gateway.a"),
    };
    let nat = project.make(&desired).await;
    if emulator.is_moto() {
        assert_eq!(nat.spec.address, desired.address);
    }
    project.tag_by_hand(nat.id.as_str()).await;
    let nat = project.heals(&desired, &nat.id, "tags").await;
    project.tag_by_hand(address.id.as_str()).await;
    let address = project.heals(&address.spec.clone(), &address.id, "tags").await;
    project.remove(&nat).await;
    project.remove(&address).await;
    project.remove(&gateway).await;
    project.remove(&subnet).await;
    project.remove(&vpc).await;
}

#[tokio::test]
async fn a_route_table_holds_exactly_its_routes_and_subnets() {
    let project = Project::new(Emulator::get().await.connect());
    let ec2 = &project.aws.read().ec2;
    let vpc = project.vpc().await;
    let gateway = project.gateway(&vpc).await;
    let (a, b) = (
        project.subnet(&vpc, "a", "10.20.1.0/24").await,
        project.subnet(&vpc, "b", "10.20.2.0/24").await,
    );
    let to_gateway = Route { destination: "0.0.0.0/0".into(), target: gateway.outputs.id.clone() };
    let desired = RouteTable {
        vpc: vpc.outputs.id.clone(),
        routes: [to_gateway.clone()].into(),
        subnets: [a.outputs.id.clone()].into(),
        tags: project.tags("route-table.public"),
    };
    let seen = project.make(&desired).await;
    let id = seen.id.as_str();

    let call = ec2.create_route().route_table_id(id).gateway_id(gateway.id.as_str());
    call.destination_cidr_block("192.0.2.0/24").send().await.unwrap();
    project.heals(&desired, &seen.id, "routes").await;
    ec2.delete_route().route_table_id(id).destination_cidr_block("0.0.0.0/0").send().await.unwrap();
    project.heals(&desired, &seen.id, "routes").await;
    ec2.associate_route_table().route_table_id(id).subnet_id(b.id.as_str()).send().await.unwrap();
    project.heals(&desired, &seen.id, "subnets").await;

    // Somebody moves the subnet to another table: it is moved back in one call, never left without.
    let other = ec2.create_route_table().vpc_id(vpc.id.as_str()).send().await.unwrap();
    let other = other.route_table.unwrap().route_table_id.unwrap();
    let link = association(&project, id).await;
    let call = ec2.replace_route_table_association().association_id(link);
    call.route_table_id(&other).send().await.unwrap();
    let seen = project.heals(&desired, &seen.id, "subnets").await;
    let moved = project.aws.mutating_calls();
    assert!(moved.iter().any(|(name, _)| name == "ec2:ReplaceRouteTableAssociation"), "{moved:?}");
    ec2.delete_route_table().route_table_id(&other).send().await.unwrap();

    // A new way out replaces the old one where it is.
    let address = project.make(&ElasticIp { tags: project.tags("elastic-ip.a") }).await;
    let nat = project
        .make(&NatGateway {
            subnet: b.outputs.id.clone(),
            address: Some(address.outputs.id.clone()),
            tags: project.tags("nat-gateway.a"),
        })
        .await;
    let through_nat = Route { target: nat.outputs.id.clone(), ..to_gateway };
    let private = RouteTable { routes: [through_nat].into(), ..desired.clone() };
    project.settle(&private, &seen.id).await;
    let replaced = project.aws.mutating_calls();
    assert!(replaced.iter().any(|(name, _)| name == "ec2:ReplaceRoute"), "{replaced:?}");

    let seen = project.settle(&desired, &seen.id).await;
    project.remove(&seen).await;
    project.remove(&nat).await;
    project.remove(&address).await;
    project.remove(&gateway).await;
    for subnet in [a, b] {
        project.remove(&subnet).await;
    }
    project.remove(&vpc).await;
}

async fn association(project: &Project, table: &str) -> String {
    let found = project.aws.read().ec2.describe_route_tables().route_table_ids(table);
    let tables = found.send().await.unwrap().route_tables.unwrap();
    let links = tables[0].associations();
    links[0].route_table_association_id().unwrap().to_owned()
}

#[tokio::test]
async fn an_endpoint_serves_exactly_its_route_tables() {
    let project = Project::new(Emulator::get().await.connect());
    let vpc = project.vpc().await;
    let table = |name: &str| RouteTable {
        vpc: vpc.outputs.id.clone(),
        routes: BTreeSet::new(),
        subnets: BTreeSet::new(),
        tags: project.tags(&format!("route-table.{name}")),
    };
    let (a, b) = (project.make(&table("a")).await, project.make(&table("b")).await);
    let desired = GatewayEndpoint {
        vpc: vpc.outputs.id.clone(),
        service: format!("com.amazonaws.{REGION}.s3"),
        route_tables: [a.outputs.id.clone(), b.outputs.id.clone()].into(),
        tags: project.tags("gateway-endpoint.s3"),
    };
    let seen = project.make(&desired).await;
    // What the endpoint adds to the tables is not a difference of theirs.
    project.settle(&a.spec, &a.id).await;
    let call = project.aws.read().ec2.modify_vpc_endpoint().vpc_endpoint_id(seen.id.as_str());
    call.remove_route_table_ids(a.id.as_str()).send().await.unwrap();
    project.heals(&desired, &seen.id, "route_tables").await;
    let fewer =
        GatewayEndpoint { route_tables: [Input::from(b.id.as_str())].into(), ..desired.clone() };
    let seen = project.settle(&fewer, &seen.id).await;
    project.remove(&seen).await;
    for table in [a, b] {
        project.remove(&table).await;
    }
    project.remove(&vpc).await;
}
