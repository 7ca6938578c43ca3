//! IAM: roles that other services do not know yet, policies that cannot go. Sources: IAM User Guide ("Changes that I
//! make are not always immediately visible"), IAM API reference (error lists).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::durations::IAM_PROPAGATION;
use super::value::{list, text};
use crate::wire::Request;
use crate::wire::error::Fault;

/// One account's IAM; it has no Region.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// Role name to when it or its trust was last written.
    roles: BTreeMap<String, f64>,
    /// Policy ARN to its versions.
    versions: BTreeMap<String, BTreeSet<String>>,
    /// Services whose linked role exists.
    linked: BTreeSet<String>,
}

impl Identity {
    /// Whether other services do not know this role yet.
    pub(crate) fn fresh(&self, arn: &str, now: f64) -> bool {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        self.roles.get(name).is_some_and(|written| now < written + IAM_PROPAGATION)
    }

    pub(crate) fn role_names(&self) -> Vec<String> {
        self.roles.keys().cloned().collect()
    }

    pub(crate) fn has_linked_role(&self, service: &str) -> bool {
        self.linked.contains(service)
    }

    pub(crate) fn refuse(&self, request: &Request, now: f64) -> Option<Fault> {
        let p = &request.parameters;
        match request.operation.as_str() {
            "CreateRole" => {
                let name = text(p, "RoleName");
                if name.len() > 64 {
                    let message = "1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64";
                    return Some(Fault::refusal("ValidationError", message));
                }
                self.refuse_trust(text(p, "AssumeRolePolicyDocument"), &request.account, now)
            }
            "UpdateAssumeRolePolicy" => {
                self.refuse_trust(text(p, "PolicyDocument"), &request.account, now)
            }
            "DeletePolicy" => {
                let versions = self.versions.get(text(p, "PolicyArn"))?;
                (versions.len() > 1).then(|| {
                    let message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
                    Fault::refusal("DeleteConflict", message).with_status(409)
                })
            }
            _ => None,
        }
    }

    fn refuse_trust(&self, document: &str, account: &str, now: f64) -> Option<Fault> {
        let malformed = |message: String| Some(Fault::refusal("MalformedPolicyDocument", message));
        let Ok(document) = serde_json::from_str::<Value>(document) else {
            return malformed("This policy contains invalid Json".into());
        };
        let statements = match &document["Statement"] {
            Value::Array(many) => many.clone(),
            one => vec![one.clone()],
        };
        let own = format!("arn:aws:iam::{account}:role/");
        for statement in statements {
            let principals = match &statement["Principal"]["AWS"] {
                Value::Array(many) => many.clone(),
                one => vec![one.clone()],
            };
            let unknown = |arn: &&str| {
                arn.strip_prefix(&own).is_some_and(|name| {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    self.roles.get(name).is_none_or(|written| now < written + IAM_PROPAGATION)
                })
            };
            if let Some(arn) = principals.iter().filter_map(Value::as_str).find(unknown) {
                return malformed(format!("Invalid principal in policy: \"AWS\":\"{arn}\""));
            }
        }
        None
    }

    pub(crate) fn learn(&mut self, request: &Request, answer: &Value, now: f64) {
        let p = &request.parameters;
        match request.operation.as_str() {
            "CreateRole" | "UpdateAssumeRolePolicy" => {
                self.roles.insert(text(p, "RoleName").to_owned(), now);
            }
            "DeleteRole" => {
                self.roles.remove(text(p, "RoleName"));
            }
            "CreateServiceLinkedRole" => {
                self.linked.insert(text(p, "AWSServiceName").to_owned());
            }
            "CreatePolicy" => {
                let arn = text(&answer["Policy"], "Arn").to_owned();
                self.versions.insert(arn, std::iter::once("v1".to_owned()).collect());
            }
            "CreatePolicyVersion" => {
                let version = text(&answer["PolicyVersion"], "VersionId").to_owned();
                self.versions.entry(text(p, "PolicyArn").to_owned()).or_default().insert(version);
            }
            "DeletePolicyVersion" => {
                if let Some(versions) = self.versions.get_mut(text(p, "PolicyArn")) {
                    versions.remove(text(p, "VersionId"));
                }
            }
            "DeletePolicy" => {
                self.versions.remove(text(p, "PolicyArn"));
            }
            _ => {}
        }
    }

    /// What other services say of a policy that names a role they do not know yet.
    pub(crate) fn refuse_consumer(&self, request: &Request, now: f64) -> Option<Fault> {
        let p = &request.parameters;
        let (document, code, message) = match (request.service.as_str(), request.operation.as_str())
        {
            ("ecr", "SetRepositoryPolicy") => (
                text(p, "policyText"),
                "InvalidParameterException",
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
            ),
            ("secretsmanager", "PutResourcePolicy") => (
                text(p, "ResourcePolicy"),
                "MalformedPolicyDocumentException",
                "This resource policy contains an unsupported principal.",
            ),
            ("s3", "PutBucketPolicy") => {
                (text(p, "Policy"), "MalformedPolicy", "Invalid principal in policy")
            }
            ("application-autoscaling", "RegisterScalableTarget") => {
                let arn = text(p, "RoleARN");
                return self.fresh(arn, now).then(|| {
                    Fault::refusal(
                        "ValidationException",
                        format!("Unable to assume IAM role: {arn}"),
                    )
                });
            }
            _ => return None,
        };
        let policy: Value = serde_json::from_str(document).ok()?;
        let named = list(&policy, "Statement").iter().flat_map(|s| match &s["Principal"]["AWS"] {
            Value::Array(many) => many.clone(),
            one => vec![one.clone()],
        });
        let unknown =
            named.into_iter().any(|arn| arn.as_str().is_some_and(|arn| self.fresh(arn, now)));
        unknown.then(|| Fault::refusal(code, message))
    }
}
