//! What others may add to the environment's resources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set whose elements the environment's files alone decide: an element that somebody else adds is a difference.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Exclusive {
    /// The routes of the route tables.
    Routes,
    /// The rules of the security groups and of the listeners.
    Rules,
    /// The tags of everything.
    Tags,
}
