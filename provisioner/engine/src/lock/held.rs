//! Why a lock could not be had.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::row::{Claim, Row};
use crate::error::{Class, Error};

/// Somebody else has the lock.
#[derive(Clone, Debug)]
pub struct Held {
    /// The environment's key.
    pub key: String,
    pub fence: u64,
    pub claim: Claim,
    /// How long this process has seen no sign of life from the holder.
    pub silent: Duration,
    /// This process's time of day, to say how long ago things were.
    pub now: Timestamp,
}

impl Held {
    pub(super) fn new(
        key: &str,
        row: &Row,
        claim: &Claim,
        silent: Duration,
        now: Timestamp,
    ) -> Self {
        Self { key: key.into(), fence: row.fence, claim: claim.clone(), silent, now }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Claim { holder, beat, lease, .. } = &self.claim;
        writeln!(
            f,
            "{} is locked by {}@{} (pid {}), running `{}` since {:.0} ({} ago)",
            self.key,
            holder.who,
            holder.host,
            holder.pid,
            holder.operation,
            holder.started,
            ago(self.now, holder.started),
        )?;
        writeln!(
            f,
            "last sign of life {} ago, by the clocks of both machines",
            ago(self.now, *beat)
        )?;
        if let Some(run) = &holder.run {
            writeln!(f, "its run: {run}")?;
        }
        write!(
            f,
            "wait for it with `--wait 10m`: a dead holder loses the lock {} s after its last sign of \
             life; to break the lock of one that is certainly dead: `unlock --fence {}`",
            lease.as_secs(),
            self.fence,
        )
    }
}

fn ago(now: Timestamp, then: Timestamp) -> String {
    let age = now.duration_since(then).max(SignedDuration::ZERO);
    let seconds = age.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// Why [`super::acquire`] has no lease to give.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Held(Box<Held>),
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Held(held) => Self::new(Class::Blocked, held.to_string()),
            Refusal::Failed(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Holder;

    #[test]
    fn says_who_where_what_since_when_and_what_to_do() {
        let now: Timestamp = "2026-11-21T10:20:00Z".parse().unwrap();
        let started: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let holder = Holder {
            who: "anna".into(),
            host: "laptop".into(),
            pid: 42,
            operation: "up".into(),
            started,
            run: Some("https://github.com/acme/shop/actions/runs/77".into()),
        };
        let claim = Claim {
            owner: "o".into(),
            lease: Duration::from_secs(30),
            holder,
            beat: "2026-11-21T10:19:48Z".parse().unwrap(),
        };
        let row = Row { fence: 7, rvn: "r".into(), claim: None };
        let text = Held::new("shop/prod", &row, &claim, Duration::ZERO, now).to_string();
        for part in [
            "shop/prod is locked by anna@laptop (pid 42), running `up` since 2026-11-21T10:00:00Z (20 min ago)",
            "last sign of life 12 s ago",
            "actions/runs/77",
            "--wait 10m",
            "30 s after",
            "unlock --fence 7",
        ] {
            assert!(text.contains(part), "{part} is missing from: {text}");
        }
    }
}
