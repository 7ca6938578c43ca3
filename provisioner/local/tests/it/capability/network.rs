//! Networks and load balancers.

use local::Level;

use super::level;
use super::stack::Stack;
use crate::support::{REGION, answering, element};

pub(super) fn ec2(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "VPC, subnets and routes" => {
            let kept = stack.aws.ec2("Action=DescribeVpcs");
            // Emulated would mean an interface that a packet can reach.
            let interfaces = stack.aws.ec2("Action=DescribeNetworkInterfaces");
            assert!(kept.contains(&stack.vpc));
            level(interfaces.contains("<networkInterfaceId>"))
        }
        "NAT gateways" => {
            let address = stack.aws.ec2("Action=AllocateAddress&Domain=vpc");
            let address = element(&address, "allocationId").unwrap().to_owned();
            let body =
                format!("Action=CreateNatGateway&SubnetId={}&AllocationId={address}", stack.subnet);
            let answer = stack.aws.ec2(&body);
            assert_eq!(element(&answer, "state"), Some("available"));
            level(answer.contains(&address))
        }
        "security groups" => {
            let body = format!(
                "Action=CreateSecurityGroup&GroupName=shut&GroupDescription=d&VpcId={}",
                stack.vpc
            );
            let made = stack.aws.ec2(&body);
            let shut = element(&made, "groupId").unwrap();
            let body = format!(
                "Action=SetSecurityGroups&LoadBalancerArn={}&SecurityGroups.member.1={shut}",
                stack.balancer
            );
            stack.aws.elb(&body);
            // A group without a rule lets nothing in, yet the balancer answers.
            level(stack.get("/anything").1 != "nothing here")
        }
        "VPC endpoints" => {
            let table = stack.aws.ec2(&format!("Action=CreateRouteTable&VpcId={}", stack.vpc));
            let table = element(&table, "routeTableId").unwrap().to_owned();
            let made = stack.aws.ec2(&format!(
                "Action=CreateVpcEndpoint&VpcId={}&ServiceName=com.amazonaws.{REGION}.s3&RouteTableId.1={table}",
                stack.vpc
            ));
            let endpoint = element(&made, "vpcEndpointId").unwrap();
            assert!(stack.aws.ec2("Action=DescribeVpcEndpoints").contains(endpoint));
            level(stack.aws.ec2("Action=DescribeRouteTables").contains(endpoint))
        }
        _ => return None,
    })
}

pub(super) fn elasticloadbalancing(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "listeners and rules" => {
            let port = answering("a process");
            let body = format!(
                "Action=RegisterTargets&TargetGroupArn={}&Targets.member.1.Id=127.0.0.1&Targets.member.1.Port={port}",
                stack.group
            );
            stack.aws.elb(&body);
            stack.rule(10, "/v1/*", &format!("TargetGroupArn={}", stack.group));
            assert_eq!(stack.get("/other"), (404, "nothing here".to_owned()));
            level(stack.get("/v1/x?q=1") == (200, "a process GET /v1/x?q=1 HTTP/1.1".to_owned()))
        }
        "target health checks" => {
            let group = Stack::target_group(&stack.aws, "dead", &stack.vpc);
            let target = "Targets.member.1.Id=127.0.0.1&Targets.member.1.Port=1";
            stack.aws.elb(&format!("Action=RegisterTargets&TargetGroupArn={group}&{target}"));
            let health =
                stack.aws.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}"));
            level(element(&health, "State") != Some("healthy"))
        }
        "weighted target groups" => {
            let forward = format!(
                "ForwardConfig.TargetGroups.member.1.TargetGroupArn={}&Actions.member.1.ForwardConfig.TargetGroups.\
                 member.1.Weight=1",
                stack.group
            );
            let kept = stack.rule(20, "/weighted/*", &forward).contains(&stack.group);
            if kept { level(stack.get("/weighted/x").0 == 200) } else { Level::Absent }
        }
        "deletion protection" => {
            let body =
                format!("Action=CreateLoadBalancer&Name=kept&Subnets.member.1={}", stack.subnet);
            let made = stack.aws.elb(&body);
            let arn = element(&made, "LoadBalancerArn").unwrap();
            let answer = stack.aws.elb(&format!(
                "Action=ModifyLoadBalancerAttributes&LoadBalancerArn={arn}&Attributes.member.1.Key=\
                 deletion_protection.enabled&Attributes.member.1.Value=true"
            ));
            assert!(answer.contains("<Value>true</Value>"), "{answer}");
            let body = format!("Action=DeleteLoadBalancer&LoadBalancerArn={arn}");
            level(stack.aws.query("elasticloadbalancing", "2015-12-01", &body).0 != 200)
        }
        _ => return None,
    })
}
