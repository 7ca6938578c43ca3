//! A secret: one of ours, or one that exists already.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a secret's value comes from. The value itself is never in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Set by a person with `secret set`.
    Given,
    /// Made once, at random, with this many characters.
    Generate(u8),
    /// Exists in AWS. The tool reads where it is, and never creates, changes or deletes it.
    Existing(Existing),
}

/// A secret of Secrets Manager that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    pub arn: String,
    /// The member to take of the JSON object that its value is.
    pub key: Option<String>,
    /// The ARN of the customer managed key that it is encrypted with.
    pub kms: Option<String>,
}

impl Secret {
    /// The secret that exists already, if it is one.
    #[must_use]
    pub fn existing(&self) -> Option<&Existing> {
        match self {
            Self::Existing(existing) => Some(existing),
            Self::Given | Self::Generate(_) => None,
        }
    }
}

const GIVEN: &str = "given";

/// The long form, as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    generate: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms: Option<String>,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = serde_json::Value::deserialize(deserializer)?;
        if value == GIVEN {
            return Ok(Self::Given);
        }
        let fields: Fields = serde_json::from_value(value).map_err(D::Error::custom)?;
        let Fields { generate, arn, key, kms } = fields;
        match (generate, arn, key, kms) {
            (Some(length), None, None, None) => Ok(Self::Generate(length)),
            (None, Some(arn), key, kms) => Ok(Self::Existing(Existing { arn, key, kms })),
            _ => Err(D::Error::custom("a secret has either `generate` or `arn`")),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = match self {
            Self::Given => return serializer.serialize_str(GIVEN),
            Self::Generate(length) => Fields { generate: Some(*length), ..Fields::default() },
            Self::Existing(Existing { arn, key, kms }) => Fields {
                generate: None,
                arn: Some(arn.clone()),
                key: key.clone(),
                kms: kms.clone(),
            },
        };
        fields.serialize(serializer)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where a secret's value comes from: `given`, `{ generate: 32 }`, or for one that exists already `{ arn: ..., key: password }`. The value itself is never in a file.",
            "anyOf": [
                { "const": GIVEN, "description": "Set by a person with `secret set`.", "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "generate": {
                            "type": "integer", "minimum": 16, "maximum": 128,
                            "description": "Made once, at random, with this many characters."
                        },
                        "arn": {
                            "type": "string", "pattern": "^arn:[a-z-]+:secretsmanager:",
                            "description": "The full ARN of a secret that exists in Secrets Manager. It is only read."
                        },
                        "key": {
                            "type": "string", "minLength": 1,
                            "description": "The member to take when the secret of `arn` is a JSON object, such as `password`."
                        },
                        "kms": {
                            "type": "string", "pattern": "^arn:[a-z-]+:kms:",
                            "description": "The ARN of the customer managed KMS key that the existing secret is encrypted with."
                        }
                    },
                    "additionalProperties": false
                }
            ]
        })
    }
}
