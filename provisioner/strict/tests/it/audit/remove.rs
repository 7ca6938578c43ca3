//! Rules of taking down.

use serde_json::{Value, json};
use strict::Call;

use super::*;

#[test]
fn rules_25_and_26_scaling_ends_first() {
    let scaling = |operation: &str| {
        Call::answered(
            "application-autoscaling",
            operation,
            json!({"ResourceId": "service/c/web", "PolicyName": "p"}),
            json!({}),
        )
    };
    let delete =
        ecs("DeleteService", json!({"cluster": "c", "service": "web", "force": true}), json!({}));
    let (register, put, drop, deregister) = (
        scaling("RegisterScalableTarget"),
        scaling("PutScalingPolicy"),
        scaling("DeleteScalingPolicy"),
        scaling("DeregisterScalableTarget"),
    );
    let live = service("ACTIVE", 2);
    needs(25, &[&live, &register, &deregister, &delete], &[2]);
    needs(26, &[&live, &register, &put, &drop, &deregister], &[3]);
}

#[test]
fn rule_27_zero_or_force_before_a_service_goes() {
    let zero = ecs(
        "UpdateService",
        json!({"cluster": "c", "service": "web", "desiredCount": 0}),
        json!({}),
    );
    let delete = ecs("DeleteService", json!({"cluster": "c", "service": "web"}), json!({}));
    let force =
        ecs("DeleteService", json!({"cluster": "c", "service": "web", "force": true}), json!({}));
    needs(27, &[&service("ACTIVE", 2), &zero, &delete], &[1]);
    assert_eq!(rules(&[&service("ACTIVE", 2), &force]), NONE);
}

#[test]
fn rule_28_services_and_tasks_before_their_cluster() {
    let tasks = ecs("ListTasks", json!({"cluster": "c"}), json!({"taskArns": []}));
    let delete = ecs("DeleteCluster", json!({"cluster": "c"}), json!({}));
    needs(28, &[&service("DRAINING", 0), &service("INACTIVE", 0), &tasks, &delete], &[1, 2]);
}

/// Creates around a service that rules 29, 49 and 59 ask about, without what rule 13 asks for.
fn after_service(rule: u8, last: &Call) {
    let start = [definition(), service("ACTIVE", 2)];
    let (draining, gone) = (service("DRAINING", 0), service("INACTIVE", 0));
    assert_eq!(rules(&[&start[0], &start[1], &draining, &gone, last]), NONE);
    assert_eq!(rules(&[&start[0], &start[1], &draining, last]), [rule]);
    let mut missing = ecs(
        "DescribeServices",
        json!({"cluster": "c", "services": ["web"]}),
        json!({"services": [], "failures": [{"reason": "MISSING"}]}),
    );
    missing.request_ids.clear();
    assert_eq!(rules(&[&start[0], &start[1], &missing, last]), NONE);
}

#[test]
fn rules_29_49_59_and_60_what_a_service_uses_goes_after_it() {
    after_service(
        29,
        &Call::answered(
            "iam",
            "DeleteRolePolicy",
            json!({"RoleName": "execution", "PolicyName": "p"}),
            json!({}),
        ),
    );
    after_service(
        49,
        &Call::answered("logs", "DeleteLogGroup", json!({"logGroupName": "/web"}), json!({})),
    );
    after_service(
        59,
        &Call::answered(
            "ecr",
            "DeleteRepository",
            json!({"repositoryName": "web", "force": true}),
            json!({}),
        ),
    );
    after_service(
        60,
        &ecs("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"}), json!({})),
    );
}

/// A service whose revision is another one now: what the former one used goes after its last deployment.
#[test]
fn rules_29_49_59_and_68_count_every_deployment_of_a_living_service() {
    let iam = |operation: &str, p| Call::answered("iam", operation, p, json!({}));
    let next = "arn:aws:ecs:us-east-1:1:task-definition/web:2";
    let bare = json!({"taskDefinitionArn": next, "family": "web", "containerDefinitions": []});
    let registered =
        ecs("RegisterTaskDefinition", json!({"family": "web"}), json!({"taskDefinition": bare}));
    let runs = |revisions: &[&str]| {
        let deployments: Vec<Value> =
            revisions.iter().map(|one| json!({"taskDefinition": one})).collect();
        let item = json!({"serviceArn": SERVICE, "serviceName": "web", "status": "ACTIVE",
            "desiredCount": 2, "taskDefinition": next, "deployments": deployments});
        ecs("DescribeServices", json!({"cluster": "c"}), json!({"services": [item]}))
    };
    for (rule, last) in [
        (29, iam("DeleteRole", json!({"RoleName": "execution"}))),
        (49, Call::answered("logs", "DeleteLogGroup", json!({"logGroupName": "/web"}), json!({}))),
        (
            59,
            Call::answered("ecr", "DeleteRepository", json!({"repositoryName": "web"}), json!({})),
        ),
        (
            71,
            Call::answered(
                "secretsmanager",
                "DeleteSecret",
                json!({"SecretId": SECRET}),
                json!({}),
            ),
        ),
    ] {
        let start = [definition(), service("ACTIVE", 2), registered.clone()];
        let judge = |seen: &Call| {
            let found = rules(&[&start[0], &start[1], &start[2], seen, &last]);
            found.contains(&rule)
        };
        assert!(judge(&start[1]), "rule {rule}: the former revision");
        assert!(judge(&runs(&[next, DEFINITION])), "rule {rule}: a deployment that is not over");
        assert!(!judge(&runs(&[next])), "rule {rule}: settled");
    }
}

#[test]
fn rule_32_forwarders_and_service_before_their_target_group() {
    let delete = elb("DeleteTargetGroup", json!({"TargetGroupArn": GROUP}), json!({}));
    let unlisten = elb("DeleteListener", json!({"ListenerArn": LISTENER}), json!({}));
    let start = [balancer("active"), listener(), service("ACTIVE", 2), service("INACTIVE", 0)];
    needs(32, &[&start[0], &start[1], &start[2], &start[3], &unlisten, &delete], &[3, 4]);
    assert_eq!(
        rules(&[&start[0], &start[1], &start[2], &start[3], &delete_balancer(), &delete]),
        NONE
    );
}

#[test]
fn rule_34_interfaces_of_a_load_balancer_before_its_group() {
    let delete = ec2("DeleteSecurityGroup", json!({"GroupId": "sg-00000001"}), json!({}));
    let lingering = ec2(
        "DescribeNetworkInterfaces",
        json!({"Filter": [{"Name": "description", "Value": ["ELB app/web/*"]}]}),
        json!({"networkInterfaceSet": [{"networkInterfaceId": "eni-00000001", "interfaceType": "interface", "description": "ELB app/web/0123456789abcdef"}]}),
    );
    let none = no_enis("description", "ELB app/web/*");
    needs(34, &[&balancer("active"), &delete_balancer(), &lingering, &none, &delete], &[1, 3]);
    assert_eq!(
        rules(&[
            &balancer("active"),
            &delete_balancer(),
            &no_enis("description", "ELB app/other/*"),
            &delete
        ]),
        [34]
    );
}

#[test]
fn rule_35_rules_that_name_a_group_before_it() {
    let rule = json!({"GroupId": "sg-00000002", "IpPermissions": [{"IpProtocol": "tcp", "Groups": [{"GroupId": "sg-00000001"}]}]});
    let authorize = ec2("AuthorizeSecurityGroupIngress", rule.clone(), json!({}));
    let revoke = ec2("RevokeSecurityGroupIngress", rule, json!({}));
    let delete = ec2("DeleteSecurityGroup", json!({"GroupId": "sg-00000001"}), json!({}));
    needs(35, &[&authorize, &revoke, &delete], &[1]);
    let other = ec2("DeleteSecurityGroup", json!({"GroupId": "sg-00000002"}), json!({}));
    assert_eq!(rules(&[&authorize, &other, &delete]), NONE);
}

#[test]
fn rule_36_interfaces_of_tasks_before_their_group() {
    let network = json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": [], "securityGroups": ["sg-00000001"]}}});
    let delete = ec2("DeleteSecurityGroup", json!({"GroupId": "sg-00000001"}), json!({}));
    needs(36, &[&create_service(&network), &no_enis("group-id", "sg-00000001"), &delete], &[1]);
}

#[test]
fn rule_37_routes_before_their_nat_gateway() {
    let unroute = ec2(
        "DeleteRoute",
        json!({"RouteTableId": "rtb-00000001", "DestinationCidrBlock": "0.0.0.0/0"}),
        json!({}),
    );
    let untable = ec2("DeleteRouteTable", json!({"RouteTableId": "rtb-00000001"}), json!({}));
    let delete = ec2("DeleteNatGateway", json!({"NatGatewayId": "nat-00000001"}), json!({}));
    needs(37, &[&table(), &nat("available"), &nat_route(), &unroute, &delete], &[3]);
    assert_eq!(rules(&[&table(), &nat("available"), &nat_route(), &untable, &delete]), NONE);
}

#[test]
fn rule_38_nat_seen_deleted_before_its_address_goes() {
    let release = ec2("ReleaseAddress", json!({"AllocationId": "eipalloc-00000001"}), json!({}));
    needs(38, &[&nat("available"), &nat("deleting"), &nat("deleted"), &release], &[2]);
    let missed = failed(
        ec2("DescribeNatGateways", json!({"NatGatewayId": ["nat-00000001"]}), json!({})),
        400,
        "NatGatewayNotFound",
    );
    assert_eq!(rules(&[&nat("deleting"), &missed, &release]), NONE);
}

#[test]
fn rules_39_and_40_public_addresses_before_detach_before_delete() {
    let detach = ec2(
        "DetachInternetGateway",
        json!({"InternetGatewayId": "igw-00000001", "VpcId": "vpc-00000001"}),
        json!({}),
    );
    let none = no_enis("vpc-id", "vpc-00000001");
    needs(
        39,
        &[
            &vpc(),
            &nat("deleting"),
            &balancer("active"),
            &nat("deleted"),
            &delete_balancer(),
            &none,
            &detach,
        ],
        &[3, 4, 5],
    );
    let delete =
        ec2("DeleteInternetGateway", json!({"InternetGatewayId": "igw-00000001"}), json!({}));
    needs(40, &[&vpc(), &gateway(), &attach(), &detach, &delete], &[3]);
}

#[test]
fn rule_41_associations_before_their_table() {
    let associate = ec2(
        "AssociateRouteTable",
        json!({"RouteTableId": "rtb-00000001", "SubnetId": "subnet-00000001"}),
        json!({"associationId": "rtbassoc-00000001"}),
    );
    let leave =
        ec2("DisassociateRouteTable", json!({"AssociationId": "rtbassoc-00000001"}), json!({}));
    let delete = ec2("DeleteRouteTable", json!({"RouteTableId": "rtb-00000001"}), json!({}));
    needs(41, &[&table(), &associate, &leave, &delete], &[2]);
    let main = json!({"routeTableId": "rtb-00000001", "routeSet": "", "associationSet": [{"main": "true"}]});
    let described = ec2("DescribeRouteTables", json!({}), json!({"routeTableSet": [main]}));
    assert_eq!(rules(&[&described, &delete]), [41]);
}

#[test]
fn rules_42_and_43_interfaces_and_endpoints_before_their_subnet() {
    let delete = ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({}));
    let none = no_enis("subnet-id", "subnet-00000001");
    needs(42, &[&vpc(), &subnet("subnet-00000001", "a"), &none, &delete], &[2]);
    let endpoint = json!({"vpcEndpointId": "vpce-00000001", "serviceName": "s", "vpcId": "vpc-00000001", "subnetIdSet": ["subnet-00000001"]});
    let shown = ec2("DescribeVpcEndpoints", json!({}), json!({"vpcEndpointSet": [endpoint]}));
    let gone = ec2("DescribeVpcEndpoints", json!({}), json!({"vpcEndpointSet": ""}));
    needs(43, &[&vpc(), &subnet("subnet-00000001", "a"), &shown, &gone, &none, &delete], &[3]);
}

#[test]
fn rule_43_a_page_is_not_the_whole_list() {
    let endpoint = json!({"vpcEndpointId": "vpce-00000001", "serviceName": "s", "vpcId": "vpc-00000001", "subnetIdSet": ["subnet-00000001"]});
    let page = |token: Value, items: Value, next: Value| {
        ec2("DescribeVpcEndpoints", token, json!({"vpcEndpointSet": items, "nextToken": next}))
    };
    let first = page(json!({}), json!([endpoint]), json!("t"));
    let last = page(json!({"NextToken": "t"}), json!(""), json!(""));
    let none = no_enis("subnet-id", "subnet-00000001");
    let delete = ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({}));
    assert_eq!(
        rules(&[&vpc(), &subnet("subnet-00000001", "a"), &first, &last, &none, &delete]),
        [43]
    );
}

#[test]
fn rule_44_everything_before_the_vpc() {
    let group = ec2(
        "CreateSecurityGroup",
        json!({"VpcId": "vpc-00000001"}),
        json!({"groupId": "sg-00000001"}),
    );
    let none = no_enis("vpc-id", "vpc-00000001");
    let deletes = [
        ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({})),
        ec2("DeleteRouteTable", json!({"RouteTableId": "rtb-00000001"}), json!({})),
        ec2("DeleteSecurityGroup", json!({"GroupId": "sg-00000001"}), json!({})),
        ec2(
            "DetachInternetGateway",
            json!({"InternetGatewayId": "igw-00000001", "VpcId": "vpc-00000001"}),
            json!({}),
        ),
    ];
    let start = [
        vpc(),
        subnet("subnet-00000001", "a"),
        table(),
        group,
        gateway(),
        attach(),
        nat("deleting"),
        nat("deleted"),
    ];
    let last = ec2("DeleteVpc", json!({"VpcId": "vpc-00000001"}), json!({}));
    let calls: Vec<&Call> = start.iter().chain([&none]).chain(&deletes).chain([&last]).collect();
    needs(44, &calls, &[9, 10, 11, 12]);
}

#[test]
fn rule_56_policies_before_their_role_and_versions_before_their_policy() {
    let iam = |operation: &str, parameters: Value| {
        Call::answered("iam", operation, parameters, json!({}))
    };
    let inline = json!({"RoleName": "r", "PolicyName": "p"});
    needs(
        56,
        &[
            &iam("PutRolePolicy", inline.clone()),
            &iam("DeleteRolePolicy", inline),
            &iam("DeleteRole", json!({"RoleName": "r"})),
        ],
        &[1],
    );
    let arn = json!({"PolicyArn": "arn:aws:iam::1:policy/p"});
    let calls = [
        &iam("CreatePolicyVersion", arn.clone()),
        &iam("DeletePolicyVersion", arn.clone()),
        &iam("DeletePolicy", arn),
    ];
    needs(56, &calls, &[1]);
}
