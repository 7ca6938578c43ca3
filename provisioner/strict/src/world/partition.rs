//! Policies whose resources are in another partition than the account. Sources: anomalyco/sst issue 5076 and
//! cloudposse/terraform-aws-cloudtrail-s3-bucket issue 22 (S3: `MalformedPolicy: Policy has invalid resource`);
//! gardener/gardener-extension-provider-aws issue 766 (IAM: `Partition "aws" is not valid for resource`).

use serde_json::Value;

use super::value::{list, text};
use crate::wire::Request;
use crate::wire::error::Fault;

/// The partition of a Region (AWS General Reference, "Amazon Resource Names").
pub(crate) fn of_region(region: &str) -> &'static str {
    let parts: Vec<&str> = region.split('-').collect();
    match parts.as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov", ..] => "aws-us-gov",
        ["us", "iso", ..] => "aws-iso",
        ["us", "isob", ..] => "aws-iso-b",
        ["eu", "isoe", ..] => "aws-iso-e",
        ["us", "isof", ..] => "aws-iso-f",
        ["eusc", ..] => "aws-eusc",
        _ => "aws",
    }
}

pub(crate) fn refuse(request: &Request) -> Option<Fault> {
    let p = &request.parameters;
    let document = match (request.service.as_str(), request.operation.as_str()) {
        ("iam", "PutRolePolicy" | "CreatePolicy" | "CreatePolicyVersion") => {
            text(p, "PolicyDocument")
        }
        ("s3", "PutBucketPolicy") => text(p, "Policy"),
        _ => return None,
    };
    let policy: Value = serde_json::from_str(document).ok()?;
    let statements = match &policy["Statement"] {
        Value::Object(_) => std::slice::from_ref(&policy["Statement"]),
        _ => list(&policy, "Statement"),
    };
    let resources = statements.iter().flat_map(|one| match &one["Resource"] {
        Value::String(_) => std::slice::from_ref(&one["Resource"]),
        _ => list(one, "Resource"),
    });
    let own = of_region(&request.region);
    let foreign = resources.filter_map(Value::as_str).find_map(|arn| {
        let partition = arn.strip_prefix("arn:")?.split(':').next()?;
        (partition != own && partition != "*").then_some((partition, arn))
    });
    let (partition, arn) = foreign?;
    Some(match request.service.as_str() {
        "s3" => Fault::refusal("MalformedPolicy", "Policy has invalid resource"),
        _ => {
            let message = format!("Partition \"{partition}\" is not valid for resource \"{arn}\".");
            Fault::refusal("MalformedPolicyDocument", message)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::Protocol;

    fn refused(service: &str, operation: &str, region: &str, arn: &str) -> bool {
        let statement = json!({"Effect": "Deny", "Action": "s3:*", "Resource": [arn, "*"]});
        for statement in [statement.clone(), json!([statement])] {
            let policy = json!({"Statement": statement}).to_string();
            let request = Request {
                protocol: Protocol::Query,
                service: service.into(),
                operation: operation.into(),
                parameters: json!({"Policy": policy, "PolicyDocument": policy}),
                account: "123456789012".into(),
                region: region.into(),
                principal: "key".into(),
            };
            if refuse(&request).is_some() {
                return true;
            }
        }
        false
    }

    #[test]
    fn a_policy_is_of_its_own_partition() {
        for (region, own) in [
            ("eu-west-1", "aws"),
            ("us-gov-west-1", "aws-us-gov"),
            ("cn-north-1", "aws-cn"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            for (service, operation) in [("s3", "PutBucketPolicy"), ("iam", "PutRolePolicy")] {
                let of = |partition| format!("arn:{partition}:s3:::states/*");
                assert!(!refused(service, operation, region, &of(own)), "{region}");
                let other = if own == "aws" { "aws-cn" } else { "aws" };
                assert!(refused(service, operation, region, &of(other)), "{region}");
            }
            assert!(!refused("s3", "PutObject", region, "arn:aws-iso:s3:::x"));
        }
    }
}
