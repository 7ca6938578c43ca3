//! Roles and what they may do.

use std::collections::BTreeSet;

use engine::{Input, Pace, Replace, Resource};
use serde::{Deserialize, Serialize};

use crate::{Policy, Tags};

/// An IAM role with exactly these policies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// At most 64 characters.
    pub name: String,
    /// `/`, or what the account asks for: `/services/`.
    #[serde(default = "root")]
    pub path: String,
    /// The ARN of the policy that bounds what the role may do; an empty one takes it off. `None` leaves
    /// whatever an organisation has put there, or was not told.
    #[serde(default)]
    pub boundary: Option<String>,
    pub description: String,
    /// Who may assume it.
    pub trust: Policy,
    /// ARNs of managed policies.
    pub managed: BTreeSet<String>,
    /// In the order of their names.
    pub inline: Vec<InlinePolicy>,
    pub tags: Tags,
}

fn root() -> String {
    "/".into()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InlinePolicy {
    pub name: String,
    pub document: Policy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleOutputs {
    pub arn: Input,
    pub name: Input,
}

impl Resource for Role {
    const KIND: &'static str = "role";
    const IMMUTABLE: &'static [&'static str] = &["name", "path"];
    // With another path comes another name.
    const REPLACE: Replace = Replace::CreateFirst;
    const STABLE: bool = true;
    const EXACT: &'static [&'static str] = &["trust", "inline"];
    const PACE: Pace = Pace::seconds(2, 1, 60);
    type Outputs = RoleOutputs;
}
