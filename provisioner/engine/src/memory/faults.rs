//! What goes wrong, and when.

/// What goes wrong, counted over mutating calls and saves, from zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The process dies before this call has its effect.
    pub crash_before: Option<usize>,
    /// The process dies after this call had its effect and before the answer.
    pub crash_after: Option<usize>,
    /// This call has its effect and its answer is lost.
    pub lose_answer: Option<usize>,
    /// This call is refused for its rate.
    pub throttle: Option<usize>,
    /// How many looks everything new stays invisible, then pending, and everything deleted leaving.
    pub slow: u32,
}

/// How a call goes on.
pub(super) enum Fate {
    Normal,
    Dies,
    DiesAfter,
    LosesAnswer,
    Throttled,
}

/// One life of the process that talks to the cloud.
#[derive(Clone, Default)]
pub(super) struct Life {
    pub(super) faults: Faults,
    pub(super) calls: usize,
    pub(super) dead: bool,
    pub(super) log: Vec<String>,
}

impl Life {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Counts a call and tells its fate; the dead do nothing any more.
    pub(super) fn fate(&mut self) -> Fate {
        let call = Some(self.calls);
        self.calls += 1;
        if self.dead || self.faults.crash_before == call {
            self.dead = true;
            return Fate::Dies;
        }
        if self.faults.crash_after == call {
            self.dead = true;
            return Fate::DiesAfter;
        }
        match call {
            call if self.faults.lose_answer == call => Fate::LosesAnswer,
            call if self.faults.throttle == call => Fate::Throttled,
            _ => Fate::Normal,
        }
    }
}
