//! Which of several is the current one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Findings;
use crate::diff::{Comparison, Sharing};
use crate::kind::{Observed, Traits};
use crate::resource::{Id, Replace};

/// What can tell, beside the candidates themselves.
pub(super) struct Evidence<'a> {
    pub(super) findings: &'a Findings,
    pub(super) traits: &'a Traits,
    /// As the last copy of the state has it.
    pub(super) last: Option<&'a Id>,
    /// As the graph wants it, if that is known.
    pub(super) desired: Option<&'a Value>,
}

impl Evidence<'_> {
    /// The current one, and those that it superseded, the oldest first. Gives all back when nothing
    /// tells, and whenever there is data in them.
    pub(super) fn choose(
        &self,
        mut candidates: Vec<Observed>,
    ) -> Result<(Observed, Vec<Observed>), Vec<Observed>> {
        candidates.sort_by(|one, other| age(&one.id).cmp(&age(&other.id)));
        let current = match candidates.len() {
            1 => Some(0),
            _ if self.traits.precious => None,
            _ => self.current(&candidates),
        };
        match current {
            Some(index) => {
                let current = candidates.remove(index);
                Ok((current, candidates))
            }
            None => Err(candidates),
        }
    }

    fn current(&self, candidates: &[Observed]) -> Option<usize> {
        let used = |seen: &Observed| self.is_used(seen, candidates);
        let known = |seen: &Observed| self.last == Some(&seen.id);
        let as_desired = |seen: &Observed| {
            self.desired.is_some_and(|desired| {
                let found =
                    Comparison::new(desired, None, &seen.spec, self.traits, &Sharing::default());
                found.differences.is_empty()
            })
        };
        only(candidates, used)
            .or_else(|| only(candidates, known))
            .or_else(|| only(candidates, as_desired))
            // Of revisions the newest.
            .or_else(|| (self.traits.replace == Replace::KeepOld).then(|| candidates.len() - 1))
    }

    /// Whether anything else of ours refers to it.
    fn is_used(&self, seen: &Observed, candidates: &[Observed]) -> bool {
        let names = names(seen);
        let mut others = self.findings.all().filter(|(kind, other)| {
            *kind != self.traits.kind || candidates.iter().all(|one| one.id != other.id)
        });
        others.any(|(_, other)| refers_to(&other.spec, &names))
    }
}

fn only(candidates: &[Observed], fits: impl Fn(&Observed) -> bool) -> Option<usize> {
    let mut fitting = (0..candidates.len()).filter(|index| fits(&candidates[*index]));
    fitting.next().filter(|_| fitting.next().is_none())
}

/// Revisions are numbered: `:9` comes before `:10`.
fn age(id: &Id) -> (usize, &str) {
    (id.as_str().len(), id.as_str())
}

/// What others may refer to a resource by: its id and its outputs.
pub(super) fn names(seen: &Observed) -> BTreeSet<&str> {
    let outputs = seen.outputs.values().filter_map(Value::as_str);
    outputs.chain([seen.id.as_str()]).filter(|name| !name.is_empty()).collect()
}

/// Whether a spec names something. A plain word counts as a field of its own only: deep inside it may
/// be anything. What has colons (an ARN) is unmistakable, also as a part of a longer text.
pub(super) fn refers_to(spec: &Value, names: &BTreeSet<&str>) -> bool {
    const OWN: [&str; 3] = ["name", "description", "tags"];
    let Some(fields) = spec.as_object() else { return false };
    let mut others = fields.iter().filter(|(field, _)| !OWN.contains(&field.as_str()));
    others.any(|(_, value)| match value {
        Value::String(text) if names.contains(text.as_str()) => true,
        value => is_in(value, names),
    })
}

fn is_in(value: &Value, names: &BTreeSet<&str>) -> bool {
    match value {
        Value::String(text) => {
            (text.contains(['/', '-']) && names.contains(text.as_str()))
                || names.iter().any(|name| name.contains(':') && text.contains(name))
        }
        Value::Array(items) => items.iter().any(|item| is_in(item, names)),
        Value::Object(fields) => fields.values().any(|field| is_in(field, names)),
        _ => false,
    }
}
