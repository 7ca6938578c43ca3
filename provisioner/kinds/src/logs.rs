//! Where tasks write.

use engine::{Input, Resource};
use serde::{Deserialize, Serialize};

use crate::Tags;

/// A CloudWatch Logs group. Must exist before the first task and outlive the last one: a late writer
/// brings it back without retention and without tags.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroup {
    pub name: String,
    /// Days; seen as 0 when events never expire.
    pub retention: u32,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroupOutputs {
    pub name: Input,
    /// Without the trailing `:*`.
    pub arn: Input,
}

impl Resource for LogGroup {
    const KIND: &'static str = "log-group";
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const STABLE: bool = true;
    const INDEXED: bool = true;
    // The trace of who did what. Retention ends the events, not the end of a service.
    const PRECIOUS: bool = true;
    type Outputs = LogGroupOutputs;
}
