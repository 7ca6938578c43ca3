//! The lock of an environment: one row in a table, a lease that a heartbeat keeps alive, and a fence
//! number that only grows.
//!
//! Every write compares the row's version nonce (`rvn`) with the one last seen, and every write puts
//! a fresh one. So an answer may be lost and a request delivered twice, late or never: the row tells
//! whether a write has landed, and no write lands twice.
//!
//! Nobody compares clocks across machines. A challenger takes a held lock over only after it has
//! watched one and the same nonce for a whole lease on its own monotonic clock. The holder counts
//! from the moment before it sent its last good beat, by the larger of monotonic and wall time
//! (monotonic clocks stop while a laptop sleeps), and stops a margin earlier. What remains is the one
//! call that was past its check when the lease ran out.

mod acquire;
mod held;
mod holder;
mod lease;
mod row;
#[cfg(test)]
mod simulation;
mod time;

pub use acquire::{Options, acquire, acquire_unattended, force, show};
pub use held::{Held, Refusal};
pub use holder::Holder;
pub use lease::{Heartbeat, Lease};
pub use row::{Answer, Claim, LockTable, Row, Write};
pub use time::{Moment, Time};

use std::time::Duration;

/// How long a silent holder keeps the lock.
pub const LEASE: Duration = Duration::from_secs(30);

/// How often a holder gives a sign of life, as a fraction of the lease.
const BEATS_PER_LEASE: u32 = 3;

/// How much earlier than its challengers a holder calls its lease over, as a fraction of the lease:
/// room for clocks that run at slightly different speeds.
const MARGINS_PER_LEASE: u32 = 6;
