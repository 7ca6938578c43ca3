//! AWS's texts, made comparable: the same sentence twice is one sentence, whichever quotes it has and
//! whatever it names.

use std::sync::LazyLock;

use regex::{Regex, RegexSet, RegexSetBuilder};

/// On one line, with plain quotes.
pub(crate) fn plain(text: &str) -> String {
    let text = text.replace(['\u{2018}', '\u{2019}'], "'").replace(['\u{201c}', '\u{201d}'], "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sentence without the ids, addresses and numbers that differ from task to task.
pub(crate) fn alike(text: &str) -> String {
    static VARYING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let pattern = concat!(
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}",
            r"|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(:\d+)?|\d{4,}|\b\d+ time\(s\)",
        );
        Regex::new(pattern).ok()
    });
    VARYING.as_ref().map_or_else(|| text.into(), |varying| varying.replace_all(text, "*").into())
}

/// Whether the text tells of something that happens in every good deployment.
pub(crate) fn is_normal(text: &str) -> bool {
    static NORMAL_TEXTS: LazyLock<Option<RegexSet>> =
        LazyLock::new(|| RegexSetBuilder::new(NORMAL).case_insensitive(true).build().ok());
    NORMAL_TEXTS.as_ref().is_some_and(|normal| normal.is_match(text))
}

/// Whether the text only says that a container or a local process ended: the exit code says more.
pub(crate) fn is_mere_end(text: &str) -> bool {
    let text = text.trim_end_matches('.').to_lowercase();
    matches!(text.as_str(), "essential container in task exited" | "essential container exited")
        || text.starts_with("exited with code ")
        || text.contains(": exited with code ")
}

/// Events and stopped reasons of good deployments. Source: the service event messages of the ECS
/// developer guide, events of production services, and MiniStack 1.5.33.
const NORMAL: &[&str] = &[
    r"has reached a steady state",
    r"deployment completed",
    r"has started \d+ tasks",
    r"(has )?stopped \d+ (running|pending) tasks",
    r"(de)?registered \d+ (targets|instances) in",
    r"has begun draining connections",
    r"is (not )?AZ balanced",
    r"AZ rebalancing",
    r"scaling activity initiated by",
    r"^Service (scaling down|deleted)",
    r"^Task (stopped by user|definition updated)",
    r"^Deployment (completed|capacity limit)",
    r"^successfully set (desired count|min capacity)",
];
