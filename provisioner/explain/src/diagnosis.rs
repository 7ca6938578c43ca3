//! Rules against clues: which rule explains which task, and what is left that none explains.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use crate::evidence::{Clue, gather};
use crate::explanation::{Explanation, Finding};
use crate::facts::Facts;
use crate::picture::Picture;
use crate::proof::proof;
use crate::rule::{Place, Rank, Rule, Stage};
use crate::rules::TABLES;
use crate::text::{alike, is_mere_end};

/// Says why.
#[must_use]
pub fn explain(picture: &Picture) -> Explanation {
    explain_without(&[], picture)
}

/// Says why, as if these rules did not exist: what would be said if the first answer were wrong.
#[must_use]
pub fn explain_without(ids: &[&str], picture: &Picture) -> Explanation {
    static ALL: LazyLock<Vec<Ready>> = LazyLock::new(ready);
    let rules: Vec<&Ready> = ALL.iter().filter(|ready| !ids.contains(&ready.rule.id)).collect();
    judge(&rules, picture)
}

/// A rule with its expressions compiled.
struct Ready {
    stage: Stage,
    rule: &'static Rule,
    when: Vec<Vec<(&'static [Place], Regex)>>,
}

/// The rules in the order in which they speak: by rank, then as the tables have them.
fn ready() -> Vec<Ready> {
    let rules = TABLES.iter().flat_map(|(stage, rules)| rules.iter().map(move |it| (*stage, it)));
    let mut ready: Vec<Ready> = rules
        .filter_map(|(stage, rule)| {
            let compile = |text| RegexBuilder::new(text).case_insensitive(true).build().ok();
            let when = rule.when.iter().map(|signs| {
                signs.iter().map(|sign| Some((sign.places, compile(sign.text)?))).collect()
            });
            Some(Ready { stage, rule, when: when.collect::<Option<_>>()? })
        })
        .collect();
    ready.sort_by_key(|ready| ready.rule.rank);
    ready
}

/// The clues that together make one case of a rule; the first is whose case it is.
struct Case<'a> {
    clues: Vec<&'a Clue>,
    captured: BTreeMap<String, String>,
}

fn judge(rules: &[&Ready], picture: &Picture) -> Explanation {
    let clues = gather(picture);
    let facts = Facts::of(picture);
    let mut explained: BTreeSet<String> = BTreeSet::new();
    let mut understood: BTreeSet<String> = BTreeSet::new();
    let mut rows = Vec::new();
    for ready in rules {
        let mut cases = ready.cases(&clues);
        cases.retain(|case| facts.with(&case.captured, &case.clues).hold(ready.rule.only));
        understood.extend(cases.iter().flat_map(|case| &case.clues).map(|clue| alike(&clue.text)));
        cases
            .retain(|case| case.clues.first().is_some_and(|it| !explained.contains(&it.subject())));
        let Some(first) = cases.first() else { continue };
        let facts = facts.with(&first.captured, &first.clues);
        let subjects: BTreeSet<String> =
            cases.iter().filter_map(|case| case.clues.first()).map(|it| it.subject()).collect();
        let shown: Vec<&Clue> = cases.iter().flat_map(|case| case.clues.iter().copied()).collect();
        rows.push(Finding {
            rule: ready.rule.id.into(),
            row: ready.rule.row,
            stage: ready.stage,
            rank: ready.rule.rank,
            cases: subjects.len(),
            cause: facts.say(ready.rule.cause),
            proof: proof(&shown, ready.rule.log.then_some(picture)),
            fix: facts.say(ready.rule.fix),
            doc: ready.rule.doc.map(Into::into),
        });
        explained.extend(subjects);
    }
    // How often a consequence shows says nothing; the table has them in order.
    rows.sort_by_key(|row| {
        (row.rank, Reverse(if row.rank == Rank::Consequence { 0 } else { row.cases }))
    });
    let raw = unknown(&clues, &explained, &understood);
    Explanation::new(picture, rows, raw)
}

/// The texts that no rule understood, each once.
fn unknown(
    clues: &[Clue],
    explained: &BTreeSet<String>,
    understood: &BTreeSet<String>,
) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let unknown = clues.iter().filter(|clue| {
        let mere = is_mere_end(&clue.text) || clue.place == Place::Exit;
        clue.place != Place::Log
            && !understood.contains(&alike(&clue.text))
            && !(mere && explained.contains(&clue.subject()))
    });
    let unknown = unknown.filter(|clue| seen.insert(alike(&clue.text)));
    unknown.map(Clue::shown).collect()
}

impl Ready {
    fn cases<'a>(&self, clues: &'a [Clue]) -> Vec<Case<'a>> {
        let alternatives = self.when.iter().filter_map(|signs| signs.split_first());
        alternatives
            .flat_map(|(first, others)| found(first, clues).map(move |clue| (clue, others)))
            .flat_map(|(case, others)| {
                let more = |cases: Vec<Case<'a>>, sign| {
                    cases.iter().flat_map(|case| joined(case, sign, clues)).collect()
                };
                others.iter().fold(vec![case], more)
            })
            .collect()
    }
}

fn found<'a>(
    (places, text): &(&'static [Place], Regex),
    clues: &'a [Clue],
) -> impl Iterator<Item = Case<'a>> {
    clues.iter().filter(|clue| places.contains(&clue.place)).filter_map(move |clue| {
        let hit = text.captures(&clue.text)?;
        let names = text.capture_names().flatten();
        let captured =
            names.filter_map(|name| Some((name.to_owned(), hit.name(name)?.as_str().to_owned())));
        Some(Case { clues: vec![clue], captured: captured.collect() })
    })
}

/// The case with another sign, of the same task where both are a task's own words; once for each clue
/// that shows it.
fn joined<'a>(
    case: &Case<'a>,
    sign: &(&'static [Place], Regex),
    clues: &'a [Clue],
) -> Vec<Case<'a>> {
    let own = |case: &Case<'_>| {
        let clue = *case.clues.first()?;
        let own = [Place::Stopped, Place::Container, Place::Exit, Place::Log].contains(&clue.place);
        clue.task.clone().filter(|_| own)
    };
    let task = own(case);
    let fits = |other: &Case<'_>| {
        task.as_ref().zip(own(other).as_ref()).is_none_or(|(one, other)| one == other)
    };
    let others = found(sign, clues).filter(fits);
    others
        .map(|other| {
            let mut both = Case { clues: case.clues.clone(), captured: case.captured.clone() };
            both.clues.extend(other.clues);
            both.captured.extend(other.captured);
            both
        })
        .collect()
}
