//! Rules of creation.

use serde_json::{Value, json};
use strict::{Call, audit};

use super::*;

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
    let policy = policy(&["*"], "*");
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

/// The execution role's policy.
fn policy(actions: &[&str], on: &str) -> Call {
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": [on]});
    Call::answered(
        "iam",
        "PutRolePolicy",
        json!({
            "RoleName": "execution",
            "PolicyName": "p",
            "PolicyDocument": json!({"Statement": [statement]}).to_string(),
        }),
        json!({}),
    )
}

#[test]
fn rule_70_the_roles_allow_what_a_start_needs() {
    let role = Call::answered("iam", "CreateRole", json!({"RoleName": "execution"}), json!({}));
    let judged = |policies: &[Call], service: &Call| {
        let mut calls = vec![role.clone(), definition()];
        calls.extend(policies.iter().cloned());
        calls.push(service.clone());
        audit(&log(calls)).into_iter().filter(|v| v.rule == 70).map(|v| v.text).collect::<Vec<_>>()
    };
    let service = create_service(&json!({}));
    assert_eq!(judged(&[policy(&["*"], "*")], &service), Vec::<String>::new());
    // What was given last counts.
    let pull_only = [policy(&["*"], "*"), policy(&["ecr:*"], "*")];
    let lacks = judged(&pull_only, &service);
    assert_eq!(lacks.len(), 1, "{lacks:?}");
    assert!(lacks[0].contains("may not secretsmanager:GetSecretValue on arn:"), "{lacks:?}");
    let other = policy(&["*"], "arn:aws:ecr:us-east-1:1:repository/other");
    assert_eq!(judged(&[other], &service).len(), 5);
    let exec = create_service(&json!({"enableExecuteCommand": true}));
    let lacks = judged(&[policy(&["*"], "*")], &exec);
    assert_eq!(lacks, ["CreateService: ECS Exec without a task role"]);
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
