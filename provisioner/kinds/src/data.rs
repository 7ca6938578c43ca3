//! Images and secrets.

use engine::{Input, Pace, Resource};
use serde::{Deserialize, Serialize};

use crate::{Policy, Tags};

/// A private ECR repository. Deleted with its images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Repository {
    pub name: String,
    /// A tag, once pushed, keeps its image.
    pub immutable_tags: bool,
    pub scan_on_push: bool,
    /// Which images expire.
    pub lifecycle: Policy,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepositoryOutputs {
    pub arn: Input,
    pub name: Input,
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub uri: Input,
}

impl Resource for Repository {
    const KIND: &'static str = "repository";
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const STABLE: bool = true;
    const INDEXED: bool = true;
    const EXACT: &'static [&'static str] = &["lifecycle"];
    // Without its images nothing can be rolled back.
    const PRECIOUS: bool = true;
    type Outputs = RepositoryOutputs;
}

/// Where a secret's first value comes from. The value itself is in no desired state, no plan and no
/// state: a generated one is made by the adapter inside the create call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum SecretValue {
    /// The user sets it with `provisioner secret set`, which may create the secret.
    Given,
    /// Random letters and digits.
    Generated { length: u32 },
}

/// A secret in Secrets Manager.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// 1 to 512 of `A-Za-z0-9/_+=.@-`.
    pub name: String,
    pub description: String,
    pub value: SecretValue,
    /// Waiting in its recovery window. Always desired to be `false`: it is restored then.
    pub scheduled_for_deletion: bool,
    /// Days in which a deleted one can be restored, 7 to 30; 0 deletes at once. Kept in a tag of the
    /// secret: AWS takes it with the delete call only, when nothing says any more what was desired.
    pub recovery_window: u32,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretOutputs {
    /// With AWS's random suffix: another one after every re-creation.
    pub arn: Input,
    /// The version id that is `AWSCURRENT`; empty while there is no value.
    pub version: Input,
}

impl Resource for Secret {
    const KIND: &'static str = "secret";
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const CREATE_ONLY: &'static [&'static str] = &["value"];
    const PRECIOUS: bool = true;
    const LOOKED_UP: bool = true;
    const PACE: Pace = Pace::seconds(1, 1, 60);
    type Outputs = SecretOutputs;
}
