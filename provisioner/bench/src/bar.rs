//! The bar: Terraform 1.11 with hashicorp/aws 5.46 on the same stack, MiniStack, 30 ms a call, 2 cores; and how much of
//! it ours may take.

use crate::Round;

/// One figure.
pub(crate) struct Bar {
    pub(crate) services: usize,
    pub(crate) what: &'static str,
    /// Terraform's.
    pub(crate) theirs: f64,
    /// The part of it that ours may be; none where nothing was promised.
    pub(crate) part: Option<f64>,
    pub(crate) unit: Unit,
    pub(crate) ours: fn(&Round) -> f64,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Calls,
    Seconds,
    Megabytes,
}

/// Terraform with its provider on disk, in megabytes.
pub(crate) const DISK: f64 = 584.0;

/// Our binary's megabytes, at most.
pub(crate) const BINARY: f64 = 25.0;

/// The no-change plan, `up` from nothing and `destroy`, for 1 and for 10 services.
pub(crate) fn bars() -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut row = |what, unit, part, theirs: [f64; 2], ours: fn(&Round) -> f64| {
        for (services, theirs) in [1, 10].into_iter().zip(theirs) {
            bars.push(Bar { services, what, theirs, part, unit, ours });
        }
    };
    row("up: mutating calls", Unit::Calls, Some(1.0), [57.0, 193.0], |it| count(it.up.mutating()));
    row("up: calls", Unit::Calls, None, [166.0, 575.0], |it| count(it.up.total()));
    row("up: wall", Unit::Seconds, Some(0.1), [86.0, 88.0], |it| it.up.wall.as_secs_f64());
    row("plan: wall", Unit::Seconds, Some(0.05), [4.1, 6.1], |it| it.plan.wall.as_secs_f64());
    row("plan: memory", Unit::Megabytes, Some(0.1), [837.0, 846.0], |it| megabytes(it.plan.memory));
    row("destroy: mutating calls", Unit::Calls, None, [43.0, 161.0], |it| {
        count(it.destroy.mutating())
    });
    row("destroy: calls", Unit::Calls, None, [149.0, 566.0], |it| count(it.destroy.total()));
    row("destroy: wall", Unit::Seconds, Some(1.0 / 3.0), [17.0, 21.0], |it| {
        it.destroy.wall.as_secs_f64()
    });
    // Half of the calls with one service, a quarter with ten.
    for (services, theirs, part) in [(1, 62.0, 0.5), (10, 280.0, 0.25)] {
        let (what, unit) = ("plan: calls", Unit::Calls);
        let ours: fn(&Round) -> f64 = |it| count(it.plan.comparable());
        bars.push(Bar { services, what, theirs, part: Some(part), unit, ours });
        let (what, ours): (_, fn(&Round) -> f64) =
            ("plan: calls, with state and autoscaling", |it| count(it.plan.total()));
        bars.push(Bar { services, what, theirs, part: None, unit, ours });
    }
    bars.sort_by_key(|bar| bar.services);
    bars
}

#[expect(clippy::cast_precision_loss, reason = "nobody makes that many calls")]
const fn count(calls: usize) -> f64 {
    calls as f64
}

#[expect(clippy::cast_precision_loss, reason = "nobody has that much memory")]
pub(crate) const fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
