//! A state that was made again, for people and as JSON.

use std::fmt::Write as _;

use engine::kind::Observed;
use engine::rebuild::{Change, Rebuilt};
use engine::state::State;
use engine::{Address, Id};
use serde_json::{Value, json};

use super::{BOLD, DIM, styled};

/// What `state rebuild` found.
pub(crate) struct Again<'a> {
    pub(crate) environment: &'a str,
    /// The last copy that could be read.
    pub(crate) last: Option<&'a State>,
    /// What is wrong with the stored one.
    pub(crate) why: Option<&'a str>,
    pub(crate) rebuilt: &'a Rebuilt,
    pub(crate) notes: &'a [String],
    pub(crate) written: bool,
}

impl Again<'_> {
    pub(crate) fn count(&self) -> String {
        let known = self.rebuilt.state.resources.values().filter(|entry| entry.id.is_some());
        format!("{} resources", known.count())
    }

    pub(crate) fn text(&self) -> String {
        let Rebuilt { unclaimed, foreign, missing, changes, .. } = self.rebuilt;
        let mut text = format!("found {} of {}\n", self.count(), self.environment);
        if let Some(why) = self.why {
            let _infallible = writeln!(text, "the stored state cannot be used: {why}");
        }
        if let Some(last) = self.last {
            let title =
                format!("differs from the last copy, serial {} ({})", last.serial, changes.len());
            part(&mut text, &title, changes.iter().map(changed));
        }
        let title = format!("not there ({})", missing.len());
        part(&mut text, &title, missing.iter().map(ToString::to_string));
        let title = format!("has a name of ours and is somebody else's ({})", foreign.len());
        part(&mut text, &title, foreign.iter().map(|(address, seen)| of(address.as_str(), seen)));
        let title = format!("has our tags and is no resource of ours ({})", unclaimed.len());
        part(&mut text, &title, unclaimed.iter().map(|(kind, seen)| of(kind, seen)));
        self.notes.iter().for_each(|note| text += &format!("{note}\n"));
        text.trim_end().to_owned()
    }

    /// What the user has to choose from, where nothing tells which one is current.
    pub(crate) fn choices(&self) -> Vec<String> {
        let choices = self.rebuilt.ambiguous.iter().map(|(address, all)| {
            let ids: Vec<&str> = all.iter().map(|seen| seen.id.as_str()).collect();
            format!(
                "{address} may be any of {}: delete all but one, or take their tags away",
                ids.join(", ")
            )
        });
        choices.collect()
    }

    /// The documented form: `{"format", "environment", "written", "resources", "copy": {"serial"} or null,
    /// "changes": [{"address", "was", "is"}], "missing": [address], "ambiguous": [{"address", "ids"}],
    /// "foreign": [{"address", "id"}], "unclaimed": [{"kind", "id"}], "notes"}`.
    pub(crate) fn json(&self) -> Value {
        let Rebuilt { state, ambiguous, unclaimed, foreign, missing, changes } = self.rebuilt;
        let changes = changes.iter().map(|one| {
            let Change { address, was, is } = one;
            json!({ "address": address, "was": was, "is": is })
        });
        let ambiguous = ambiguous.iter().map(|(address, all)| {
            let ids: Vec<&Id> = all.iter().map(|seen| &seen.id).collect();
            json!({ "address": address, "ids": ids })
        });
        let foreign = foreign.iter();
        let foreign = foreign.map(|(at, seen)| json!({ "address": at, "id": seen.id }));
        let unclaimed = unclaimed.iter();
        let unclaimed = unclaimed.map(|(kind, seen)| json!({ "kind": kind, "id": seen.id }));
        json!({
            "format": super::FORMAT,
            "environment": self.environment,
            "written": self.written,
            "resources": state.resources.values().filter(|entry| entry.id.is_some()).count(),
            "copy": self.last.map(|last| json!({ "serial": last.serial })),
            "changes": changes.collect::<Vec<_>>(),
            "missing": missing.iter().collect::<Vec<&Address>>(),
            "ambiguous": ambiguous.collect::<Vec<_>>(),
            "foreign": foreign.collect::<Vec<_>>(),
            "unclaimed": unclaimed.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

fn part(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        *text += &format!("{}\n", styled(BOLD, title));
        for line in lines {
            *text += &format!("    {line}\n");
        }
    }
}

fn changed(Change { address, was, is }: &Change) -> String {
    let id = |id: &Option<Id>| id.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
    format!("{address}: {} -> {}", id(was), id(is))
}

fn of(what: &str, seen: &Observed) -> String {
    format!("{what}  {}", styled(DIM, seen.id.as_str()))
}
