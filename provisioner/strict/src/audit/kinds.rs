//! The kinds of resources that rules speak of.

/// A kind of resource: how its objects are recognised in answers, and which lists show it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The field with the id, and another that only its own objects have.
    pub(super) id: &'static str,
    pub(super) mark: &'static str,
    pub(super) list: &'static str,
    /// The parameter of the list that names ids.
    pub(super) named: &'static str,
    /// The delete, and its parameter.
    pub(super) delete: &'static str,
    pub(super) key: &'static str,
}

const fn kind(
    id: &'static str,
    mark: &'static str,
    list: &'static str,
    named: &'static str,
    delete: &'static str,
    key: &'static str,
) -> Kind {
    Kind { id, mark, list, named, delete, key }
}

pub(super) const VPC: Kind =
    kind("vpcId", "instanceTenancy", "DescribeVpcs", "VpcId", "DeleteVpc", "VpcId");
pub(super) const SUBNET: Kind =
    kind("subnetId", "availabilityZone", "DescribeSubnets", "SubnetId", "DeleteSubnet", "SubnetId");
pub(super) const GATEWAY: Kind = kind(
    "internetGatewayId",
    "attachmentSet",
    "DescribeInternetGateways",
    "InternetGatewayId",
    "DeleteInternetGateway",
    "InternetGatewayId",
);
pub(super) const NAT: Kind =
    kind("natGatewayId", "createTime", "DescribeNatGateways", "NatGatewayId", "", "NatGatewayId");
pub(super) const TABLE: Kind = kind(
    "routeTableId",
    "routeSet",
    "DescribeRouteTables",
    "RouteTableId",
    "DeleteRouteTable",
    "RouteTableId",
);
pub(super) const ENDPOINT: Kind = kind(
    "vpcEndpointId",
    "serviceName",
    "DescribeVpcEndpoints",
    "VpcEndpointId",
    "",
    "VpcEndpointId",
);
pub(super) const GROUP: Kind = kind(
    "groupId",
    "groupDescription",
    "DescribeSecurityGroups",
    "GroupId",
    "DeleteSecurityGroup",
    "GroupId",
);
pub(super) const ENI: Kind = kind(
    "networkInterfaceId",
    "interfaceType",
    "DescribeNetworkInterfaces",
    "NetworkInterfaceId",
    "DeleteNetworkInterface",
    "NetworkInterfaceId",
);
pub(super) const BALANCER: Kind = kind(
    "LoadBalancerArn",
    "Scheme",
    "DescribeLoadBalancers",
    "LoadBalancerArns",
    "DeleteLoadBalancer",
    "LoadBalancerArn",
);
pub(super) const LISTENER: Kind = kind(
    "ListenerArn",
    "DefaultActions",
    "DescribeListeners",
    "ListenerArns",
    "DeleteListener",
    "ListenerArn",
);
pub(super) const RULE: Kind =
    kind("RuleArn", "Actions", "DescribeRules", "RuleArns", "DeleteRule", "RuleArn");
pub(super) const SERVICE: Kind =
    kind("serviceArn", "desiredCount", "DescribeServices", "services", "", "service");

pub(super) const KINDS: [&Kind; 12] = [
    &VPC, &SUBNET, &GATEWAY, &NAT, &TABLE, &ENDPOINT, &GROUP, &ENI, &BALANCER, &LISTENER, &RULE,
    &SERVICE,
];
