//! An environment, as its files describe it: every value decided, by the user or by a default.
//!
//! These types are also the JSON Schema: names, defaults and bounds are here and nowhere else, and a field's first
//! sentence is what the user reads in the editor and in a complaint.

mod account;
mod build;
mod ingress;
mod logs;
mod network;
mod overrides;
mod ownership;
mod seconds;
mod secret;
mod service;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use account::{Iam, StateStore};
pub use build::{Artifact, Build, NotOneBuild};
pub use ingress::{Ingress, Protocol};
pub use logs::{Delivery, Logs, RETENTIONS};
pub use network::{Carved, ExtraRoute, MAXIMUM_ZONES, Nat, Network, Side, Zones, carve};
pub use overrides::Override;
pub(crate) use overrides::reason_against;
pub use ownership::Exclusive;
pub use seconds::{NotSeconds, Seconds};
pub use secret::{Existing, Secret};
pub use service::{
    Architecture, Data, Health, Migration, Permission, Probe, Replicas, Route, Service,
};

/// One environment of one project: everything that `up` brings into being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The environment's name: the file's name without `.yaml`.
    #[serde(skip_deserializing, default)]
    #[schemars(skip)]
    pub name: String,
    /// The project's name. Part of every name, tag, state key and lock.
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(min = 2, max = 24))]
    pub project: String,
    /// The AWS region, such as `us-east-1`.
    #[schemars(regex(pattern = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// The AWS account, 12 digits in quotes. Left out, it is learnt at the first `up` and kept.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<String>,
    /// What the account asks of roles: `{ boundary: arn:aws:iam::123456789012:policy/boundary, path: /services/ }`.
    #[serde(default)]
    pub iam: Iam,
    /// Where the state and its lock are kept, such as `{ bucket: acme-states, table: acme-locks }`.
    #[serde(default)]
    pub state: StateStore,
    /// The network that everything runs in, such as `{ cidr: 10.20.0.0/16, zones: 2, nat: per-zone }`.
    #[serde(default)]
    pub network: Network,
    /// The services, by name. A name is lower-case letters, digits and hyphens.
    #[schemars(extend("minProperties" = 1, "propertyNames" = {"pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$", "maxLength": 24}))]
    pub services: BTreeMap<String, Service>,
    /// The secrets that services may use, by name: `given` (set with `secret set`), `{ generate: 32 }`, or one that exists: `{ arn: ... }`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$", "maxLength": 48}))]
    pub secrets: BTreeMap<String, Secret>,
    /// What happens to the services' logs: `{ retention: 30, mode: non-blocking, buffer: 25m }`.
    #[serde(default)]
    pub logs: Logs,
    /// The domain name that the services answer under, such as `api.example.com`. Left out, it is the load balancer's own.
    #[serde(default)]
    pub domain: Option<String>,
    /// How the load balancer treats connections and headers, and who else may connect: `{ idle: 60s, drop_invalid_headers: true }`.
    #[serde(default)]
    pub load_balancer: LoadBalancer,
    /// Whether the load balancer and what holds data refuse to be deleted: `true` or `false`.
    #[serde(default)]
    pub protect: bool,
    /// Tags for everything that is created, besides the tool's own: `{ team: payments }`.
    #[serde(default)]
    #[schemars(extend(
        "maxProperties" = 40,
        "propertyNames" = {"maxLength": 128},
        "additionalProperties" = {"type": ["string", "number", "boolean"], "maxLength": 256}
    ))]
    pub tags: BTreeMap<String, String>,
    /// Keys of tags that others set and nothing shall speak of, such as `[cost-center, "scanner:*"]`.
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 128)))]
    pub ignore_tags: Vec<String>,
    /// What nobody else may add to: of `routes`, `rules` and `tags`, those where an addition is a difference that `up` removes.
    #[serde(default)]
    pub exclusive: Vec<Exclusive>,
}

/// How the load balancer treats connections and headers, and who else may connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadBalancer {
    /// How long a connection may be silent, 1s to 4000s: longer than the longest poll or pause in a stream. A service must keep its idle connections open for longer than this.
    pub idle: Seconds,
    /// Whether headers with other characters than letters, digits and `-` are taken out of requests: `true` or `false`.
    pub drop_invalid_headers: bool,
    /// Who else may connect to it, besides everybody on port 80, such as `[{ port: 443, from: 10.99.0.0/16 }]`.
    pub ingress: Vec<Ingress>,
}

impl Default for LoadBalancer {
    fn default() -> Self {
        Self { idle: Seconds(60), drop_invalid_headers: true, ingress: Vec::new() }
    }
}
