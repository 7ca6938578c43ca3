//! What is done to a command while it works.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The commands that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// The first `up`.
    Up,
    /// An `up` that replaces.
    Change,
    /// A `deploy` of another build of the program.
    Deploy,
    Destroy,
}

impl Verb {
    pub const ALL: [Self; 4] = [Self::Up, Self::Change, Self::Deploy, Self::Destroy];

    /// As the tool is called. Whoever comes after a dead holder waits for its lease.
    #[must_use]
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Up | Self::Change => &["up", "--env", "prod", "--yes", "--wait", "10m"],
            Self::Deploy => &["deploy", "--env", "prod", "--wait", "10m"],
            Self::Destroy => &["destroy", "--env", "prod", "--yes", "--unprotect", "--wait", "10m"],
        }
    }
}

/// How a command is disturbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// SIGKILL while the call is held before or after its effect; then the same command again.
    Kill { after: bool },
    /// The connection is cut before or after the effect; the command goes on by itself.
    Cut { after: bool },
    /// The connection is cut after the effect, and the command is given a second go whatever it said.
    CutTwice,
    /// Faults all along; the command goes on by itself.
    Faults,
    /// The cancel sequence of GitHub Actions, as many real milliseconds after the start.
    Cancel,
    /// Two SIGINTs, as many real milliseconds after the start.
    InterruptTwice,
    /// Its credentials expire at the n-th mutating call; then the same command with others.
    Expire,
    /// A second writer comes, or the first is paused: a scenario of [`crate::writers`].
    Writers,
}

/// One disturbance of one command: `up kill-after ec2.CreateVpc@1`, `destroy faults throttle:20%`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trial {
    pub verb: Verb,
    pub how: How,
    /// A call (`service.Operation@n`), a specification of faults, milliseconds or a number.
    pub at: String,
}

impl Trial {
    #[must_use]
    pub fn new(verb: Verb, how: How, at: impl Into<String>) -> Self {
        Self { verb, how, at: at.into() }
    }

    /// What it is about, and the seed of the cloud's chance that may follow (`throttle:20% seed 7`).
    #[must_use]
    pub fn seeded(&self) -> (&str, u64) {
        let (at, seed) = self.at.split_once(" seed ").unwrap_or((&self.at, "0"));
        (at, seed.parse().unwrap_or(0))
    }
}

const HOWS: [(&str, How); 10] = [
    ("kill-before", How::Kill { after: false }),
    ("kill-after", How::Kill { after: true }),
    ("cut-before", How::Cut { after: false }),
    ("cut-after", How::Cut { after: true }),
    ("cut-twice", How::CutTwice),
    ("faults", How::Faults),
    ("cancel", How::Cancel),
    ("interrupt-twice", How::InterruptTwice),
    ("expire", How::Expire),
    ("writers", How::Writers),
];

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Change => "change",
            Self::Deploy => "deploy",
            Self::Destroy => "destroy",
        })
    }
}

impl FromStr for Verb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|verb| verb.to_string() == text);
        found.ok_or_else(|| Self::ALL.map(|verb| verb.to_string()).join(", "))
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = HOWS.iter().find(|(_, how)| how == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.how, self.at)
    }
}

impl FromStr for Trial {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            let hows: Vec<&str> = HOWS.iter().map(|(name, _)| *name).collect();
            Error::Tool(format!("`{text}` is not `up|change|deploy|destroy {} AT`", hows.join("|")))
        };
        let mut words = text.splitn(3, ' ');
        let (Some(verb), Some(how), at) = (words.next(), words.next(), words.next().unwrap_or(""))
        else {
            return Err(wrong());
        };
        let verb = verb.parse().map_err(|_| wrong())?;
        let (_, how) = HOWS.into_iter().find(|(name, _)| *name == how).ok_or_else(wrong)?;
        Ok(Self::new(verb, how, at))
    }
}

impl TryFrom<String> for Trial {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Trial> for String {
    fn from(trial: Trial) -> Self {
        trial.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in ["up kill-after ec2.CreateVpc@1", "destroy faults throttle:20%,pages:2"] {
            assert_eq!(text.parse::<Trial>().unwrap().to_string(), text);
        }
        for wrong in ["", "up", "plan cancel 5", "up shoot 5"] {
            assert!(wrong.parse::<Trial>().is_err(), "{wrong}");
        }
    }
}
