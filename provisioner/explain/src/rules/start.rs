//! The container's own start and end.

use super::pages::{MEMORY, SPOT, START, STOPPED};
use crate::rule::Condition::Above;
use crate::rule::{RULE, Rule, exit, given, log, said, say};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "out-of-memory",
        row: 18,
        when: &[&[said(r"OutOfMemoryError|container killed due to memory usage")]],
        cause: &[
            say("the container {container} used more than the task's {memory} MiB and was killed"),
            say("a container used more memory than the task has and was killed"),
        ],
        fix: &[
            say("`services.{service}.memory: {more_memory}`, or make it use less"),
            say(
                "more of `services.{service}.memory` (from some size on with more `services.{service}.cpu`), or make it use less",
            ),
        ],
        log: true,
        doc: Some(MEMORY),
        ..RULE
    },
    Rule {
        id: "architecture",
        row: 14,
        when: &[
            &[said(r"exec format error")],
            &[exit(r"^(?P<exit_code>1|126|255)$"), log(r"exec format error")],
        ],
        cause: &[say(
            "the program in the image is for another processor than the tasks' {architecture}, or a script without `#!`",
        )],
        fix: &[say(
            "build the image for {architecture}, or run the tasks where it fits: `services.{service}.architecture: {other_architecture}`",
        )],
        log: true,
        doc: Some(START),
        ..RULE
    },
    Rule {
        id: "command-not-found",
        row: 15,
        when: &[
            &[said(
                r#"exec:? "?(?P<command>[^":\s]+)"?: (?:stat \S+: )?(?:executable file not found|no such file or directory)"#,
            )],
            &[exit(r"^127$"), log(r"(?P<command>[^\s:]+): (?:command )?not found")],
        ],
        cause: &[say(
            "the container cannot start: its image has no {command}, or not the interpreter or library that it needs",
        )],
        fix: &[say(
            "put {command} into the image, or name another command: `services.{service}.command`",
        )],
        doc: Some(START),
        ..RULE
    },
    Rule {
        id: "command-not-executable",
        row: 15,
        when: &[
            &[said(r#"exec:? "?(?P<command>[^":\s]+)"?: permission denied"#)],
            &[exit(r"^126$"), log(r"(?P<command>[^\s:]+): permission denied")],
        ],
        cause: &[say("the container cannot start: {command} may not be executed")],
        fix: &[say(
            "make it executable in the image (`COPY --chmod=755`), for the user that the image runs as",
        )],
        doc: Some(START),
        ..RULE
    },
    Rule {
        id: "exit-on-start",
        row: 16,
        when: &[&[exit(
            r"^(?P<exit_code>-\d+|[1-9]|[1-9]\d|1[0-2]\d|13[01368]|14[0-24-9]|1[5-9]\d|2\d\d)$",
        )]],
        cause: &[
            say(
                "the container {container} ended by itself with exit code {exit_code}, {after} s after its start",
            ),
            say("a container ended by itself with exit code {exit_code}"),
        ],
        fix: &[say(
            "the program says why itself: `provisioner logs --env {environment} --service {service} --previous`",
        )],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
    Rule {
        id: "segmentation-fault",
        row: 19,
        when: &[&[exit(r"^(?P<exit_code>139|135|132)$")]],
        cause: &[
            say(
                "the program in {container} made an invalid memory access or instruction (exit code {exit_code}) and was ended",
            ),
            say(
                "a program made an invalid memory access or instruction (exit code {exit_code}) and was ended",
            ),
        ],
        fix: &[say(
            "run the same image on the same processor and look there; native libraries built for another system are the usual reason",
        )],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
    Rule {
        id: "abort",
        row: 19,
        when: &[&[exit(r"^134$")]],
        cause: &[
            say(
                "the program in {container} gave up (abort, exit code 134): an assertion, a panic, or no memory",
            ),
            say("a program gave up (abort, exit code 134): an assertion, a panic, or no memory"),
        ],
        fix: &[say(
            "its last words say which: `provisioner logs --env {environment} --service {service} --previous`",
        )],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
    Rule {
        id: "exit-zero",
        row: 17,
        when: &[&[exit(r"^0$")]],
        cause: &[
            say(
                "the container {container} finished its work and ended (exit code 0); a service has to go on",
            ),
            say("a container finished its work and ended (exit code 0); a service has to go on"),
        ],
        fix: &[say(
            "keep the program in the foreground (`services.{service}.command`); what is to end belongs into `provisioner run` or `migration:`",
        )],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
    Rule {
        id: "terminated",
        row: 19,
        when: &[&[exit(r"^143$")]],
        cause: &[
            say(
                "the container {container} obeyed a SIGTERM (exit code 143) that ECS does not own up to",
            ),
            say("a container obeyed a SIGTERM (exit code 143) that ECS does not own up to"),
        ],
        fix: &[say(
            "look in the log for who sent it: another container of the task that ended, a supervisor in the image, or the program itself",
        )],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
    Rule {
        id: "killed",
        row: 18,
        when: &[&[exit(r"^137$")]],
        cause: &[
            say(
                "the container {container} was killed (SIGKILL, exit code 137); AWS does not say that memory was the reason",
            ),
            say(
                "a container was killed (SIGKILL, exit code 137); AWS does not say that memory was the reason",
            ),
        ],
        fix: &[
            given(
                &[Above("after", "grace")],
                "look at its memory over time, and whether it ends within `services.{service}.stop` after SIGTERM",
            ),
            say(
                "look at its memory at the start (`services.{service}.memory`), and whether it ends within `services.{service}.stop` after SIGTERM",
            ),
        ],
        log: true,
        doc: Some(STOPPED),
        ..RULE
    },
    Rule {
        id: "spot-interrupted",
        row: 31,
        when: &[&[said(r"spot (task|instance) was (interrupted|terminated)|spot interruption")]],
        cause: &[say("AWS took the Spot capacity of the task back")],
        fix: &[say(
            "nothing is wrong with the release; ECS starts another task where there is capacity. What must stay runs on demand",
        )],
        doc: Some(SPOT),
        ..RULE
    },
];
