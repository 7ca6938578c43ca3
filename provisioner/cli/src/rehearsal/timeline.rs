//! How a command went: which resource when, and the chain that took longest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::Address;
use engine::plan::Action;
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::{Code, Failure, file};
use crate::report::timeline::{Mark, What};

/// Clocks of different threads differ by this much, in seconds of AWS.
const BLUR: f64 = 1.0;

/// Where the time of a timeline begins, and how fast it passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) at: Timestamp,
    pub(crate) scale: f64,
}

impl Origin {
    fn seconds(&self, at: Timestamp) -> f64 {
        at.duration_since(self.at).as_secs_f64() * self.scale
    }
}

/// One resource's part, in seconds of AWS since the command began.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Span {
    pub(crate) address: Address,
    pub(crate) action: Action,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// A command from its start to its end.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Timeline {
    pub(crate) seconds: f64,
    /// By start.
    #[serde(rename = "timeline")]
    pub(crate) spans: Vec<Span>,
    /// The chain of resources that waited for each other and ended last, in order.
    pub(crate) critical: Vec<Span>,
    /// Calls that failed and were repeated.
    pub(crate) retried: usize,
    pub(crate) not_emulated: BTreeMap<Address, String>,
}

impl Timeline {
    /// Reads a command's timeline. `needs` says what each resource depends on.
    pub(crate) fn read(
        path: &Path,
        origin: Origin,
        seconds: f64,
        needs: &BTreeMap<Address, BTreeSet<Address>>,
    ) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            // A command with nothing to do.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(file(path, &error)),
        };
        let marks: Vec<Mark> =
            text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(|error| {
                Failure::new(Code::Failed, format!("{}: {error}", path.display()))
            })?;
        let spans = spans(&marks, origin);
        let critical = critical(&spans, needs);
        let retried = marks.iter().filter(|mark| mark.what == What::Retried).count();
        let not_emulated = marks
            .into_iter()
            .filter(|mark| mark.what == What::NotEmulated)
            .map(|mark| (mark.address, mark.why))
            .collect();
        Ok(Self { seconds, spans, critical, retried, not_emulated })
    }
}

fn spans(marks: &[Mark], origin: Origin) -> Vec<Span> {
    let mut open: BTreeMap<&Address, Timestamp> = BTreeMap::new();
    let mut spans = Vec::new();
    for mark in marks {
        match mark.what {
            What::Began(_) => {
                open.insert(&mark.address, mark.at);
            }
            What::Ended(action) => {
                let since = open.remove(&mark.address).unwrap_or(mark.at);
                let (start, end) = (origin.seconds(since), origin.seconds(mark.at));
                if action != Action::None {
                    spans.push(Span { address: mark.address.clone(), action, start, end });
                }
            }
            What::Retried | What::Failed | What::NotEmulated => {}
        }
    }
    spans.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)));
    spans
}

/// From what ended last back to what it waited for: of all that it depends on (or, when it goes, that
/// depends on it) the one that ended last before it began; where nothing is known, whatever did.
fn critical(timeline: &[Span], needs: &BTreeMap<Address, BTreeSet<Address>>) -> Vec<Span> {
    let related = |one: &Span, other: &Span| {
        let needs =
            |a: &Span, b: &Span| needs.get(&a.address).is_some_and(|n| n.contains(&b.address));
        one.address == other.address || needs(one, other) || needs(other, one)
    };
    let mut chain: Vec<Span> = Vec::new();
    let mut last = timeline.iter().max_by(|a, b| a.end.total_cmp(&b.end));
    while let Some(span) = last {
        let before = timeline
            .iter()
            .filter(|other| other.end <= span.start + BLUR && other.start < span.start);
        let latest = |a: &&Span, b: &&Span| a.end.total_cmp(&b.end);
        let waited_for = before.clone().filter(|other| related(span, other)).max_by(latest);
        last = waited_for.or_else(|| before.max_by(latest));
        chain.push(span.clone());
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: i64, address: &str, what: What) -> Mark {
        let at = Timestamp::from_second(1_000 + at).unwrap();
        Mark { at, address: address.into(), what, why: String::new() }
    }

    #[test]
    fn times_are_those_of_aws_and_the_chain_is_the_longest() {
        use Action::{Create, None};
        let marks = [
            mark(0, "vpc.main", What::Began(Create)),
            mark(1, "vpc.main", What::Ended(Create)),
            mark(1, "subnet.a", What::Began(Create)),
            mark(1, "log-group.api", What::Began(Create)),
            mark(2, "log-group.api", What::Ended(Create)),
            mark(2, "subnet.a", What::Ended(Create)),
            mark(2, "role.api", What::Ended(None)),
            mark(2, "nat-gateway.a", What::Began(Create)),
            mark(12, "nat-gateway.a", What::Ended(Create)),
        ];
        let origin = Origin { at: Timestamp::from_second(1_000).unwrap(), scale: 10.0 };
        let timeline = spans(&marks, origin);
        assert_eq!(timeline.len(), 4);
        assert!((timeline[3].end - 120.0).abs() < 1e-9, "{timeline:?}");
        let needs = BTreeMap::from([
            ("subnet.a".into(), BTreeSet::from(["vpc.main".into()])),
            ("nat-gateway.a".into(), BTreeSet::from(["subnet.a".into()])),
        ]);
        let chain = critical(&timeline, &needs);
        let chain: Vec<&str> = chain.iter().map(|span| span.address.as_str()).collect();
        assert_eq!(chain, ["vpc.main", "subnet.a", "nat-gateway.a"]);
    }

    #[test]
    fn the_spans_keep_their_documented_name() {
        let value = serde_json::to_value(Timeline::default()).unwrap();
        assert_eq!(value["timeline"], serde_json::json!([]));
    }
}
