//! Rules of what serves requests.

use serde_json::{Value, json};
use strict::Call;

use super::*;

const OTHER: &str = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/api/0123456789abcdef";
const RULE: &str =
    "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/web/0123456789abcdef/11/1";

fn to(group: &str) -> Value {
    json!([{"Type": "forward", "TargetGroupArn": group}])
}

fn conditions() -> Value {
    json!([{"Field": "path-pattern", "Values": ["/*"]}])
}

fn rule() -> Call {
    let rule = json!({"RuleArn": RULE, "Conditions": conditions(), "Actions": to(GROUP)});
    elb("DescribeRules", json!({"ListenerArn": LISTENER}), json!({"Rules": [rule]}))
}

/// A service with so many tasks at work behind a group, on a port, and so many deployments.
fn running(name: &str, group: &str, running: u64, port: u16, deployments: usize) -> Call {
    let arn = format!("arn:aws:ecs:us-east-1:1:service/c/{name}");
    let service = json!({
        "serviceArn": arn, "status": "ACTIVE", "desiredCount": 2, "runningCount": running,
        "deployments": vec![json!({"status": "ACTIVE"}); deployments],
        "loadBalancers": [{"targetGroupArn": group, "containerPort": port}],
        "networkConfiguration": {"awsvpcConfiguration": {"securityGroups": ["sg-00000001"]}},
    });
    ecs(
        "DescribeServices",
        json!({"cluster": "c", "services": [name]}),
        json!({"services": [service]}),
    )
}

/// Without what a rule of creation advises.
fn judged(calls: &[&Call]) -> Vec<u8> {
    rules(calls).into_iter().filter(|rule| *rule != 10).collect()
}

#[test]
fn rule_68_requests_go_to_running_tasks_only() {
    let modify = elb("ModifyRule", json!({"RuleArn": RULE, "Actions": to(OTHER)}), json!({}));
    let create = json!({"ListenerArn": LISTENER, "Conditions": conditions(), "Actions": to(OTHER)});
    let create = elb("CreateRule", create, json!({}));
    let (old, new) = (running("web", GROUP, 2, 80, 1), running("api", OTHER, 2, 80, 1));
    let starting = running("api", OTHER, 0, 80, 1);
    for switch in [&modify, &create] {
        assert_eq!(judged(&[&rule(), &old, &new, switch]), NONE);
        assert_eq!(judged(&[&rule(), &old, switch]), [68]);
        assert_eq!(judged(&[&rule(), &old, &starting, switch]), [68]);
        assert_eq!(judged(&[&rule(), &starting, switch]), NONE);
    }
    let elsewhere =
        json!([{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.invalid"]}}]);
    let other = json!({"ListenerArn": LISTENER, "Conditions": elsewhere, "Actions": to(OTHER)});
    assert_eq!(judged(&[&rule(), &old, &elb("CreateRule", other, json!({}))]), NONE);
}

#[test]
fn rule_69_the_port_of_running_tasks_stays_open() {
    let described = |id: &str, group: &str, peer: &str| {
        json!({"securityGroupRuleId": id, "groupId": group, "fromPort": "80", "toPort": "80",
            "referencedGroupInfo": {"groupId": peer}})
    };
    let looked = ec2(
        "DescribeSecurityGroupRules",
        json!({}),
        json!({"securityGroupRuleSet": [
            described("sgr-00000001", "sg-00000001", "sg-00000002"),
            described("sgr-00000002", "sg-00000002", "sg-00000001"),
        ]}),
    );
    let before = running("web", GROUP, 2, 80, 1);
    let (rolling, after) = (running("web", GROUP, 4, 81, 2), running("web", GROUP, 2, 81, 1));
    for (operation, id) in [
        ("RevokeSecurityGroupIngress", "sgr-00000001"),
        ("RevokeSecurityGroupEgress", "sgr-00000002"),
    ] {
        let revoke = ec2(operation, json!({"SecurityGroupRuleId": [id]}), json!({}));
        assert_eq!(rules(&[&looked, &before, &revoke]), [69], "{operation}");
        assert_eq!(rules(&[&looked, &before, &rolling, &revoke]), [69], "{operation}");
        assert_eq!(rules(&[&looked, &before, &rolling, &after, &revoke]), NONE, "{operation}");
        assert_eq!(rules(&[&looked, &running("web", GROUP, 0, 80, 1), &revoke]), NONE);
    }
}
