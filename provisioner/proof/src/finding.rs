//! What came out of one trial.

use serde::{Deserialize, Serialize};
use strict::Violation;

use crate::listing::Listing;
use crate::trial::Trial;

/// The verdict on one trial. Nothing in it but the trial: it went as it must.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub trial: Trial,
    /// Whether the disturbance came about: a call that was not made this time cannot be hit.
    pub hit: bool,
    /// Why it did not converge.
    pub stuck: Option<String>,
    /// More of a name than there should be.
    pub duplicates: Vec<String>,
    /// What nobody wants or knows of.
    pub orphans: Vec<String>,
    /// What should be there and is not.
    pub missing: Vec<String>,
    pub violations: Vec<Violation>,
    /// How often it was tried in vain, because this machine stood still.
    pub stalls: u32,
}

impl Finding {
    #[must_use]
    pub fn of(trial: &Trial) -> Self {
        Self {
            trial: trial.clone(),
            hit: false,
            stuck: None,
            duplicates: Vec::new(),
            orphans: Vec::new(),
            missing: Vec::new(),
            violations: Vec::new(),
            stalls: 0,
        }
    }

    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.stuck.is_none()
            && self.duplicates.is_empty()
            && self.orphans.is_empty()
            && self.missing.is_empty()
            && self.violations.is_empty()
    }

    /// Whether nothing is proved: this machine stood still for longer than a compressed lease, so that a command that
    /// nobody disturbed lost its lock.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stuck.as_ref().is_some_and(|why| is_stall(why))
    }

    /// Compares what is there with what a run that nobody disturbs leaves.
    pub fn compare(&mut self, found: &Listing, wanted: &Listing) {
        let count = |listing: &Listing, name: &String| listing.get(name).copied().unwrap_or(0);
        for (name, n) in found {
            match count(wanted, name) {
                0 => self.orphans.push(name.clone()),
                wanted if wanted < *n => self.duplicates.push(name.clone()),
                _ => {}
            }
        }
        let missing = wanted.iter().filter(|(name, n)| count(found, name) < **n);
        self.missing.extend(missing.map(|(name, _)| name.clone()));
    }

    /// One line: the trial, and what is wrong.
    #[must_use]
    pub fn line(&self) -> String {
        let mut text = format!("{}: ", self.trial);
        if self.is_clean() {
            text.push_str(if self.hit { "clean" } else { "clean, not hit" });
            return text;
        }
        let mut parts: Vec<String> = self.stuck.iter().map(|why| format!("STUCK {why}")).collect();
        let names = [
            ("DUPLICATES", &self.duplicates),
            ("ORPHANS", &self.orphans),
            ("MISSING", &self.missing),
        ];
        for (title, names) in names.into_iter().filter(|(_, names)| !names.is_empty()) {
            parts.push(format!("{title} {}", names.join(", ")));
        }
        parts.extend(
            self.violations.iter().map(|v| format!("RULE {} {} {:?}", v.rule, v.text, v.calls)),
        );
        text.push_str(&parts.join("; "));
        text
    }
}

/// Whether a command says that it lost its lock to silence.
#[must_use]
pub fn is_stall(said: &str) -> bool {
    said.contains("its heartbeat has not got through")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{How, Verb};

    #[test]
    fn one_too_many_and_one_that_nobody_knows() {
        let listing = |of: &[(&str, u32)]| of.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
        let mut finding = Finding::of(&Trial::new(Verb::Up, How::CutTwice, "ec2.CreateVpc@1"));
        finding.compare(
            &listing(&[("vpc a", 2), ("role x", 1)]),
            &listing(&[("vpc a", 1), ("subnet b", 1)]),
        );
        assert_eq!(finding.duplicates, ["vpc a"]);
        assert_eq!(finding.orphans, ["role x"]);
        assert_eq!(finding.missing, ["subnet b"]);
        assert!(!finding.is_clean());
    }
}
