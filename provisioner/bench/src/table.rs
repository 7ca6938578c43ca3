//! The figures side by side, as Markdown.

use std::collections::BTreeMap;
use std::fmt;

use crate::Round;
use crate::bar::{BINARY, Bar, DISK, Unit, megabytes};
use crate::measure::Measured;

const HEAD: [&str; 7] =
    ["services", "", "Terraform", "ours, at most", "ours", "of Terraform's", ""];

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 7]>,
}

impl Table {
    /// One figure of a round.
    pub(crate) fn add(&mut self, bar: &Bar, round: &Round) {
        let ours = (bar.ours)(round);
        let most = bar.part.map(|part| bar.theirs * part);
        let shown = |value: f64| match bar.unit {
            Unit::Calls => format!("{value:.0}"),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Megabytes => format!("{value:.0} MB"),
        };
        self.rows.push([
            bar.services.to_string(),
            bar.what.to_owned(),
            shown(bar.theirs),
            most.map(shown).unwrap_or_default(),
            shown(ours),
            format!("{:.0} %", ours / bar.theirs * 100.0),
            most.map(|most| verdict(ours <= most)).unwrap_or_default(),
        ]);
    }

    /// The binary's size, if there is one that is made to be shipped.
    pub(crate) fn add_size(&mut self, bytes: Option<u64>) {
        let size = bytes.map(megabytes);
        self.rows.push([
            "any".into(),
            "on disk".into(),
            format!("{DISK:.0} MB"),
            format!("{BINARY:.0} MB"),
            size.map_or("not built: `scripts/bench --release`".into(), |it| format!("{it:.1} MB")),
            size.map(|it| format!("{:.0} %", it / DISK * 100.0)).unwrap_or_default(),
            size.map(|it| verdict(it <= BINARY)).unwrap_or_default(),
        ]);
    }
}

fn verdict(holds: bool) -> String {
    if holds { "holds" } else { "MISSED" }.into()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = HEAD.map(str::to_owned);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths: [usize; 7] = std::array::from_fn(width);
        let mut line = |row: &[String; 7]| {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")
        };
        line(&head)?;
        line(&widths.map(|width| "-".repeat(width)))?;
        self.rows.iter().try_for_each(line)
    }
}

/// How often each operation was called, most often first.
pub(crate) fn operations(round: &Round) -> String {
    let mut text = String::new();
    for (verb, measured) in round.commands() {
        text += &format!(
            "\n{verb}, {} services: {} calls, {} change resources, {} others change something\n",
            round.services,
            measured.total(),
            measured.mutating(),
            measured.apart(),
        );
        for (operation, count) in counts(measured) {
            text += &format!("{count:5}  {operation}\n");
        }
    }
    text
}

/// The calls in their order: seconds since the first, milliseconds to the answer, operation.
pub(crate) fn timeline(round: &Round) -> String {
    let mut text = String::new();
    for (verb, measured) in round.commands() {
        text += &format!(
            "\n{verb}, {} services: {:.3} s\n",
            round.services,
            measured.wall.as_secs_f64()
        );
        let first = measured.calls.first().map_or(0.0, |call| call.clock);
        for call in &measured.calls {
            let (at, took) = (call.clock - first, call.elapsed_ms);
            text += &format!("{at:8.3} s {took:6.0} ms  {}:{}\n", call.service, call.operation);
        }
    }
    text
}

fn counts(measured: &Measured) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for call in &measured.calls {
        let mark = if call.mutating { "*" } else { " " };
        let operation = format!("{mark} {}:{}", call.service, call.operation);
        *counts.entry(operation).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
