//! Who else may open connections: rules of security groups that the user asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule that lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ingress {
    /// The port that may be connected to.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// The protocol: `tcp` or `udp`.
    #[serde(default)]
    pub protocol: Protocol,
    /// Who may connect: a range of IPv4 addresses such as `10.99.0.0/16`, a security group (`sg-…`) or a prefix list (`pl-…`).
    pub from: String,
    /// What it is for: up to 255 characters.
    #[serde(default)]
    pub description: String,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

impl Protocol {
    /// The name that EC2 has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
