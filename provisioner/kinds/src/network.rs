//! The virtual network: VPC, subnets, the ways out.

use std::collections::BTreeSet;

use engine::{Input, Pace, Replace, Resource, Shared};
use serde::{Deserialize, Serialize};

use crate::Tags;

/// The outputs of everything in EC2 that is known by its id alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdOutputs {
    pub id: Input,
}

/// A virtual private cloud. Both DNS attributes must be on, or Fargate cannot resolve ECR's names
/// through interface endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    pub cidr: String,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub tags: Tags,
}

impl Resource for Vpc {
    const KIND: &'static str = "vpc";
    const IMMUTABLE: &'static [&'static str] = &["cidr"];
    const READS: u32 = 2;
    const PACE: Pace = Pace::seconds(6, 1, 40);
    type Outputs = IdOutputs;
}

/// A subnet in one availability zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    pub vpc: Input,
    /// The zone's name, `us-east-1a`.
    pub zone: String,
    pub cidr: String,
    pub tags: Tags,
}

impl Resource for Subnet {
    const KIND: &'static str = "subnet";
    const IMMUTABLE: &'static [&'static str] = &["vpc", "zone", "cidr"];
    const READS: u32 = 2;
    const PACE: Pace = Pace::seconds(1, 1, 400);
    type Outputs = IdOutputs;
}

/// An internet gateway and its attachment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC it is attached to; seen as an empty string while it is detached.
    pub vpc: Input,
    pub tags: Tags,
}

impl Resource for InternetGateway {
    const KIND: &'static str = "internet-gateway";
    const READS: u32 = 2;
    const PACE: Pace = Pace::seconds(1, 11, 400);
    type Outputs = IdOutputs;
}

/// A public address that stays ours until it is released.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticIp {
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticIpOutputs {
    /// The allocation id.
    pub id: Input,
    /// The public IPv4 address.
    pub address: Input,
}

impl Resource for ElasticIp {
    const KIND: &'static str = "elastic-ip";
    const READS: u32 = 2;
    const PACE: Pace = Pace::seconds(1, 1, 100);
    type Outputs = ElasticIpOutputs;
}

/// A public NAT gateway. Fails asynchronously: state `failed` with a failure code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGateway {
    pub subnet: Input,
    /// The allocation id of its elastic IP; seen as `None` where the cloud does not report it.
    pub address: Option<Input>,
    pub tags: Tags,
}

impl Resource for NatGateway {
    const KIND: &'static str = "nat-gateway";
    const IMMUTABLE: &'static [&'static str] = &["subnet", "address"];
    const FAILS_FOR_GOOD: bool = true;
    const PACE: Pace = Pace::seconds(111, 56, 124);
    type Outputs = IdOutputs;
}

/// One route of a table, beside the local one and the endpoints' own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    pub destination: String,
    /// The id of an internet gateway (`igw-…`), a NAT gateway (`nat-…`) or, when somebody else added
    /// the route, of whatever it leads to.
    pub target: Input,
}

/// A route table with these routes, beside those of others, for exactly these subnets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    pub vpc: Input,
    pub routes: BTreeSet<Route>,
    pub subnets: BTreeSet<Input>,
    pub tags: Tags,
}

impl Resource for RouteTable {
    const KIND: &'static str = "route-table";
    const IMMUTABLE: &'static [&'static str] = &["vpc"];
    const SHARED: &'static [Shared] = &[Shared::TAGS, Shared::new("routes", &["destination"])];
    const REPLACE: Replace = Replace::DeleteFirst;
    const READS: u32 = 2;
    const PACE: Pace = Pace::seconds(2, 1, 100);
    type Outputs = IdOutputs;
}

/// A gateway endpoint: private and free access to S3 from the subnets of these route tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayEndpoint {
    pub vpc: Input,
    /// `com.amazonaws.us-east-1.s3`.
    pub service: String,
    pub route_tables: BTreeSet<Input>,
    pub tags: Tags,
}

impl Resource for GatewayEndpoint {
    const KIND: &'static str = "gateway-endpoint";
    const IMMUTABLE: &'static [&'static str] = &["vpc", "service"];
    const PACE: Pace = Pace::seconds(6, 6, 200);
    type Outputs = IdOutputs;
}
