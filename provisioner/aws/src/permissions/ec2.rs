//! EC2. Lists know no resources; everything else is held to our tags.

use super::ResourceScope::{Everything, Made, Ours, TagsOfMade, TagsOfOurs, Untagged};
use super::{Call, Need, PLAN, UP, call, need};

/// The calls that make something with tags.
pub(super) const MAKES: [&str; 8] = [
    "AllocateAddress",
    "CreateInternetGateway",
    "CreateNatGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpc",
    "CreateVpcEndpoint",
];

/// AWS tags what it makes by an action of its own.
const TAGGED: Need = need("ec2:CreateTags", UP, TagsOfMade);

// In three sets, so that none has both what a call makes and what it is made in: the tags of the
// request alone would then open everybody's VPC to a new subnet.
const ROOTS: super::ResourceScope = Made(&["elastic-ip", "internet-gateway", "vpc"]);
const PARTS: super::ResourceScope = Made(&["route-table", "security-group", "subnet"]);
const LAST: super::ResourceScope = Made(&["natgateway", "vpc-endpoint"]);

/// What calls change, and what others are made in.
const OURS: super::ResourceScope = Ours(&[
    "elastic-ip",
    "internet-gateway",
    "natgateway",
    "route-table",
    "security-group",
    "subnet",
    "vpc",
    "vpc-endpoint",
]);

pub(super) const CALLS: &[Call] = &[
    call!("ec2:AllocateAddress", UP, ROOTS, TAGGED),
    call!("ec2:AssociateRouteTable", UP, OURS),
    call!("ec2:AttachInternetGateway", UP, OURS),
    call!("ec2:AuthorizeSecurityGroupEgress", UP, OURS),
    call!("ec2:AuthorizeSecurityGroupIngress", UP, OURS),
    call!("ec2:CreateInternetGateway", UP, ROOTS, TAGGED),
    call!("ec2:CreateNatGateway", UP, LAST, need("ec2:CreateNatGateway", UP, OURS), TAGGED),
    call!("ec2:CreateRoute", UP, OURS),
    call!("ec2:CreateRouteTable", UP, PARTS, need("ec2:CreateRouteTable", UP, OURS), TAGGED),
    call!("ec2:CreateSecurityGroup", UP, PARTS, need("ec2:CreateSecurityGroup", UP, OURS), TAGGED),
    call!("ec2:CreateSubnet", UP, PARTS, need("ec2:CreateSubnet", UP, OURS), TAGGED),
    call!("ec2:CreateTags", UP, TagsOfOurs),
    call!("ec2:CreateVpc", UP, ROOTS, TAGGED),
    call!("ec2:CreateVpcEndpoint", UP, LAST, need("ec2:CreateVpcEndpoint", UP, OURS), TAGGED),
    call!("ec2:DeleteInternetGateway", UP, OURS),
    call!("ec2:DeleteNatGateway", UP, OURS),
    call!("ec2:DeleteRoute", UP, OURS),
    call!("ec2:DeleteRouteTable", UP, OURS),
    call!("ec2:DeleteSecurityGroup", UP, OURS),
    call!("ec2:DeleteSubnet", UP, OURS),
    call!("ec2:DeleteTags", UP, TagsOfOurs),
    call!("ec2:DeleteVpc", UP, OURS),
    call!("ec2:DeleteVpcEndpoints", UP, OURS),
    call!("ec2:DescribeAddresses", PLAN, Everything),
    call!("ec2:DescribeAvailabilityZones", PLAN, Everything),
    call!("ec2:DescribeInternetGateways", PLAN, Everything),
    call!("ec2:DescribeNatGateways", PLAN, Everything),
    call!("ec2:DescribeNetworkInterfaces", PLAN, Everything),
    call!("ec2:DescribeRouteTables", PLAN, Everything),
    call!("ec2:DescribeSecurityGroupRules", UP, Everything),
    call!("ec2:DescribeSecurityGroups", PLAN, Everything),
    call!("ec2:DescribeSubnets", PLAN, Everything),
    call!("ec2:DescribeVpcAttribute", PLAN, Untagged(&["vpc"])),
    call!("ec2:DescribeVpcEndpoints", PLAN, Everything),
    call!("ec2:DescribeVpcs", PLAN, Everything),
    call!("ec2:DetachInternetGateway", UP, OURS),
    call!("ec2:DisassociateRouteTable", UP, OURS),
    call!(
        "ec2:ModifySecurityGroupRules",
        UP,
        OURS,
        // The rules themselves are made without tags.
        need("ec2:ModifySecurityGroupRules", UP, Untagged(&["security-group-rule"])),
    ),
    call!("ec2:ModifyVpcAttribute", UP, OURS),
    call!("ec2:ModifyVpcEndpoint", UP, OURS),
    call!("ec2:ReleaseAddress", UP, OURS),
    call!("ec2:ReplaceRoute", UP, OURS),
    call!("ec2:ReplaceRouteTableAssociation", UP, OURS),
    call!("ec2:RevokeSecurityGroupEgress", UP, OURS),
    call!("ec2:RevokeSecurityGroupIngress", UP, OURS),
];
