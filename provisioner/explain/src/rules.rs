//! The rules, one table for each stage of a deployment. Their texts come from the ECS developer guide,
//! from texts that many public repositories and issues quote, and for the local cloud from MiniStack
//! 1.5.33 and our own messages.

mod health;
mod init;
mod local;
mod pages;
mod placement;
mod pull;
mod release;
mod request;
mod start;

use crate::rule::Condition::Is;
use crate::rule::{Line, Rule, Stage, given, say};

/// All rules. Within a rank, the earlier one speaks first.
pub const TABLES: &[(Stage, &[Rule])] = &[
    (Stage::Request, request::RULES),
    (Stage::Pull, pull::RULES),
    (Stage::Init, init::RULES),
    (Stage::Start, local::START),
    (Stage::Start, start::RULES),
    (Stage::Start, local::ENGINE),
    (Stage::Placement, placement::RULES),
    (Stage::Health, health::RULES),
    (Stage::Health, local::HEALTH),
    (Stage::Release, release::RULES),
];

/// What to do when tasks reach nothing outside.
const NO_WAY_OUT: &[Line] = &[
    given(
        &[Is("way_out", &["nat"])],
        "the tasks' route to the NAT gateway or their way out on port 443 is gone: `provisioner up --env {environment}` puts both back",
    ),
    given(
        &[Is("way_out", &["public-address"])],
        "the tasks need public addresses and a route to the internet gateway: `provisioner up --env {environment}` puts both back",
    ),
    given(
        &[Is("way_out", &["endpoints"])],
        "the VPC needs the endpoints ecr.api, ecr.dkr, logs, secretsmanager and the gateway endpoint s3, and their security group must let the tasks in on port 443",
    ),
    given(
        &[Is("way_out", &["closed"])],
        "give the tasks a way out: `network.nat: shared` in environments/{environment}.yaml, then `provisioner up --env {environment}`",
    ),
    say(
        "give the tasks a way out on port 443: a NAT gateway, public addresses, or endpoints of the services they need",
    ),
];
