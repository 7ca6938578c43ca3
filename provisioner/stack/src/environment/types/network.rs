//! The network of an environment: its addresses, its zones, and its way out.

use std::borrow::Cow;
use std::fmt;

use ipnet::Ipv4Net;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// The network that everything runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The VPC's addresses: a private range from /16 to /28, such as `10.20.0.0/16`. It cannot be changed later.
    #[schemars(with = "String", regex(pattern = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"))]
    pub cidr: Ipv4Net,
    /// How many availability zones to spread over, or their names: `[us-east-1a, us-east-1b]`.
    pub zones: Zones,
    /// How tasks reach the internet: a NAT gateway `per-zone`, one `shared` by all zones, or `none`.
    pub nat: Nat,
    /// Routes beside the tool's own, such as `[{ destination: 10.99.0.0/16, target: pcx-0a1b2c3d }]`.
    pub routes: Vec<ExtraRoute>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            cidr: Ipv4Net::new_assert([10, 0, 0, 0].into(), 16),
            zones: Zones::Count(2),
            nat: Nat::PerZone,
            routes: Vec::new(),
        }
    }
}

impl Network {
    /// The subnets' addresses, for each zone in turn. None when the CIDR is too small, which no loaded environment is.
    #[must_use]
    pub fn carved(&self) -> Option<Vec<Carved>> {
        carve(self.cidr, self.zones.count())
    }

    /// Whether tasks run in the public subnets with public addresses, as they must when there is no NAT gateway.
    #[must_use]
    pub fn public_tasks(&self) -> bool {
        self.nat == Nat::None
    }
}

/// A route of the user's own: to a peered network, a transit gateway, a VPN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraRoute {
    /// Where the packets go: a range of IPv4 addresses outside the VPC, or a prefix list (`pl-…`).
    pub destination: String,
    /// The id of what they go through: a peering connection (`pcx-…`), transit gateway (`tgw-…`), VPN gateway (`vgw-…`), network interface (`eni-…`), Gateway Load Balancer endpoint (`vpce-…`), local gateway (`lgw-…`) or carrier gateway (`cagw-…`).
    pub target: String,
    /// Which subnets take this route: `private` or `public`. Left out, those that the tasks run in.
    #[serde(default)]
    pub subnets: Option<Side>,
}

/// The subnets of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The tasks', behind NAT gateways.
    Private,
    /// The load balancer's, and the tasks' when there is no NAT gateway.
    Public,
}

/// The zones to use: a number, from which `up` chooses once and remembers, or names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Zones {
    Count(u8),
    Named(Vec<String>),
}

impl Zones {
    /// How many zones.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => usize::from(*count),
            Self::Named(names) => names.len(),
        }
    }
}

/// How tasks reach the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// One NAT gateway in each zone: a zone's failure stays in that zone.
    PerZone,
    /// One NAT gateway for all zones: cheaper, and its zone's failure cuts all of them off.
    Shared,
    /// No NAT gateway: tasks run in the public subnets with public addresses of their own, closed to the outside.
    None,
}

/// The most zones that a network may have. The carving keeps room for all of them, so that adding a zone moves nothing.
pub const MAXIMUM_ZONES: usize = 4;

/// The two subnets of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carved {
    /// For the load balancer, the NAT gateway, and tasks when there is no NAT gateway.
    pub public: Ipv4Net,
    /// For tasks.
    pub private: Ipv4Net,
}

/// Carves a VPC's addresses into a public and a private subnet for each zone: eight equal parts, two for each of
/// [`MAXIMUM_ZONES`] zones. None when a part would be smaller than the /28 that AWS asks for, or for too many zones.
#[must_use]
pub fn carve(cidr: Ipv4Net, zones: usize) -> Option<Vec<Carved>> {
    let length = cidr.prefix_len().checked_add(3).filter(|length| *length <= 28)?;
    let mut parts = cidr.subnets(length).ok()?;
    let mut carved = Vec::new();
    while let (Some(private), Some(public)) = (parts.next(), parts.next()) {
        carved.push(Carved { public, private });
    }
    carved.truncate(zones);
    (carved.len() == zones).then_some(carved)
}

impl<'de> Deserialize<'de> for Zones {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountOrNames;

        impl<'de> Visitor<'de> for CountOrNames {
            type Value = Zones;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number of zones or a list of their names")
            }

            fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Zones, E> {
                u8::try_from(count).map(Zones::Count).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Zones, E> {
                u8::try_from(count).map(Zones::Count).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Zones, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(names)).map(Zones::Named)
            }
        }

        deserializer.deserialize_any(CountOrNames)
    }
}

impl JsonSchema for Zones {
    fn schema_name() -> Cow<'static, str> {
        "Zones".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": MAXIMUM_ZONES },
                {
                    "type": "array",
                    "items": { "type": "string", "pattern": "^[a-z]{2,3}(-[a-z]+)+-[0-9][a-z]$" },
                    "minItems": 1,
                    "maxItems": MAXIMUM_ZONES
                }
            ]
        })
    }
}
