//! The log as knowledge: what a client had been told, and what it had done, by the time of a call.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kinds::{ENI, KINDS, Kind, SUBNET};
use crate::call::Call;
use crate::world::value::{filters, text, texts};

/// An object in an answer that reached the client.
#[derive(Clone, Copy)]
struct Sighting<'a> {
    kind: &'static Kind,
    id: &'a str,
    object: &'a Value,
    call: &'a Call,
}

pub(super) struct History<'a> {
    calls: Vec<&'a Call>,
    sightings: Vec<Sighting<'a>>,
}

impl<'a> History<'a> {
    pub(super) fn new(log: &'a [Call]) -> Self {
        let mut calls: Vec<&Call> = log.iter().collect();
        calls.sort_by_key(|c| c.seq);
        let mut sightings = Vec::new();
        for call in calls.iter().filter(|c| c.delivered()) {
            collect(&call.response, call, &mut sightings);
        }
        Self { calls, sightings }
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &'a Call> + '_ {
        self.calls.iter().copied()
    }

    /// The calls answered (or cut) before `at` was made.
    pub(super) fn before<'s>(
        &'s self,
        at: &'s Call,
    ) -> impl DoubleEndedIterator<Item = &'a Call> + 's {
        self.calls.iter().copied().filter(|c| c.ended < at.seq)
    }

    /// The calls of an operation that took effect before `at`.
    pub(super) fn done<'s>(
        &'s self,
        at: &'s Call,
        operation: &'s str,
    ) -> impl DoubleEndedIterator<Item = &'a Call> + 's {
        self.before(at).filter(move |c| c.operation == operation && c.took_effect())
    }

    /// Whether an operation with this parameter took effect before `at`.
    pub(super) fn did(&self, at: &Call, operation: &str, key: &str, value: &str) -> bool {
        self.done(at, operation).any(|c| names(&c.parameters, key, value))
    }

    /// The last object of that id that the client was shown before `at`.
    pub(super) fn seen(&self, at: &Call, kind: &Kind, id: &str) -> Option<&'a Value> {
        self.shown(at, kind, id).map(|(object, _)| object)
    }

    /// The same, with the call that showed it.
    pub(super) fn shown(&self, at: &Call, kind: &Kind, id: &str) -> Option<(&'a Value, &'a Call)> {
        self.sightings
            .iter()
            .rev()
            .find(|s| s.kind == kind && s.id == id && s.call.ended < at.seq)
            .map(|s| (s.object, s.call))
    }

    /// Every object of that id that the client was shown before `at`, the oldest first.
    pub(super) fn shows<'s>(
        &'s self,
        at: &'s Call,
        kind: &'s Kind,
        id: &'s str,
    ) -> impl Iterator<Item = &'a Value> + 's {
        let shown = self.sightings.iter().filter(move |s| s.kind == kind && s.id == id);
        shown.filter(|s| s.call.ended < at.seq).map(|s| s.object)
    }

    /// Everything of a kind that the client was ever shown before `at`, as last shown.
    pub(super) fn known(&self, at: &Call, kind: &Kind) -> BTreeMap<&'a str, &'a Value> {
        self.sightings
            .iter()
            .filter(|s| s.kind == kind && s.call.ended < at.seq)
            .map(|s| (s.id, s.object))
            .collect()
    }

    /// Whether a text was in any answer the client got, or in a request that succeeded, before `at`.
    pub(super) fn heard_of(&self, at: &Call, id: &str) -> bool {
        self.before(at).any(|c| {
            let in_request =
                c.took_effect() && !c.mutating && c.request_ids.iter().any(|i| i == id);
            in_request || (c.delivered() && c.response_ids.iter().any(|i| i == id))
        })
    }

    /// Whether the client knows that something is gone: deleted by it and confirmed, or looked for in vain afterwards.
    pub(super) fn gone(&self, at: &Call, kind: &Kind, id: &str) -> bool {
        let deleted = self.before(at).any(|c| {
            c.operation == kind.delete
                && names(&c.parameters, kind.key, id)
                && (c.delivered() || c.code.as_deref().is_some_and(is_absence))
        });
        deleted || self.missed(at, kind, id)
    }

    /// Whether the last look for something before `at` did not find it.
    pub(super) fn missed(&self, at: &Call, kind: &Kind, id: &str) -> bool {
        let looks: Vec<_> = self.before(at).filter(|c| c.operation == kind.list).collect();
        let Some(last) = looks.iter().rev().find(|c| self.covers(c, kind, id)) else {
            return false;
        };
        if last.code.as_deref().is_some_and(is_absence) {
            return true;
        }
        let page_of = |other: &Call| same_query(other, last) && other.seq <= last.seq;
        let first = looks
            .iter()
            .rev()
            .filter(|c| page_of(c))
            .find(|c| !continued(c))
            .map_or(last.seq, |c| c.seq);
        let shown = self.sightings.iter().any(|s| {
            s.kind == kind
                && s.id == id
                && (first..=last.seq).contains(&s.call.seq)
                && same_query(s.call, last)
        });
        !shown
    }

    /// Whether a list would have shown this id: it names it, or it names and filters nothing that could leave it out.
    fn covers(&self, look: &Call, kind: &Kind, id: &str) -> bool {
        if look.code.as_deref().is_some_and(is_absence) {
            return look.request_ids.iter().any(|i| i == id)
                || names(&look.parameters, kind.named, id);
        }
        if !look.delivered() || more_pages(look) {
            return false;
        }
        let named = texts(&look.parameters, kind.named);
        if !named.is_empty() {
            return named.iter().any(|n| n == id || id.ends_with(&format!("/{n}")));
        }
        let object =
            self.sightings.iter().rev().find(|s| s.kind == kind && s.id == id).map(|s| s.object);
        filters(&look.parameters).iter().all(|(name, values)| match name.as_str() {
            "vpc-id" => object.is_some_and(|o| values.iter().any(|v| v == text(o, "vpcId"))),
            "attachment.vpc-id" => object.is_some_and(|o| {
                o.to_string().contains(values.first().map_or("-", String::as_str))
            }),
            other => {
                other.replace('-', "").eq_ignore_ascii_case(kind.id)
                    && values.iter().any(|v| v == id)
            }
        })
    }

    /// The last list of interfaces that covers a place before `at`; `None` when the client never looked.
    ///
    /// `filters` are those under which everything of interest would have been shown, as (name, value).
    pub(super) fn interfaces(&self, at: &Call, allowed: &[(&str, &str)]) -> Option<Vec<&'a Value>> {
        let looks: Vec<_> = self
            .before(at)
            .filter(|c| c.operation == "DescribeNetworkInterfaces" && c.delivered())
            .collect();
        let last = looks.iter().rev().find(|c| {
            !more_pages(c)
                && filters(&c.parameters).iter().all(|(name, values)| {
                    allowed.iter().any(|(n, value)| {
                        n == name && values.iter().any(|v| crate::world::value::like(v, value))
                    })
                })
        })?;
        let first = looks
            .iter()
            .rev()
            .filter(|c| same_query(c, last) && c.seq <= last.seq)
            .find(|c| !continued(c));
        let first = first.map_or(last.seq, |c| c.seq);
        let shown = self
            .sightings
            .iter()
            .filter(|s| s.kind == &ENI && (first..=last.seq).contains(&s.call.seq));
        Some(shown.filter(|s| same_query(s.call, last)).map(|s| s.object).collect())
    }
}

/// Whether a parameter is this value, or a list with it.
pub(super) fn names(parameters: &Value, key: &str, value: &str) -> bool {
    text(parameters, key) == value || texts(parameters, key).iter().any(|v| v == value)
}

/// Codes that say that something does not exist.
pub(super) fn is_absence(code: &str) -> bool {
    code.ends_with("NotFound") || code.ends_with("NotFoundException") || code == "NoSuchEntity"
}

fn collect<'a>(value: &'a Value, call: &'a Call, found: &mut Vec<Sighting<'a>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|v| collect(v, call, found)),
        Value::Object(map) => {
            for kind in KINDS {
                if let Some(id) = map.get(kind.id).and_then(Value::as_str)
                    && map.contains_key(kind.mark)
                    && !(kind == &SUBNET && map.contains_key("interfaceType"))
                {
                    found.push(Sighting { kind, id, object: value, call });
                }
            }
            map.values().for_each(|v| collect(v, call, found));
        }
        _ => {}
    }
}

fn token(value: &Value) -> bool {
    ["NextToken", "nextToken", "Marker", "NextMarker"].iter().any(|k| !text(value, k).is_empty())
}

fn more_pages(call: &Call) -> bool {
    token(&call.response)
}

fn continued(call: &Call) -> bool {
    token(&call.parameters)
}

fn same_query(a: &Call, b: &Call) -> bool {
    let plain = |call: &Call| {
        let mut parameters = call.parameters.clone();
        if let Some(map) = parameters.as_object_mut() {
            map.retain(|k, _| !matches!(k.as_str(), "NextToken" | "nextToken" | "Marker"));
        }
        parameters
    };
    a.operation == b.operation && (a.seq == b.seq || plain(a) == plain(b))
}
