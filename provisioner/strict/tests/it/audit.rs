//! Each ordering rule on a log that keeps it and on one that breaks it: the logs' calls.

mod always;
mod create;
mod remove;
mod serving;

use serde_json::{Value, json};
use strict::{Call, Violation, audit};

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
