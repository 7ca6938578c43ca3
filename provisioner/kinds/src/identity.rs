//! Roles and what they may do.

use std::collections::BTreeSet;

use engine::{Input, Pace, Replace, Reset, Resource};
use serde::{Deserialize, Serialize};
use serde_json::json;

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

    /// A boundary that the file no longer names is taken off.
    fn reset(path: &str) -> Reset {
        match path {
            "boundary" => Reset::Send(json!("")),
            _ => Reset::Omit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state of before there were paths and boundaries.
    #[test]
    fn an_old_role_is_read() {
        let role: Role = serde_json::from_value(json!({
            "name": "shop-prod-eu-west-1-api-task", "description": "", "trust": {},
            "managed": [], "inline": [], "tags": [],
        }))
        .unwrap();
        assert_eq!((role.path.as_str(), role.boundary), ("/", None));
    }
}
