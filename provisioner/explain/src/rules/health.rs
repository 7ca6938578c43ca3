//! Tasks run and are found unhealthy, by the load balancer or by their own check.

use super::pages::{HEALTH_COMMAND, STOPPED, TARGETS, UNHEALTHY};
use crate::listening::{LOOPBACK, PORT, READY};
use crate::rule::Condition::{Above, Differ, Is, Not, Same};
use crate::rule::{Place, RULE, Rank, Rule, Sign, given, log, said, say, target, unhealthy};

const NO_ANSWER: Sign = unhealthy(
    r"(?:\(port (?P<port>\d+)\).*)?(?:Target\.(?:Timeout|FailedHealthChecks)|\(reason (?:Request timed out|Health checks failed)\)|Connection refused)",
);
const ANY_FAILURE: Sign = unhealthy(
    r"Target\.(?:Timeout|FailedHealthChecks|ResponseCodeMismatch)|is unhealthy in|Connection refused",
);

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "port-mismatch",
        row: 20,
        rank: Rank::Health,
        when: &[&[NO_ANSWER, log(PORT)]],
        only: &[Is("listening_ports", &["1"]), Differ("listening", "port")],
        cause: &[say("the program listens on port {listening}, and is asked on port {port}")],
        fix: &[say("`services.{service}.port: {listening}`, or make the program listen on {port}")],
        doc: Some(TARGETS),
        ..RULE
    },
    Rule {
        id: "loopback",
        row: 20,
        rank: Rank::Health,
        when: &[&[NO_ANSWER, log(LOOPBACK)]],
        only: &[Not("way_out", &["local"]), Same("loopback", "port")],
        cause: &[say(
            "the program listens on {host} only, where the load balancer cannot reach it",
        )],
        fix: &[say(
            "make it listen on 0.0.0.0, as a rule with a variable in `services.{service}.environment`",
        )],
        doc: Some(TARGETS),
        ..RULE
    },
    Rule {
        id: "slow-start",
        row: 20,
        rank: Rank::Health,
        when: &[&[ANY_FAILURE, log(READY)]],
        only: &[Above("ready_after", "grace")],
        cause: &[say("the program takes {ready_after} s to start, and is judged after {grace} s")],
        fix: &[say(
            "`services.{service}.health.grace` longer than {ready_after}s, more `services.{service}.cpu`, or less work before it listens",
        )],
        doc: Some(TARGETS),
        ..RULE
    },
    Rule {
        id: "health-check-code",
        row: 20,
        rank: Rank::Health,
        when: &[&[unhealthy(r"Health checks failed with these codes: \[(?P<codes>[\d, ]+)\]")]],
        cause: &[
            given(
                &[Is("codes", &["404"])],
                "the program answers, and has nothing on {path}: the health check gets 404",
            ),
            given(
                &[Is("codes", &["301", "302", "307", "308"])],
                "{path} only leads elsewhere: the health check gets {codes}, and {wanted_codes} is healthy",
            ),
            given(
                &[Is("codes", &["401", "403"])],
                "{path} wants to know who asks: the health check gets {codes}",
            ),
            given(
                &[Is("codes", &["500", "502", "503", "504"])],
                "the program itself answers {codes} on {path}",
            ),
            say("the health check gets {codes} on {path}, and {wanted_codes} is healthy"),
            say("the health check gets {codes}"),
        ],
        fix: &[
            given(
                &[Is("codes", &["500", "502", "503", "504"])],
                "its log says why: `provisioner logs --env {environment} --service {service}`; what the check needs (a database?) must be there before it is asked",
            ),
            say(
                "`services.{service}.health.path` says {path}: name a path that answers {wanted_codes} without a login, or change `services.{service}.health.codes`",
            ),
            say(
                "`services.{service}.health.path`: name a path that answers as `services.{service}.health.codes` says, without a login",
            ),
        ],
        log: true,
        doc: Some(UNHEALTHY),
        ..RULE
    },
    Rule {
        id: "health-check-timeout",
        row: 20,
        rank: Rank::Health,
        when: &[&[unhealthy(
            r"(?:\(port (?P<port>\d+)\).*)?(?:Target\.Timeout|\(reason Request timed out\))",
        )]],
        cause: &[
            say("the program does not answer {path} on port {port} within {timeout} s"),
            say("the program does not answer the health check in time"),
        ],
        fix: &[
            say(
                "see that it listens on 0.0.0.0:{port}; a security group that keeps the load balancer out is put back by `provisioner up --env {environment}`; a slow answer needs a lighter `services.{service}.health.path`, a longer `timeout`, or more cpu",
            ),
            say(
                "see that it listens on `services.{service}.port`, answers quickly, and that the load balancer may reach it",
            ),
        ],
        log: true,
        doc: Some(UNHEALTHY),
        ..RULE
    },
    Rule {
        id: "health-check-refused",
        row: 20,
        rank: Rank::Health,
        when: &[&[unhealthy(
            r"Target\.FailedHealthChecks|\(port (?P<port>\d+)\).*\(reason Health checks failed\)",
        )]],
        cause: &[
            say("nothing listens on port {port}, or what answers there is no HTTP"),
            say("nothing listens on the service's port, or what answers there is no HTTP"),
        ],
        fix: &[say(
            "`services.{service}.port` must be where the program listens, on 0.0.0.0 and without TLS; its log says where: `provisioner logs --env {environment} --service {service}`",
        )],
        log: true,
        doc: Some(TARGETS),
        ..RULE
    },
    Rule {
        id: "zone-not-enabled",
        row: 39,
        rank: Rank::Health,
        when: &[&[unhealthy(
            r"Target is in an Availability Zone that is not enabled for the load balancer",
        )]],
        cause: &[say("tasks run in a zone that the load balancer does not serve")],
        fix: &[say(
            "`provisioner up --env {environment}` gives load balancer and tasks the same zones (`network.zones`)",
        )],
        doc: Some(TARGETS),
        ..RULE
    },
    Rule {
        id: "target-group-unused",
        row: 40,
        rank: Rank::Health,
        when: &[&[target(
            r"Target group is not configured to receive traffic from the load balancer",
        )]],
        cause: &[say("no listener's rule leads to the service's target group")],
        fix: &[say(
            "`provisioner up --env {environment}` puts the rule of `services.{service}.route` back",
        )],
        doc: Some(TARGETS),
        ..RULE
    },
    Rule {
        id: "container-health-check",
        row: 21,
        rank: Rank::Health,
        when: &[&[said(r"failed container health checks|^container \S+ is UNHEALTHY$")]],
        cause: &[
            say("the container's own health check fails: {health_command}"),
            say("the container's own health check fails"),
        ],
        fix: &[
            say(
                "the check runs inside the container: is {health_tool} in the image? Else a longer `services.{service}.health.grace`, or a `services.{service}.health.command` that the image has",
            ),
            say(
                "the check runs inside the container: `services.{service}.health.command` must be in the image and end with 0 before `services.{service}.health.grace` is over",
            ),
        ],
        log: true,
        doc: Some(HEALTH_COMMAND),
        ..RULE
    },
    Rule {
        id: "load-balancer-check",
        row: 20,
        rank: Rank::Consequence,
        when: &[&[Sign { places: &[Place::Stopped], text: r"Task failed ELB health checks" }]],
        cause: &[say("the load balancer found the tasks unhealthy")],
        fix: &[say(
            "`services.{service}.health.path` must answer on `services.{service}.port` within `services.{service}.health.grace`; what it got is only to be seen while they run: deploy again, then `provisioner explain --env {environment}`",
        )],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
];
