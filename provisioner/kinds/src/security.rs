//! Security groups, and their rules as a set of its own: so groups may refer to each other without a
//! cycle.

use std::collections::BTreeSet;

use engine::{Input, Pace, Replace, Resource, Shared, TakesAway};
use serde::{Deserialize, Serialize};

use crate::Tags;
use crate::network::IdOutputs;

/// A security group without its rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub vpc: Input,
    pub name: String,
    /// No apostrophes or accents: EC2 refuses them.
    pub description: String,
    pub tags: Tags,
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "security-group";
    const IMMUTABLE: &'static [&'static str] = &["vpc", "name"];
    // EC2 cannot reword one, and other words are no reason to replace a group in use.
    const CREATE_ONLY: &'static [&'static str] = &["description"];
    const REPLACE: Replace = Replace::CreateFirst;
    const READS: u32 = 3;
    const PACE: Pace = Pace::seconds(1, 1, 300);
    type Outputs = IdOutputs;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Ingress,
    Egress,
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, or `-1` for everything.
    pub protocol: String,
    /// First and last port; -1 and -1 for everything.
    pub from: i32,
    pub to: i32,
    /// A CIDR block, a security group's id or a prefix list's.
    pub peer: Input,
    /// May be empty.
    pub description: String,
}

impl Rule {
    /// Whether both allow the same: EC2 tells rules apart by everything but their descriptions.
    #[must_use]
    pub fn allows_the_same(&self, other: &Self) -> bool {
        let allowed = |rule: &Self| (rule.direction, rule.protocol.clone(), rule.from, rule.to);
        allowed(self) == allowed(other) && self.peer == other.peer
    }
}

/// The rules of one group, both directions. Known by the group's id; a group without any rule has no
/// set of rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRules {
    pub group: Input,
    pub rules: BTreeSet<Rule>,
}

impl Resource for SecurityGroupRules {
    const KIND: &'static str = "security-group-rules";
    const IMMUTABLE: &'static [&'static str] = &["group"];
    // EC2 gives a new group a rule that lets everything out.
    const SHARED: &'static [Shared] =
        &[Shared::with_defaults("rules", &["direction", "protocol", "from", "to", "peer"])];
    // Running tasks are reached by the old rules until the new ones have taken their place.
    const TAKES_AWAY: TakesAway = TakesAway::Last;
    const READS: u32 = 2;
    const PACE: Pace = Pace::QUICK;
    type Outputs = IdOutputs;

    fn meanwhile(&self, seen: &Self) -> Self {
        let mut both = self.clone();
        let old =
            seen.rules.iter().filter(|old| !self.rules.iter().any(|new| new.allows_the_same(old)));
        both.rules.extend(old.cloned());
        both
    }
}
