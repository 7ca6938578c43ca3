//! Calls that AWS refuses: nothing has been started.

use super::pages::{CREATE_SERVICE, SIZES};
use crate::rule::{RULE, Rank, Rule, refusal, say};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "target-group-unattached",
        row: 30,
        rank: Rank::Refusal,
        when: &[&[refusal(r"does not have an associated load balancer")]],
        cause: &[say("no listener leads to the service's target group yet")],
        fix: &[say(
            "run `provisioner up --env {environment}` again: it makes the listener's rule before the service",
        )],
        doc: Some(CREATE_SERVICE),
        ..RULE
    },
    Rule {
        id: "target-type",
        row: 30,
        rank: Rank::Refusal,
        when: &[&[refusal(r"target type instance.*incompatible with the awsvpc network mode")]],
        cause: &[say("the target group takes instances, and tasks on Fargate are addresses")],
        fix: &[say(
            "make a target group of type ip: `provisioner up --env {environment}` replaces its own; one made by hand must be deleted",
        )],
        doc: Some(CREATE_SERVICE),
        ..RULE
    },
    Rule {
        id: "service-exists",
        row: 30,
        rank: Rank::Refusal,
        when: &[&[refusal(r"creation of service was not idempotent")]],
        cause: &[say("a service called {service} is in the cluster already, with other settings")],
        fix: &[say(
            "look whose it is (`provisioner status --env {environment}`); delete it, or give yours another name",
        )],
        doc: Some(CREATE_SERVICE),
        ..RULE
    },
    Rule {
        id: "fargate-size",
        row: 30,
        rank: Rank::Refusal,
        when: &[&[refusal(r"no fargate configuration exists for given values")]],
        cause: &[
            say("Fargate has no task with {cpu} CPU units and {memory} MiB"),
            say("Fargate has no task of this size"),
        ],
        fix: &[say(
            "choose `services.{service}.cpu` and `services.{service}.memory` from the same row of AWS's table",
        )],
        doc: Some(SIZES),
        ..RULE
    },
];
