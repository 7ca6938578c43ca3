//! A place for the task: quota, capacity, role, network interface.

use super::pages::{EVENTS, FAILED_TO_START, QUOTAS, ROLE};
use crate::rule::{Place, RULE, Rank, Rule, Sign, event, said, say};

const ACCOUNT: &[Place] = &[Place::Event, Place::Refusal, Place::Stopped];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "interface-timeout",
        row: 25,
        when: &[&[said(r"Timeout waiting for network interface provisioning to complete")]],
        cause: &[say("EC2 took too long over the task's network interface")],
        fix: &[say(
            "it passes by itself as a rule: ECS tries again. When it stays, look at the subnets' free addresses and at throttled EC2 calls",
        )],
        doc: Some(FAILED_TO_START),
        ..RULE
    },
    Rule {
        id: "subnet-full",
        row: 26,
        when: &[
            &[said(
                r"(?:in subnet '(?P<subnet>[\w-]+)'.*)?(?:InsufficientFreeAddressesInSubnet|insufficient free addresses|(has no|not have enough) (available|free) (IP )?addresses)",
            )],
            &[said(
                r"Create Network Interface with public IP assignment enabled in subnet '(?P<subnet>[\w-]+)'?$",
            )],
        ],
        cause: &[
            say("the subnet {subnet} has no free address for another task"),
            say("a subnet has no free address for another task"),
        ],
        fix: &[say(
            "run fewer tasks, or more zones (`network.zones`): every task takes an address, and a rolling deployment up to twice as many",
        )],
        doc: Some(FAILED_TO_START),
        ..RULE
    },
    Rule {
        id: "network-gone",
        row: 26,
        when: &[&[said(
            r"Create Network Interface.*(?P<code>InvalidSubnetID\.NotFound|InvalidGroup\.NotFound|InvalidSecurityGroupID\.NotFound|InvalidParameterValue)",
        )]],
        cause: &[say(
            "the subnet or security group of the service does not exist any more ({code})",
        )],
        fix: &[say(
            "`provisioner up --env {environment}` makes it again and gives it to the service",
        )],
        doc: Some(FAILED_TO_START),
        ..RULE
    },
    Rule {
        id: "quota-vcpu",
        row: 22,
        rank: Rank::Service,
        when: &[&[Sign {
            places: ACCOUNT,
            text: r"reached the limit on the number of (?P<what>vCPUs|tasks) you can run concurrently",
        }]],
        cause: &[say("the account's Fargate quota is used up: no more {what} at a time")],
        fix: &[
            say(
                "ask for more (Service Quotas, Fargate, L-3032A538): this deployment needs up to {rolling_vcpus} vCPUs while old and new tasks run side by side; or fewer or smaller tasks",
            ),
            say(
                "ask for more (Service Quotas, Fargate, L-3032A538), or run fewer or smaller tasks",
            ),
        ],
        doc: Some(QUOTAS),
        ..RULE
    },
    Rule {
        id: "no-capacity",
        row: 23,
        rank: Rank::Service,
        when: &[&[Sign { places: ACCOUNT, text: r"Capacity is unavailable at this time" }]],
        cause: &[say("Fargate has no capacity for the task in these zones at the moment")],
        fix: &[say(
            "ECS goes on trying; more zones (`network.zones`) make it less likely, and so does on demand instead of Spot",
        )],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "role-not-assumable",
        row: 24,
        rank: Rank::Service,
        when: &[&[Sign {
            places: ACCOUNT,
            text: r"ECS was unable to assume the role '(?P<role>[^']+)'",
        }]],
        cause: &[say("ECS cannot act as the role {role_name}")],
        fix: &[say(
            "a role younger than two minutes heals by itself; else `provisioner up --env {environment}` puts back its trust in ecs-tasks.amazonaws.com",
        )],
        doc: Some(ROLE),
        ..RULE
    },
    Rule {
        id: "account-blocked",
        row: 38,
        rank: Rank::Service,
        when: &[&[Sign {
            places: ACCOUNT,
            text: r"your (AWS )?account is currently (blocked|being verified)",
        }]],
        cause: &[say("AWS has blocked the account, or has not yet verified it")],
        fix: &[say(
            "open a case with AWS Support (account and billing); nothing here can change it",
        )],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "provisioning-limit",
        row: 36,
        rank: Rank::Service,
        when: &[&[event(r"tasks provisioning capacity limit was exceeded")]],
        cause: &[say("the cluster has 500 tasks in PROVISIONING, which is its limit")],
        fix: &[say("wait until they run, or stop what is stuck; ECS then goes on by itself")],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "scheduler-throttled",
        row: 33,
        rank: Rank::Service,
        when: &[&[event(r"operations are being throttled")]],
        cause: &[say("AWS throttles the calls that ECS makes for the service")],
        fix: &[say(
            "wait; ECS goes on by itself. When it stays, something else in the account calls too often",
        )],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "service-permissions",
        row: 34,
        rank: Rank::Service,
        when: &[&[event(
            r"IAM (?:permissions policies have|trust relationship has) been misconfigured or changed",
        )]],
        cause: &[say(
            "ECS may no longer do what the service needs: a role or its policy was changed",
        )],
        fix: &[say(
            "the service-linked role AWSServiceRoleForECS must be as AWS made it; `provisioner up --env {environment}` puts the service's own roles back",
        )],
        doc: Some(EVENTS),
        ..RULE
    },
];
