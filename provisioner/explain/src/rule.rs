//! What a rule is: where a failure shows, by which words, what it means and what to do. The rules
//! themselves are in [`crate::rules`].

use serde::{Deserialize, Serialize};

/// A failure and how to know it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name; it never changes.
    pub id: &'static str,
    /// 1 to 30: the common failures of ECS on Fargate; from 31 the rarer ones; from 41 what our own
    /// checks find; from 51 the local cloud. Several rules may tell apart what one row has.
    pub row: u8,
    pub rank: Rank,
    /// Any of these, each of which needs all its signs.
    pub when: &'static [&'static [Sign]],
    /// What must hold besides.
    pub only: &'static [Condition],
    /// The first line that can be said is said; the last one always can.
    pub cause: &'static [Line],
    /// As `cause`.
    pub fix: &'static [Line],
    /// Whether the last log lines belong to the proof.
    pub log: bool,
    /// AWS's page on it.
    pub doc: Option<&'static str>,
}

/// A rule without content, for those that say only what is theirs.
pub(crate) const RULE: Rule = Rule {
    id: "",
    row: 0,
    rank: Rank::Cause,
    when: &[],
    only: &[],
    cause: &[],
    fix: &[],
    log: false,
    doc: None,
};

/// Which rules speak first. Within a rank, what explains more tasks does, then what stands first in the
/// table; and what one rule has explained is not explained again by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// AWS refused the request: nothing after it counts.
    Refusal,
    /// A task says what went wrong with it.
    Cause,
    /// Tasks run, and something outside them finds them unhealthy.
    Health,
    /// Tasks cannot be placed, or the service cannot be kept.
    Service,
    /// True whatever the cause is: only said when nothing better is known.
    Consequence,
}

/// When in a deployment it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Request,
    Placement,
    Pull,
    Init,
    Start,
    Health,
    Release,
}

/// Where a text is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The error of a call: `InvalidParameterException: ..`
    Refusal,
    /// A task's `stoppedReason`.
    Stopped,
    /// A container's `reason`, or that it is `UNHEALTHY`.
    Container,
    /// The exit code of a container that ended by itself.
    Exit,
    Event,
    /// A target's reason and description.
    Target,
    /// Our deployment's `rolloutState` and its reason.
    Rollout,
    /// Which revision is the service's own.
    Release,
    /// The answer to our own request.
    Probe,
    Log,
}

/// A text in a place.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    pub places: &'static [Place],
    /// A regular expression, whatever the case. What it captures by name can be said in cause and fix.
    pub text: &'static str,
}

/// Something about the facts of the picture, by their names.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// It is one of these.
    Is(&'static str, &'static [&'static str]),
    /// It is known, and is none of these.
    Not(&'static str, &'static [&'static str]),
    /// Both are known and differ.
    Differ(&'static str, &'static str),
    /// Both are known and equal.
    Same(&'static str, &'static str),
    /// Both are numbers, and the first is larger.
    Above(&'static str, &'static str),
}

/// A sentence with `{facts}` in it, which can be said when all are known and the conditions hold.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub given: &'static [Condition],
    pub text: &'static str,
}

/// A sentence.
pub(crate) const fn say(text: &'static str) -> Line {
    Line { given: &[], text }
}

/// A sentence under conditions.
pub(crate) const fn given(given: &'static [Condition], text: &'static str) -> Line {
    Line { given, text }
}

/// What a task or an event says of it: ECS repeats a task's reason in `was unable to place a task`.
pub(crate) const fn said(text: &'static str) -> Sign {
    Sign { places: &[Place::Stopped, Place::Container, Place::Event], text }
}

pub(crate) const fn event(text: &'static str) -> Sign {
    Sign { places: &[Place::Event], text }
}

pub(crate) const fn exit(text: &'static str) -> Sign {
    Sign { places: &[Place::Exit], text }
}

pub(crate) const fn log(text: &'static str) -> Sign {
    Sign { places: &[Place::Log], text }
}

pub(crate) const fn refusal(text: &'static str) -> Sign {
    Sign { places: &[Place::Refusal], text }
}

/// What the load balancer says, or ECS on its behalf.
pub(crate) const fn unhealthy(text: &'static str) -> Sign {
    Sign { places: &[Place::Target, Place::Event], text }
}

pub(crate) const fn target(text: &'static str) -> Sign {
    Sign { places: &[Place::Target], text }
}
