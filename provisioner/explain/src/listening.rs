//! What a program's log says of where it listens, and how long after its start. A program may listen on
//! several ports (one for metrics, say); then none of them is called the wrong one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use crate::picture::Picture;

/// A line that says a port: `listening on port 3000`, `Serving http://0.0.0.0:3000`, or the same as JSON.
pub(crate) const PORT: &str = r#"(?:listening|serving|running|started|bound)\b.*?(?:port"?[=: ]+|[\w\].\s]:)(?P<listening>\d{2,5})\b"#;
/// A line that says an address which only the task itself reaches.
pub(crate) const LOOPBACK: &str = r"(?:listening|serving|running|started|bound)\b.*?(?P<host>127\.0\.0\.1|localhost|\[::1\]):(?P<loopback>\d{2,5})\b";
/// A line that says the start is over.
pub(crate) const READY: &str =
    r"\blistening\b|server (?:is )?(?:running|started|ready)|started \S+ in [\d.]+ s";

/// What the logs of a picture say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listening {
    /// All ports that are said.
    pub(crate) ports: BTreeSet<String>,
    /// Seconds from the start of the slowest task to its first line that says it is ready.
    pub(crate) after: Option<i64>,
}

impl Listening {
    pub(crate) fn of(picture: &Picture) -> Self {
        static EXPRESSIONS: LazyLock<Option<(Regex, Regex)>> =
            LazyLock::new(|| Some((compiled(PORT)?, compiled(READY)?)));
        let Some((port, ready)) = &*EXPRESSIONS else { return Self::default() };
        let mut ports = BTreeSet::new();
        let mut first: BTreeMap<&str, i64> = BTreeMap::new();
        for line in &picture.logs {
            let task = picture.task(&line.task);
            if task.is_some_and(|task| !picture.is_ours(&task.task_definition)) {
                continue;
            }
            let said = port.captures(&line.line).and_then(|hit| hit.name("listening"));
            ports.extend(said.map(|port| port.as_str().to_owned()));
            let started = task.and_then(|task| task.started_at);
            if let (Some(at), Some(started), true) = (line.at, started, ready.is_match(&line.line))
            {
                let after = at.duration_since(started).as_secs();
                first.entry(&line.task).and_modify(|it| *it = after.min(*it)).or_insert(after);
            }
        }
        Self { ports, after: first.into_values().max() }
    }
}

fn compiled(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).case_insensitive(true).build().ok()
}
