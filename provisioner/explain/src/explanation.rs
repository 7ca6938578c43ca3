//! What is said in the end: for people in about six lines, for programs as JSON.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::picture::Picture;
use crate::rule::{Rank, Stage};

/// The version of the JSON form. It grows when a field changes its meaning or goes; new fields do not count.
pub const VERSION: u32 = 1;
/// The longest line of the text form, in characters; AWS's texts reach a thousand.
const WIDTH: usize = 240;
/// Unknown texts and second causes shown in the text form.
const MORE: usize = 3;

/// Why a service is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// [`VERSION`].
    pub version: u32,
    pub service: String,
    pub environment: String,
    pub outcome: Outcome,
    /// The outcome as a sentence.
    pub headline: String,
    /// What was recognised, the root cause first. Empty when nothing was.
    pub rows: Vec<Finding>,
    /// AWS's texts that no rule knows, whole and as they came.
    pub raw: Vec<String>,
}

/// One failure that was recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id; it never changes.
    pub rule: String,
    /// The rule's row.
    pub row: u8,
    pub stage: Stage,
    pub rank: Rank,
    /// How many tasks it explains, or texts that are no task's.
    pub cases: usize,
    pub cause: String,
    /// AWS's own words, then log lines.
    pub proof: Vec<String>,
    pub fix: String,
    /// AWS's page on it; none for what is not AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
}

impl Explanation {
    pub(crate) fn new(picture: &Picture, rows: Vec<Finding>, raw: Vec<String>) -> Self {
        Self {
            version: VERSION,
            service: picture.service.clone(),
            environment: picture.environment.clone(),
            outcome: picture.outcome(),
            headline: picture.headline(),
            rows,
            raw,
        }
    }

    /// The root cause, if one was recognised.
    #[must_use]
    pub fn first(&self) -> Option<&Finding> {
        self.rows.first()
    }

    /// Cause, proof and fix, a line each, without the headline; each line ends with a line break. Long
    /// texts lose their middle here; the JSON form has them whole.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match self.rows.first() {
            Some(row) => self.known(row, &mut text),
            None if self.raw.is_empty() && self.outcome == Outcome::Serves => {
                text.push_str("there is nothing to explain\n");
            }
            None if self.raw.is_empty() => {
                line(&mut text, "cause", "none is known; nothing that AWS says tells of a failure");
            }
            None => {
                line(&mut text, "cause", "not known; AWS says:");
                block(&mut text, "proof", self.raw.get(..2 * MORE).unwrap_or(&self.raw));
                let read = format!(
                    "none is guessed; read `provisioner logs --env {} {}`",
                    self.environment, self.service
                );
                line(&mut text, "fix", &read);
            }
        }
        text
    }

    fn known(&self, row: &Finding, text: &mut String) {
        line(text, "cause", &row.cause);
        block(text, "proof", &row.proof);
        line(text, "fix", &row.fix);
        if let Some(doc) = &row.doc {
            line(text, "see", doc);
        }
        let others = self.rows.iter().skip(1).filter(|other| other.rank != Rank::Consequence);
        for other in others.take(MORE) {
            line(text, "also", &other.cause);
        }
        for unknown in self.raw.iter().take(MORE) {
            line(text, "raw", unknown);
        }
    }
}

fn block(text: &mut String, label: &str, lines: &[String]) {
    for (number, content) in lines.iter().enumerate() {
        line(text, if number == 0 { label } else { "" }, content);
    }
}

fn line(text: &mut String, label: &str, content: &str) {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{label:<6} {}", shortened(content));
}

/// The text without its middle when it is too long: AWS says what at the beginning and why at the end.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= WIDTH {
        return text.into();
    }
    let half = WIDTH / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(length - half).collect();
    format!("{head} .. {tail}")
}
