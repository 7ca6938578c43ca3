//! What an account asks of what is made in it: the rules for roles, and where states are kept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pattern of an IAM policy's ARN, AWS's own policies among them.
pub(super) const POLICY: &str = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$";

/// What the account asks of roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Iam {
    /// The ARN of the policy that bounds what every role may do: `arn:aws:iam::123456789012:policy/boundary`.
    #[schemars(regex(pattern = POLICY))]
    pub boundary: Option<String>,
    /// The path of every role, such as `/services/`.
    #[schemars(regex(pattern = r"^/([!-~]+/)?$"), length(max = 64))]
    pub path: String,
}

impl Default for Iam {
    fn default() -> Self {
        Self { boundary: None, path: "/".into() }
    }
}

/// Where states and locks are kept, for all environments that say the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateStore {
    /// The bucket's name. Left out, it is `provisioner-state-<account>-<region>`.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: Option<String>,
    /// The lock table's name. Left out, it is `provisioner-locks`.
    #[schemars(length(min = 3, max = 255))]
    pub table: Option<String>,
    /// The ARN of the KMS key that encrypts both: `arn:aws:kms:us-east-1:123456789012:key/...`. Left out, it is S3's and DynamoDB's own.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$"))]
    pub kms: Option<String>,
    /// Tags for the bucket and the table, such as `{ team: platform }`.
    #[schemars(extend(
        "maxProperties" = 40,
        "propertyNames" = {"maxLength": 128},
        "additionalProperties" = {"type": ["string", "number", "boolean"], "maxLength": 256}
    ))]
    pub tags: BTreeMap<String, String>,
}
