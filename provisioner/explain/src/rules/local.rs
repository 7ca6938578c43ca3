//! The local cloud: processes instead of tasks, or containers that MiniStack starts.

use crate::rule::{Place, RULE, Rank, Rule, Sign, said, say, target};

pub(super) const START: &[Rule] = &[
    Rule {
        id: "local-program-missing",
        row: 51,
        when: &[&[said(r"could not be started: (?:No such file|not found)")]],
        cause: &[say(
            "the program of {service} is not there, or not the interpreter or library that it needs",
        )],
        fix: &[say("build it: `services.{service}.build.binary` says where it is expected")],
        ..RULE
    },
    Rule {
        id: "local-program-unfit",
        row: 52,
        when: &[&[said(r"could not be started: (?P<why>Exec format error|Permission denied)")]],
        cause: &[say("the program of {service} does not run on this machine: {why}")],
        fix: &[say(
            "`services.{service}.build.binary` must be executable and built for this machine, not for {architecture} in the cloud",
        )],
        ..RULE
    },
    Rule {
        id: "local-process-lost",
        row: 53,
        when: &[&[said(r"its supervisor (?:vanished|ended)")]],
        cause: &[say(
            "the process of {service} and its supervisor were killed, or the machine was restarted",
        )],
        fix: &[say("`provisioner up --env {environment}` starts it again")],
        log: true,
        ..RULE
    },
];

/// Where the engine's words are not known better.
pub(super) const ENGINE: &[Rule] = &[Rule {
    id: "local-container-start",
    row: 58,
    when: &[&[said(r"unable to pull image or start container: ")]],
    cause: &[say("the Docker engine cannot start the container of {service}")],
    fix: &[
        say("the engine's own words are above; the same image by hand: `docker run --rm {image}`"),
        say("the engine's own words are above"),
    ],
    ..RULE
}];

pub(super) const HEALTH: &[Rule] = &[
    Rule {
        id: "local-port-closed",
        row: 54,
        rank: Rank::Health,
        when: &[&[target(r"Connection refused")]],
        cause: &[
            say("the process of {service} runs and does not listen on port {port}"),
            say("the process of {service} runs and does not listen"),
        ],
        fix: &[say(
            "here the port differs from process to process: the program must take it from the variable PORT, and its address from HOST",
        )],
        log: true,
        ..RULE
    },
    Rule {
        id: "local-health-code",
        row: 55,
        rank: Rank::Health,
        when: &[&[target(r"(?:^|: )status (?P<code>\d{3})")]],
        cause: &[
            say("the process of {service} answers {code} on {path}"),
            say("the process of {service} answers {code} to the health check"),
        ],
        fix: &[say(
            "`services.{service}.health.path` must answer as `services.{service}.health.codes` says; an error of the program itself is in its log: `provisioner logs --env {environment} --service {service}`",
        )],
        log: true,
        ..RULE
    },
    Rule {
        id: "local-silent",
        row: 56,
        rank: Rank::Health,
        when: &[&[target(r"no answer within (?P<limit>\d+ m?s)")]],
        cause: &[say(
            "the process of {service} takes connections and does not answer within {limit}",
        )],
        fix: &[say(
            "what it waits for is in its log, if anywhere: `provisioner logs --env {environment} --service {service}`",
        )],
        log: true,
        ..RULE
    },
    Rule {
        id: "completed-without-tasks",
        row: 59,
        rank: Rank::Consequence,
        when: &[&[Sign { places: &[Place::Rollout], text: r"^COMPLETED with 0 of" }]],
        cause: &[say("the rollout is called complete, and none of {desired} tasks runs")],
        fix: &[say(
            "do not trust the rollout's state here; why the tasks end: `provisioner logs --env {environment} --service {service} --previous`",
        )],
        log: true,
        ..RULE
    },
];
