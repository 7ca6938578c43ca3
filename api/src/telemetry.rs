//! What the service tells about itself: log lines, metrics, traces.

pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod trace;
