//! Each ordering rule on a log that keeps it and on one that breaks it.

use serde_json::{Value, json};
use strict::{Call, Violation, audit, audit_read_only};

/// A log written by hand: calls one after the other, a virtual second apart.
fn log(calls: Vec<Call>) -> Vec<Call> {
    let numbered = calls.into_iter().zip(1_u32..).map(|(mut call, n)| {
        call.seq = u64::from(n);
        call.ended = call.seq;
        call.clock += f64::from(n);
        call.answered = call.clock;
        call
    });
    numbered.collect()
}

fn rules(calls: &[&Call]) -> Vec<u8> {
    let mut rules: Vec<u8> = audit(&log(calls.iter().map(|c| (*c).clone()).collect()))
        .iter()
        .map(|v: &Violation| v.rule)
        .collect();
    // Tags and known ids are judged in their own tests.
    rules.retain(|r| *r != 21 && *r != 61);
    rules.dedup();
    rules
}

/// The last call keeps the rule after all the others, and breaks it without the ones at `needed`.
fn needs(rule: u8, calls: &[&Call], needed: &[usize]) {
    assert_eq!(rules(calls), NONE, "rule {rule} with everything");
    for without in needed {
        let mut fewer = calls.to_vec();
        fewer.remove(*without);
        assert_eq!(
            rules(&fewer),
            [rule],
            "rule {rule} without call {without}: {}",
            calls[*without].operation
        );
    }
}

const NONE: [u8; 0] = [];

fn ec2(operation: &str, parameters: Value, answer: Value) -> Call {
    Call::answered("ec2", operation, parameters, answer)
}

fn elb(operation: &str, parameters: Value, answer: Value) -> Call {
    Call::answered("elasticloadbalancing", operation, parameters, answer)
}

fn ecs(operation: &str, parameters: Value, answer: Value) -> Call {
    Call::answered("ecs", operation, parameters, answer)
}

fn failed(mut call: Call, status: u16, code: &str) -> Call {
    call.status = status;
    call.code = Some(code.into());
    call.response = Value::Null;
    call.response_ids.clear();
    call
}

fn lost(mut call: Call) -> Call {
    call.fault = Some("after".into());
    call
}

const BALANCER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/web/0123456789abcdef";
const LISTENER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/web/0123456789abcdef/11";
const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/0123456789abcdef";
const SERVICE: &str = "arn:aws:ecs:us-east-1:1:service/c/web";
const DEFINITION: &str = "arn:aws:ecs:us-east-1:1:task-definition/web:1";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf";

fn vpc() -> Call {
    ec2(
        "CreateVpc",
        json!({}),
        json!({"vpc": {"vpcId": "vpc-00000001", "instanceTenancy": "default"}}),
    )
}

fn subnet(id: &str, zone: &str) -> Call {
    ec2(
        "CreateSubnet",
        json!({"VpcId": "vpc-00000001"}),
        json!({"subnet": {"subnetId": id, "availabilityZone": zone, "vpcId": "vpc-00000001"}}),
    )
}

fn gateway() -> Call {
    ec2(
        "CreateInternetGateway",
        json!({}),
        json!({"internetGateway": {"internetGatewayId": "igw-00000001", "attachmentSet": ""}}),
    )
}

fn attach() -> Call {
    ec2(
        "AttachInternetGateway",
        json!({"InternetGatewayId": "igw-00000001", "VpcId": "vpc-00000001"}),
        json!({}),
    )
}

fn address() -> Call {
    ec2("AllocateAddress", json!({}), json!({"allocationId": "eipalloc-00000001"}))
}

fn create_nat() -> Call {
    ec2(
        "CreateNatGateway",
        json!({"SubnetId": "subnet-00000001", "AllocationId": "eipalloc-00000001"}),
        json!({"natGateway": {"natGatewayId": "nat-00000001", "createTime": "t", "state": "pending", "vpcId": "vpc-00000001"}}),
    )
}

fn nat(state: &str) -> Call {
    let item = json!({"natGatewayId": "nat-00000001", "createTime": "t", "state": state, "vpcId": "vpc-00000001", "natGatewayAddressSet": [{"allocationId": "eipalloc-00000001"}]});
    ec2(
        "DescribeNatGateways",
        json!({"NatGatewayId": ["nat-00000001"]}),
        json!({"natGatewaySet": [item]}),
    )
}

fn table() -> Call {
    ec2(
        "CreateRouteTable",
        json!({"VpcId": "vpc-00000001"}),
        json!({"routeTable": {"routeTableId": "rtb-00000001", "vpcId": "vpc-00000001", "routeSet": ""}}),
    )
}

fn nat_route() -> Call {
    ec2(
        "CreateRoute",
        json!({"RouteTableId": "rtb-00000001", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-00000001"}),
        json!({}),
    )
}

fn no_enis(filter: &str, value: &str) -> Call {
    ec2(
        "DescribeNetworkInterfaces",
        json!({"Filter": [{"Name": filter, "Value": [value]}]}),
        json!({"networkInterfaceSet": ""}),
    )
}

fn balancer(state: &str) -> Call {
    let item = json!({"LoadBalancerArn": BALANCER, "Scheme": "internet-facing", "VpcId": "vpc-00000001", "SecurityGroups": ["sg-00000001"], "State": {"Code": state}});
    elb(
        "DescribeLoadBalancers",
        json!({"LoadBalancerArns": [BALANCER]}),
        json!({"LoadBalancers": [item]}),
    )
}

fn delete_balancer() -> Call {
    elb("DeleteLoadBalancer", json!({"LoadBalancerArn": BALANCER}), json!({}))
}

fn listener() -> Call {
    let actions = json!([{"Type": "forward", "TargetGroupArn": GROUP}]);
    let item =
        json!({"ListenerArn": LISTENER, "LoadBalancerArn": BALANCER, "DefaultActions": actions});
    elb(
        "CreateListener",
        json!({"LoadBalancerArn": BALANCER, "Protocol": "HTTP", "DefaultActions": actions}),
        json!({"Listeners": [item]}),
    )
}

fn service(status: &str, desired: i64) -> Call {
    let item = json!({"serviceArn": SERVICE, "serviceName": "web", "status": status, "desiredCount": desired, "taskDefinition": DEFINITION, "loadBalancers": [{"targetGroupArn": GROUP}]});
    ecs(
        "DescribeServices",
        json!({"cluster": "c", "services": ["web"]}),
        json!({"services": [item]}),
    )
}

fn definition() -> Call {
    let container = json!({
        "name": "web",
        "image": "1.dkr.ecr.us-east-1.amazonaws.com/web@sha256:00",
        "secrets": [{"name": "DB", "valueFrom": format!("{SECRET}:url::")}],
        "logConfiguration": {"options": {"awslogs-group": "/web"}},
    });
    let definition = json!({"taskDefinitionArn": DEFINITION, "family": "web", "executionRoleArn": "arn:aws:iam::1:role/execution", "containerDefinitions": [container]});
    ecs("RegisterTaskDefinition", json!({"family": "web"}), json!({"taskDefinition": definition}))
}

fn create_service(parameters: &Value) -> Call {
    let mut given = json!({"cluster": "c", "serviceName": "web", "taskDefinition": "web:1"});
    for (key, value) in parameters.as_object().unwrap() {
        given[key] = value.clone();
    }
    ecs(
        "CreateService",
        given,
        json!({"service": {"serviceArn": SERVICE, "status": "ACTIVE", "desiredCount": 2, "taskDefinition": DEFINITION}}),
    )
}

#[test]
fn rule_1_gateway_and_vpc_before_attach() {
    needs(1, &[&vpc(), &gateway(), &attach()], &[0, 1]);
}

#[test]
fn rule_2_attached_gateway_and_address_before_nat() {
    needs(
        2,
        &[
            &vpc(),
            &subnet("subnet-00000001", "a"),
            &gateway(),
            &attach(),
            &address(),
            &create_nat(),
        ],
        &[3, 4],
    );
}

#[test]
fn rules_3_and_6_nat_seen_available_before_its_route() {
    let begin = [vpc(), table(), create_nat()];
    let mut whole: Vec<&Call> = begin.iter().collect();
    let (pending, available, route, deleted) =
        (nat("pending"), nat("available"), nat_route(), nat("deleted"));
    let judged = |calls: &[&Call]| rules(calls).into_iter().filter(|r| *r != 2).collect::<Vec<_>>();
    whole.extend([&pending, &available, &route]);
    assert_eq!(judged(&whole), NONE);
    whole.remove(4);
    assert_eq!(judged(&whole), [3]);
    whole.insert(4, &deleted);
    assert_eq!(judged(&whole), [3, 6]);
}

#[test]
fn rule_3_an_answer_that_was_lost_was_not_seen() {
    let (seen, unseen) = (nat("available"), lost(nat("available")));
    assert_eq!(rules(&[&table(), &seen, &nat_route()]), NONE);
    assert_eq!(rules(&[&table(), &unseen, &nat_route()]), [3]);
}

#[test]
fn rule_3_an_answer_that_came_later_was_not_known() {
    let mut calls = log(vec![table(), nat("available"), nat_route()]);
    assert!(!audit(&calls).iter().any(|v| v.rule == 3));
    calls[1].ended = 3;
    assert!(audit(&calls).iter().any(|v| v.rule == 3));
}

#[test]
fn rule_4_attached_gateway_before_its_route() {
    let route = ec2(
        "CreateRoute",
        json!({"RouteTableId": "rtb-00000001", "GatewayId": "igw-00000001"}),
        json!({}),
    );
    needs(4, &[&vpc(), &gateway(), &attach(), &route], &[2]);
}

#[test]
fn rule_5_table_before_association() {
    let associate = ec2(
        "AssociateRouteTable",
        json!({"RouteTableId": "rtb-00000001", "SubnetId": "subnet-00000001"}),
        json!({}),
    );
    needs(5, &[&table(), &associate], &[0]);
}

#[test]
fn rule_7_names_before_private_names() {
    let modify = ec2(
        "ModifyVpcAttribute",
        json!({"VpcId": "vpc-00000001", "EnableDnsHostnames": {"Value": "true"}}),
        json!({}),
    );
    let endpoint = ec2(
        "CreateVpcEndpoint",
        json!({"VpcId": "vpc-00000001", "VpcEndpointType": "Interface", "PrivateDnsEnabled": "true"}),
        json!({}),
    );
    needs(7, &[&modify, &endpoint], &[0]);
}

#[test]
fn rule_7_endpoint_calls_are_rare() {
    let delete = |at: f64| {
        let mut call = ec2("DeleteVpcEndpoints", json!({}), json!({}));
        call.clock = at;
        call
    };
    let calls: Vec<Call> = (0..4).map(|_| delete(0.0)).collect();
    let mut whole: Vec<&Call> = calls.iter().collect();
    let (soon, late) = (delete(-3.0), delete(5.0));
    whole.push(&late);
    assert_eq!(rules(&whole), NONE);
    whole[4] = &soon;
    whole.push(&soon);
    assert_eq!(rules(&whole), [7]);
}

#[test]
fn rule_8_two_zones_and_a_gateway_before_a_load_balancer() {
    let create = elb(
        "CreateLoadBalancer",
        json!({"Name": "web", "Subnets": ["subnet-00000001", "subnet-00000002"]}),
        json!({}),
    );
    needs(
        8,
        &[
            &vpc(),
            &gateway(),
            &attach(),
            &subnet("subnet-00000001", "a"),
            &subnet("subnet-00000002", "b"),
            &create,
        ],
        &[2, 4],
    );
    let twins = [subnet("subnet-00000001", "a"), subnet("subnet-00000002", "a")];
    assert_eq!(rules(&[&vpc(), &gateway(), &attach(), &twins[0], &twins[1], &create]), [8]);
}

#[test]
fn rules_9_and_10_certificate_and_load_balancer_before_a_listener() {
    let issued = Call::answered(
        "acm",
        "DescribeCertificate",
        json!({"CertificateArn": "arn:aws:acm:x"}),
        json!({"Certificate": {"Status": "ISSUED"}}),
    );
    let https = elb(
        "CreateListener",
        json!({"LoadBalancerArn": BALANCER, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": "arn:aws:acm:x"}]}),
        json!({}),
    );
    needs(9, &[&issued, &balancer("active"), &https], &[0]);
    needs(10, &[&balancer("active"), &listener()], &[0]);
    assert_eq!(rules(&[&balancer("provisioning"), &listener()]), [10]);
    assert!(
        audit(&log(vec![listener()]))[0].advisory() || audit(&log(vec![listener()]))[1].advisory()
    );
}

#[test]
fn rule_12_listener_before_service() {
    let create = create_service(&json!({"loadBalancers": [{"targetGroupArn": GROUP}]}));
    needs(12, &[&balancer("active"), &listener(), &create], &[1]);
}

#[test]
fn rule_13_logs_secrets_and_roles_before_service() {
    let group =
        Call::answered("logs", "CreateLogGroup", json!({"logGroupName": "/web"}), json!({}));
    let retention =
        Call::answered("logs", "PutRetentionPolicy", json!({"logGroupName": "/web"}), json!({}));
    let secret = Call::answered(
        "secretsmanager",
        "CreateSecret",
        json!({"Name": "db", "SecretString": "***"}),
        json!({"ARN": SECRET}),
    );
    let role = Call::answered("iam", "CreateRole", json!({"RoleName": "execution"}), json!({}));
    let policy = Call::answered(
        "iam",
        "PutRolePolicy",
        json!({"RoleName": "execution", "PolicyName": "p"}),
        json!({}),
    );
    let calls =
        [&secret, &role, &policy, &group, &retention, &definition(), &create_service(&json!({}))];
    needs(13, &calls, &[0, 1, 2]);
    let mut without = calls.to_vec();
    without.drain(3..5);
    assert_eq!(rules(&without), [13]);
    let empty = Call::answered(
        "secretsmanager",
        "CreateSecret",
        json!({"Name": "db"}),
        json!({"ARN": SECRET}),
    );
    let mut valueless = calls.to_vec();
    valueless[0] = &empty;
    assert_eq!(rules(&valueless), [13]);
}

#[test]
fn rule_14_a_way_out_before_a_service_in_private_subnets() {
    let associate = ec2(
        "AssociateRouteTable",
        json!({"RouteTableId": "rtb-00000001", "SubnetId": "subnet-00000001"}),
        json!({"associationId": "rtbassoc-00000001"}),
    );
    let network = |public: &str| {
        create_service(
            &json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-00000001"], "assignPublicIp": public}}}),
        )
    };
    let (private, public) = (network("DISABLED"), network("ENABLED"));
    let calls = [
        &vpc(),
        &subnet("subnet-00000001", "a"),
        &table(),
        &associate,
        &nat("available"),
        &nat_route(),
        &private,
    ];
    needs(14, &calls, &[5]);
    let mut open = calls.to_vec();
    open.remove(5);
    open[5] = &public;
    assert_eq!(rules(&open), NONE);
}

#[test]
fn rule_15_service_then_target_then_policy() {
    let id = json!({"ResourceId": "service/c/web", "PolicyName": "p"});
    let target =
        Call::answered("application-autoscaling", "RegisterScalableTarget", id.clone(), json!({}));
    let policy = Call::answered("application-autoscaling", "PutScalingPolicy", id, json!({}));
    needs(15, &[&service("ACTIVE", 2), &target, &policy], &[0, 1]);
    assert_eq!(rules(&[&service("DRAINING", 0), &target]), [15]);
}

#[test]
fn rules_16_and_17_revisions() {
    let other = ecs("RegisterTaskDefinition", json!({"family": "web", "cpu": "512"}), json!({}));
    assert_eq!(rules(&[&definition(), &other]), NONE);
    assert_eq!(rules(&[&definition(), &definition()]), [16]);
    let update = |name: &str| {
        ecs(
            "UpdateService",
            json!({"cluster": "c", "service": "web", "taskDefinition": name}),
            json!({}),
        )
    };
    assert_eq!(rules(&[&update("web:2")]), NONE);
    assert_eq!(rules(&[&update("web")]), [17]);
}

#[test]
fn rule_21_tags_and_a_look_before_a_repeat() {
    let judge = |calls: Vec<Call>| audit(&log(calls)).iter().filter(|v| v.rule == 21).count();
    let bare = vpc();
    let mut tagged = bare.clone();
    tagged.parameters = json!({"TagSpecification": [{"ResourceType": "vpc"}]});
    assert_eq!((judge(vec![bare]), judge(vec![tagged.clone()])), (1, 0));
    let look = ec2("DescribeVpcs", json!({}), json!({"vpcSet": ""}));
    assert_eq!(judge(vec![lost(tagged.clone()), tagged.clone()]), 1);
    assert_eq!(judge(vec![lost(tagged.clone()), look, tagged.clone()]), 0);
    let throttled = failed(tagged.clone(), 503, "RequestLimitExceeded");
    assert_eq!(
        judge(vec![throttled, tagged]),
        1,
        "503 says nothing of the effect unless it is throttling"
    );
}

#[test]
fn rule_22_retention_follows_a_log_group() {
    let group =
        Call::answered("logs", "CreateLogGroup", json!({"logGroupName": "/web"}), json!({}));
    let retention =
        Call::answered("logs", "PutRetentionPolicy", json!({"logGroupName": "/web"}), json!({}));
    assert_eq!(rules(&[&group, &retention]), NONE);
    assert_eq!(rules(&[&group]), [22]);
}

#[test]
fn rule_24_look_for_a_bucket_first() {
    let head =
        failed(Call::answered("s3", "HeadBucket", json!({"Bucket": "b"}), Value::Null), 404, "404");
    let mut create = Call::answered("s3", "CreateBucket", json!({"Bucket": "b"}), Value::Null);
    create.region = "us-east-1".into();
    needs(24, &[&head, &create], &[0]);
}

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

#[test]
fn rule_58_the_store_goes_last() {
    let table = Call::answered("dynamodb", "DeleteTable", json!({"TableName": "lock"}), json!({}));
    let bucket = Call::answered("s3", "DeleteBucket", json!({"Bucket": "state"}), Value::Null);
    let other =
        Call::answered("logs", "DeleteLogGroup", json!({"logGroupName": "/web"}), json!({}));
    assert_eq!(rules(&[&other, &table, &bucket]), NONE);
    assert_eq!(rules(&[&table, &other, &bucket]), [58]);
}

#[test]
fn rule_61_only_what_was_seen_is_deleted() {
    let judge = |calls: Vec<Call>| audit(&log(calls)).iter().any(|v| v.rule == 61);
    let delete = ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({}));
    assert!(!judge(vec![subnet("subnet-00000001", "a"), delete.clone()]));
    assert!(judge(vec![subnet("subnet-00000002", "a"), delete.clone()]));
    assert!(judge(vec![lost(subnet("subnet-00000001", "a")), delete]));
}

#[test]
fn rule_63_a_plan_changes_nothing() {
    assert_eq!(audit_read_only(&log(vec![nat("available")])), []);
    assert_eq!(audit_read_only(&log(vec![nat("available"), vpc()]))[0].rule, 63);
}

#[test]
fn rule_64_retries_follow_codes_that_pass() {
    let release = ec2("ReleaseAddress", json!({"AllocationId": "eipalloc-00000001"}), json!({}));
    let after = |code: &str, status: u16| {
        rules(&[&address(), &failed(release.clone(), status, code), &release])
    };
    assert_eq!(after("RequestLimitExceeded", 503), NONE);
    assert_eq!(after("InvalidIPAddress.InUse", 400), NONE);
    assert_eq!(after("UnauthorizedOperation", 403), [64]);
    assert_eq!(after("AddressLimitExceeded", 400), [64]);
}

#[test]
fn rule_67_secrets_stay_out_of_other_requests() {
    let mut put =
        Call::answered("s3", "PutObject", json!({"Bucket": "state", "Key": "prod"}), Value::Null);
    assert_eq!(rules(&[&put]), NONE);
    put.leaks_secret = true;
    assert_eq!(rules(&[&put]), [67]);
}

#[test]
fn refused_attempts_count() {
    let attempt = failed(
        ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({})),
        400,
        "DependencyViolation",
    );
    assert_eq!(rules(&[&vpc(), &subnet("subnet-00000001", "a"), &attempt]), [42]);
}
