//! Elastic Load Balancing. It reads EC2 in the caller's name ("Elastic Load Balancing API permissions").
//! Tags in conditions are those that the AWS Load Balancer Controller's policy relies on as well
//! (`docs/install/iam_policy.json`).

use super::ResourceScope::{
    ElbTags, Everything, Listener, LoadBalancer, MadeTargetGroup, Rule, TagsOfMadeTargetGroup,
    TargetGroup,
};
use super::{Call, NOBODY, Need, PLAN, UP, call, need};

/// Of what is made with tags. The resources are ours by name, so tagging them later is the same right.
const TAGGED: Need = need("elasticloadbalancing:AddTags", UP, ElbTags);

/// Asked for since October 2024, and missing on that page (kubernetes-sigs/aws-load-balancer-controller,
/// issue 3917 and pull request 3921).
const GROUPS_OF_VPC: Need = need("ec2:GetSecurityGroupsForVpc", UP, Everything);

pub(super) const CALLS: &[Call] = &[
    call!(
        "elasticloadbalancing:AddTags",
        UP,
        ElbTags,
        need("elasticloadbalancing:AddTags", UP, TargetGroup),
    ),
    call!("elasticloadbalancing:CreateListener", UP, LoadBalancer, TAGGED),
    call!(
        "elasticloadbalancing:CreateLoadBalancer",
        UP,
        LoadBalancer,
        TAGGED,
        need("ec2:DescribeAccountAttributes", UP, Everything),
        need("ec2:DescribeAddresses", UP, Everything),
        need("ec2:DescribeInternetGateways", UP, Everything),
        need("ec2:DescribeSecurityGroups", UP, Everything),
        need("ec2:DescribeSubnets", UP, Everything),
        need("ec2:DescribeVpcs", UP, Everything),
        GROUPS_OF_VPC,
    ),
    call!("elasticloadbalancing:CreateRule", UP, Listener, TAGGED),
    call!(
        "elasticloadbalancing:CreateTargetGroup",
        UP,
        MadeTargetGroup,
        need("elasticloadbalancing:AddTags", UP, TagsOfMadeTargetGroup),
        need("ec2:DescribeInternetGateways", UP, Everything),
        need("ec2:DescribeVpcs", UP, Everything),
    ),
    call!("elasticloadbalancing:DeleteListener", UP, Listener),
    call!("elasticloadbalancing:DeleteLoadBalancer", UP, LoadBalancer),
    call!("elasticloadbalancing:DeleteRule", UP, Rule),
    call!("elasticloadbalancing:DeleteTargetGroup", UP, TargetGroup),
    // On AWS, ECS registers the tasks; these are for the local cloud, which asks for no permission.
    call!("elasticloadbalancing:DeregisterTargets", NOBODY, TargetGroup),
    call!("elasticloadbalancing:RegisterTargets", NOBODY, TargetGroup),
    call!("elasticloadbalancing:DescribeListeners", PLAN, Everything),
    call!("elasticloadbalancing:DescribeLoadBalancerAttributes", PLAN, Everything),
    call!("elasticloadbalancing:DescribeLoadBalancers", PLAN, Everything),
    call!("elasticloadbalancing:DescribeRules", PLAN, Everything),
    call!("elasticloadbalancing:DescribeTags", PLAN, Everything),
    call!("elasticloadbalancing:DescribeTargetGroupAttributes", PLAN, Everything),
    call!("elasticloadbalancing:DescribeTargetGroups", PLAN, Everything),
    call!("elasticloadbalancing:DescribeTargetHealth", PLAN, Everything),
    call!("elasticloadbalancing:ModifyListener", UP, Listener),
    call!("elasticloadbalancing:ModifyLoadBalancerAttributes", UP, LoadBalancer),
    call!("elasticloadbalancing:ModifyRule", UP, Rule),
    call!("elasticloadbalancing:ModifyTargetGroup", UP, TargetGroup),
    call!("elasticloadbalancing:ModifyTargetGroupAttributes", UP, TargetGroup),
    call!(
        "elasticloadbalancing:RemoveTags",
        UP,
        ElbTags,
        need("elasticloadbalancing:RemoveTags", UP, TargetGroup),
    ),
    call!("elasticloadbalancing:SetRulePriorities", UP, Rule),
    call!("elasticloadbalancing:SetSecurityGroups", UP, LoadBalancer, GROUPS_OF_VPC),
    call!(
        "elasticloadbalancing:SetSubnets",
        UP,
        LoadBalancer,
        need("ec2:DescribeSubnets", UP, Everything),
    ),
];
