//! Faults on demand: which call is hit, and how. Chance depends on the seed, the operation and how many times it was
//! called, never on the order of unrelated calls.

mod code;
mod spec;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub(crate) use code::{expired, server_error, throttled};
pub use spec::SpecError;

use crate::seed::Seed;
use crate::wire::Request;

/// What happens to a call that is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The connection is reset before the call has an effect.
    Before,
    /// The connection is reset after the effect: the lost response.
    After,
    /// The call is kept waiting before its effect until released or the client is gone (to kill the client there).
    HoldBefore,
    /// The same after the effect.
    HoldAfter,
    /// Rejected with the service's own throttling code.
    Throttle,
    /// 500, by chance before or after the effect.
    Error500,
    /// 503 without effect.
    Error503,
    /// Answered late, by real milliseconds.
    Slow(u64),
    /// Rejected as signed with expired credentials.
    Expired,
}

/// Which calls are hit. All numbers count from 1, since the faults were set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The k-th call.
    Call(u64),
    /// The k-th mutating call.
    Mutating(u64),
    /// All calls from the k-th mutating one on. Expired credentials stay expired; others work.
    From(u64),
    /// The n-th call of an operation, named `Operation` or `service.Operation`.
    Operation(String, u64),
    /// Each call with this probability.
    Chance(f64),
}

/// One fault of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub which: Which,
    pub kind: Kind,
}

/// What goes wrong. Parsed from a specification such as `after:57,throttle:20%,pages:2` (see `README.md`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    pub plan: Vec<Fault>,
    /// Enforce the token buckets of AWS's API request rates, on the virtual clock.
    pub buckets: bool,
    /// Longest page of a list.
    pub page: Option<usize>,
    /// Probability that something just created is not found by reads for some virtual seconds.
    pub stale: f64,
    /// The account never used ECS: its service-linked role appears only after the first call.
    pub fresh: bool,
}

/// How often each thing was called since the faults were set.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    calls: u64,
    mutating: u64,
    operations: HashMap<String, u64>,
    /// Who was signing when the credentials expired.
    expired: Option<String>,
}

impl Faults {
    /// Counts the call and picks the first fault of the plan that hits it.
    pub(crate) fn strike(&self, tally: &mut Tally, seed: Seed, request: &Request) -> Option<Kind> {
        tally.calls += 1;
        let mutating = request.mutating();
        tally.mutating += u64::from(mutating);
        let name = request.name();
        let times = tally.operations.entry(name.clone()).or_default();
        *times += 1;
        self.plan.iter().enumerate().find_map(|(n, fault)| {
            let hit = match &fault.which {
                Which::Call(k) => *k == tally.calls,
                Which::Mutating(k) => mutating && *k == tally.mutating,
                Which::From(k) if fault.kind == Kind::Expired => {
                    tally.mutating >= *k
                        && *tally.expired.get_or_insert_with(|| request.principal.clone())
                            == request.principal
                }
                Which::From(k) => tally.mutating >= *k,
                Which::Operation(operation, nth) => {
                    *nth == *times
                        && (*operation == request.operation
                            || operation.replacen('.', ":", 1) == name)
                }
                Which::Chance(p) => seed.draw(&format!("{n} {name}"), *times) < *p,
            };
            hit.then_some(fault.kind)
        })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Before => "before",
            Self::After => "after",
            Self::HoldBefore => "hold-before",
            Self::HoldAfter => "hold-after",
            Self::Throttle => "throttle",
            Self::Error500 => "500",
            Self::Error503 => "503",
            Self::Slow(_) => "slow",
            Self::Expired => "expired",
        };
        f.write_str(name)
    }
}
