//! The service as a whole: what it does about failures, and what our own request finds.

use super::pages::{CIRCUIT_BREAKER, EVENTS, THROTTLE};
use crate::rule::{Place, RULE, Rank, Rule, Sign, event, say};

const fn probe(text: &'static str) -> Sign {
    Sign { places: &[Place::Probe], text }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "target-group-gone",
        row: 32,
        rank: Rank::Service,
        when: &[&[event(r"TARGET GROUP IS NOT FOUND")]],
        cause: &[say("the service's target group was deleted under it")],
        fix: &[say("`provisioner up --env {environment}` makes another and the service with it")],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "deployment-configuration",
        row: 29,
        rank: Rank::Service,
        when: &[&[event(
            r"unable to stop or start tasks during a deployment because of the service deployment configuration",
        )]],
        cause: &[say(
            "ECS may neither stop an old task nor start a new one: minimumHealthyPercent and maximumPercent leave no room for {desired} tasks",
        )],
        fix: &[say(
            "let `services.{service}.override.service.deploymentConfiguration` be 100 and 200, which is what it is when left out",
        )],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "probe-version",
        row: 42,
        rank: Rank::Service,
        when: &[&[probe(r"^version (?P<seen>.+) answered, not (?P<wanted>.+)$")]],
        cause: &[say("version {seen} answers our request, and {wanted} was deployed")],
        fix: &[say(
            "the route of {service} leads elsewhere, old tasks are still draining, or the image is not the one that was meant: compare `provisioner releases --env {environment}`",
        )],
        ..RULE
    },
    Rule {
        id: "probe-silent",
        row: 43,
        rank: Rank::Service,
        when: &[&[probe(r"^no answer:")]],
        cause: &[say("our request does not get through to the load balancer or to {service}")],
        fix: &[say(
            "see from this machine whether the load balancer's name resolves and its port is open to it (`provisioner outputs --env {environment}`)",
        )],
        ..RULE
    },
    Rule {
        id: "probe-code",
        row: 41,
        rank: Rank::Service,
        when: &[
            &[probe(r#"^status (?P<code>\d+) without "(?P<text>[^"]*)":"#)],
            &[probe(r"^status (?P<code>\d+):")],
        ],
        cause: &[
            say(
                "our request is answered with {code}, and without \"{text}\", which `services.{service}.probe.contains` asks for",
            ),
            say(
                "our request is answered with {code}, whatever the load balancer says of the targets",
            ),
        ],
        fix: &[say(
            "the probe asks what the health check does not: `services.{service}.probe.path` and `contains`; the program's side of it: `provisioner logs --env {environment} --service {service}`",
        )],
        log: true,
        ..RULE
    },
    Rule {
        id: "start-throttled",
        row: 28,
        rank: Rank::Consequence,
        when: &[&[event(r"is unable to consistently start tasks successfully")]],
        cause: &[say(
            "tasks fail again and again, and ECS waits longer and longer between them (up to 27 minutes)",
        )],
        fix: &[say(
            "the reason is in a stopped task, which AWS forgets after an hour: deploy again, and the next one says it at once",
        )],
        doc: Some(THROTTLE),
        ..RULE
    },
    Rule {
        id: "could-not-launch",
        row: 35,
        rank: Rank::Consequence,
        when: &[&[event(r"could not launch (?P<count>\d+) tasks for deployment")]],
        cause: &[say("ECS could not launch {count} tasks of the deployment, and does not say why")],
        fix: &[say(
            "quota, capacity and subnets are the usual reasons: the events before this one name them",
        )],
        doc: Some(EVENTS),
        ..RULE
    },
    Rule {
        id: "circuit-breaker",
        row: 27,
        rank: Rank::Consequence,
        when: &[&[Sign {
            places: &[Place::Rollout, Place::Event],
            text: r"tasks failed to start|circuit breaker was triggered",
        }]],
        cause: &[say("ECS gave the deployment up because its tasks failed to start")],
        fix: &[say(
            "why is in the stopped tasks, which AWS forgets after an hour: deploy again and look at once, or read `provisioner logs --env {environment} --service {service} --previous`",
        )],
        log: true,
        doc: Some(CIRCUIT_BREAKER),
        ..RULE
    },
    Rule {
        id: "rolled-back",
        row: 27,
        rank: Rank::Consequence,
        when: &[
            &[Sign { places: &[Place::Release], text: r"is PRIMARY, not" }],
            &[event(r"rolling back to deployment|rolled back to the last completed deployment")],
        ],
        cause: &[
            say("the service runs {primary} again, not {revision}"),
            say("the service was rolled back"),
        ],
        fix: &[
            say(
                "deploy {revision} again, and look while it rolls: `provisioner explain --env {environment}`",
            ),
            say("deploy again, and look while it rolls"),
        ],
        doc: Some(CIRCUIT_BREAKER),
        ..RULE
    },
];
