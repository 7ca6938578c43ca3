//! Proof: AWS's own words, each once, with where they were found and how often.

use std::collections::BTreeSet;

use crate::evidence::Clue;
use crate::facts::short_id;
use crate::picture::{LogLine, Picture};
use crate::rule::Place;
use crate::text::{alike, plain};

/// Texts shown of one finding.
const TEXTS: usize = 3;
/// Log lines shown of one finding.
const LINES: usize = 3;

/// The proof in these clues, and the last lines that the first one's container wrote.
pub(crate) fn proof(clues: &[&Clue], logs: Option<&Picture>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut texts: Vec<String> = Vec::new();
    let mut proof = Vec::new();
    for clue in clues {
        // ECS's events repeat what a task says of itself.
        let repeats = |shown: &String| clue.text.contains(shown.trim_end_matches('.'));
        if proof.len() < TEXTS
            && !texts.iter().any(repeats)
            && seen.insert((clue.place, alike(&clue.text)))
        {
            if clue.place != Place::Exit {
                texts.push(clue.text.clone());
            }
            let same = |other: &&&Clue| {
                other.place == clue.place && alike(&other.text) == alike(&clue.text)
            };
            let subjects: BTreeSet<_> = clues.iter().filter(same).map(|it| it.whose()).collect();
            proof.push(clue.told(subjects.len()));
        }
    }
    if let (Some(picture), Some(first)) = (logs, clues.first()) {
        let lines = last_lines(picture, first);
        let lines = lines.into_iter().filter(|line| !proof.contains(line));
        proof.extend(lines.collect::<Vec<_>>());
    }
    proof
}

fn last_lines(picture: &Picture, clue: &Clue) -> Vec<String> {
    let task = clue.task.as_deref().unwrap_or_default();
    let container = clue.container();
    let theirs = |line: &&LogLine| {
        let same = container.is_none_or(|name| line.container.is_empty() || line.container == name);
        same && (line.task == task || line.task.is_empty()) && !line.line.trim().is_empty()
    };
    let lines: Vec<_> = picture.logs.iter().filter(theirs).collect();
    let last = lines.len().saturating_sub(LINES);
    lines.iter().skip(last).map(|line| format!("log: {}", plain(&line.line))).collect()
}

impl Clue {
    fn whose(&self) -> (Option<&str>, &str) {
        (self.task.as_deref(), &self.part)
    }

    /// The text with where it is from.
    pub(crate) fn shown(&self) -> String {
        match self.place {
            Place::Exit => format!("container {} ended with exit code {}", self.part, self.text),
            _ => self.text.clone(),
        }
    }

    /// The text as proof, for as many tasks or targets as have it.
    fn told(&self, count: usize) -> String {
        let (text, part) = (&self.text, &self.part);
        let task = short_id(self.task.as_deref().unwrap_or_default());
        let whose = match count {
            0 | 1 => format!("task {task}"),
            _ => format!("{count} tasks, such as {task}"),
        };
        match self.place {
            Place::Refusal if part.is_empty() => format!("answer: {text}"),
            Place::Refusal => format!("{part} answered {text}"),
            Place::Stopped => format!("stopped ({whose}): {text}"),
            Place::Container => format!("container {part} ({whose}): {text}"),
            Place::Exit => format!("container {part} ended with exit code {text} ({whose})"),
            Place::Event => format!("event: {text}"),
            Place::Target if count > 1 => format!("{count} targets, such as {part}: {text}"),
            Place::Target => format!("target {part}: {text}"),
            Place::Rollout => format!("rollout: {text}"),
            Place::Release => format!("service: {text}"),
            Place::Probe => format!("our request of {part}: {text}"),
            Place::Log => format!("log: {text}"),
        }
    }
}
