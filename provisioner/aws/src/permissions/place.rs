//! Where an environment is and what its things are called: what its policies are filled in with.

use std::collections::BTreeSet;

use crate::backend::bootstrap::Backend;

/// Names and patterns of one environment in one account and Region.
#[derive(Clone, Debug)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov` and so on.
    pub partition: String,
    pub project: String,
    pub environment: String,
    /// The cluster's name, which the names of services and task definitions follow.
    pub cluster: String,
    pub load_balancer: String,
    /// What the names of all target groups begin with.
    pub target_groups: String,
    /// What the names of all roles begin with.
    pub roles: String,
    /// Environments whose images are copied.
    pub sources: Vec<Source>,
    /// The path of all roles: `/`.
    pub role_path: String,
    /// The policy that bounds all roles.
    pub boundary: Option<String>,
    /// Managed policies that roles get.
    pub managed: BTreeSet<String>,
    /// Roles that exist and that tasks get.
    pub passed: BTreeSet<String>,
    /// The ARNs of the secrets that exist already.
    pub secrets: Vec<String>,
    /// The ARNs of the repositories of ECR that the file's `image:`s name.
    pub images: Vec<String>,
    pub backend: Backend,
}

/// Another environment, of this account and Region or of others.
#[derive(Clone, Debug)]
pub struct Source {
    pub account: String,
    pub region: String,
    pub project: String,
    pub environment: String,
    /// The bucket with its releases.
    pub bucket: String,
}

impl Place {
    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    /// Of a service that knows no Regions.
    pub(super) fn global(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}::{}:{rest}", self.partition, self.account)
    }

    pub(super) fn bucket(&self, rest: &str) -> String {
        format!("arn:{}:s3:::{}{rest}", self.partition, self.backend.bucket)
    }

    /// `payments/prod`: in the names of repositories, secrets, state objects and locks.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.project, self.environment)
    }
}
