//! How a rehearsal went.

use std::fmt::Write as _;

use engine::plan::Action;
use serde_json::{Value, json};

use super::Rehearsed;
use crate::rehearsal::{Span, Timeline};
use crate::report::table::table;
use crate::report::{BOLD, RED, styled};

/// The timelines, and what follows from them.
pub(crate) fn rehearsed(rehearsed: &Rehearsed) -> String {
    let Rehearsed { environment, built, up, destroy, seed, findings, .. } = rehearsed;
    let mut text = String::new();
    for (name, timeline) in [("up", up), ("destroy", destroy)] {
        let _infallible = writeln!(text, "{}", styled(BOLD, &format!("{name} of {environment}")));
        text += &spans(timeline);
    }
    let counts = |counts: &std::collections::BTreeMap<String, usize>| match counts.len() {
        0 => "none".to_owned(),
        _ => counts.iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", "),
    };
    let left = findings.left.iter().map(|(kind, names)| format!("{kind} {}", names.join(", ")));
    let left = left.collect::<Vec<_>>().join("; ");
    let nothing = |text: String| if text.is_empty() { "nothing".to_owned() } else { text };
    let broken = findings.violations.iter().map(|one| format!("{} ({})", one.text, one.rule));
    let broken = broken.collect::<Vec<_>>().join("; ");
    let first = if *built > 0 { format!("{built} resources") } else { "nothing".into() };
    let rows = [
        ["was there before".to_owned(), first],
        [
            "expected on AWS".into(),
            format!("up {}, destroy {}", time(up.seconds), time(destroy.seconds)),
        ],
        ["critical path of up".into(), nothing(path(up))],
        ["critical path of destroy".into(), nothing(path(destroy))],
        ["faults survived".into(), format!("{} (seed {seed})", counts(&findings.faults))],
        ["refused on the way".into(), counts(&findings.refused)],
        [
            "rules of AWS broken".into(),
            if broken.is_empty() { "none".into() } else { styled(RED, &broken) },
        ],
        [
            "left after destroy".into(),
            if left.is_empty() { "nothing".into() } else { styled(RED, &left) },
        ],
    ];
    text += &table(None, rows);
    if !up.not_emulated.is_empty() {
        let names: Vec<&str> = up.not_emulated.keys().map(engine::Address::as_str).collect();
        let _infallible =
            write!(text, "\nnot rehearsed, for want of an emulator: {}", names.join(", "));
    }
    text
}

fn spans(timeline: &Timeline) -> String {
    if timeline.spans.is_empty() {
        return "  nothing to do\n\n".into();
    }
    let critical = |span: &Span| if timeline.critical.contains(span) { "*" } else { "" };
    let rows = timeline.spans.iter().map(|span| {
        [
            critical(span).to_owned(),
            time(span.start),
            time(span.end),
            format!("{} {}", span.address, done(span.action)),
        ]
    });
    format!("{}\n\n", table(Some(["", "from", "to", "* on the critical path"]), rows))
}

fn path(timeline: &Timeline) -> String {
    let slow = timeline.critical.iter().filter(|span| span.end - span.start >= 1.0);
    let parts = slow.map(|span| format!("{} {}", span.address, time(span.end - span.start)));
    parts.collect::<Vec<_>>().join(" > ")
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        _ => "unchanged",
    }
}

fn time(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.0} s");
    }
    format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor())
}

/// The documented form: `{"format", "environment", "built", "from_nothing", "up" and "destroy": {"seconds",
/// "timeline" and "critical": [{"address", "action", "start", "end"}], "retried", "not_emulated"}, "seed",
/// "findings": {"calls", "faults", "refused", "violations": [{"rule", "calls", "text"}], "left"}}`. Times are
/// seconds of AWS.
pub(crate) fn rehearsed_json(rehearsed: &Rehearsed) -> Value {
    let mut value = json!(rehearsed);
    value["format"] = crate::report::FORMAT.into();
    value
}
