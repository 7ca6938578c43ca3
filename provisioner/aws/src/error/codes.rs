//! Error codes and what they mean.
//!
//! Codes are those on the wire, which differ from the SDK's type names (`TargetGroupNotFound`, not
//! `TargetGroupNotFoundException`). Sources: the API references' lists of errors, and the codes that
//! the Terraform AWS provider repeats its calls on.

use engine::Class;

/// What a code means, without knowing the answer that it came in.
pub(super) fn of_code(operation: &str, code: &str, message: &str) -> Option<Class> {
    let matches = |row: &&Text| {
        operation.starts_with(row.0) && code.starts_with(row.1) && message.contains(row.2)
    };
    if let Some(Text(.., class)) = TEXTS.iter().find(matches) {
        return Some(*class);
    }
    if let Some((class, _)) = CODES.iter().find(|(_, codes)| codes.contains(&code)) {
        return Some(*class);
    }
    let quota = code.contains("LimitExceeded")
        || code.contains("QuotaExceeded")
        || code.starts_with("TooMany");
    match code {
        _ if is_absent(code) => Some(Class::Absent),
        _ if code.contains("AlreadyExists") => Some(Class::Exists),
        _ if quota => Some(Class::Quota),
        _ => None,
    }
}

/// `InvalidVpcID.NotFound`, `TargetGroupNotFound`, `RepositoryNotFoundException`, `NoSuchEntity`.
fn is_absent(code: &str) -> bool {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    code.ends_with("NotFound") || code.starts_with("NoSuch")
}

/// Operation and code (or how they begin), a part of the message, and what they mean together.
struct Text(&'static str, &'static str, &'static str, Class);

/// Where the code alone does not tell. The first that matches wins.
const TEXTS: &[Text] = &[
    // A role or policy that other services do not know yet: each says so in its own words.
    Text("iam:", "MalformedPolicyDocument", "Invalid principal in policy", Class::Propagating),
    Text("", "MalformedPolicy", "Invalid principal in policy", Class::Propagating),
    Text("", "", "nable to assume the service linked role", Class::Propagating),
    Text("", "", "nable to assume IAM role", Class::Propagating),
    Text("", "", "nable to assume the role", Class::Propagating),
    Text("", "", "Role is not valid", Class::Propagating),
    Text("", "", "verify that the ECS service role being passed", Class::Propagating),
    Text("ecs:", "", "does not have an associated load balancer", Class::Propagating),
    Text("ecs:", "", "Creation of service was not idempotent", Class::Exists),
    Text("ecs:", "ClientException", "Cluster was not ACTIVE", Class::Blocked),
    Text("ecs:", "", "cannot be stopped while deployments are active", Class::Blocked),
    Text("ecs:", "", "while the service is draining", Class::Blocked),
    Text("ecs:", "", "Unable to Start a service that is still Draining", Class::Blocked),
    Text("ecs:", "", "has a dependent object", Class::Blocked),
    Text("ecs:DescribeTaskDefinition", "ClientException", "", Class::Absent),
    Text("ecs:", "ServiceNotActiveException", "", Class::Absent),
    Text("application-autoscaling:", "", "ECS service doesn't exist", Class::Propagating),
    Text("application-autoscaling:", "FailedResourceAccess", "", Class::Propagating),
    Text("application-autoscaling:PutScalingPolicy", "ObjectNotFound", "", Class::Propagating),
    Text("logs:PutRetentionPolicy", "AccessDenied", "no identity-based policy", Class::Propagating),
    Text(
        "ecr:SetRepositoryPolicy",
        "InvalidParameter",
        "Invalid repository policy",
        Class::Propagating,
    ),
    // A gateway that was attached a moment ago.
    Text("elasticloadbalancing:", "InvalidSubnet", "no internet gateway", Class::Propagating),
    // An account that AWS has not cleared for load balancers: nothing that passes.
    Text("elasticloadbalancing:Create", "OperationNotPermitted", "", Class::Denied),
    Text("elasticloadbalancing:", "CertificateNotFound", "", Class::Propagating),
    Text("iam:CreateServiceLinkedRole", "InvalidInput", "has been taken", Class::Exists),
    // A name that a deleted secret still holds.
    Text("secretsmanager:", "InvalidRequest", "scheduled for deletion", Class::Exists),
    Text("secretsmanager:", "InvalidRequest", "was deleted", Class::Blocked),
    // An address whose association belongs to a NAT gateway or a load balancer.
    Text("ec2:ReleaseAddress", "AuthFailure", "", Class::Blocked),
    Text("ec2:DisassociateAddress", "AuthFailure", "", Class::Blocked),
    Text("ec2:DetachInternetGateway", "Gateway.NotAttached", "", Class::Absent),
    Text("ec2:", "AuthFailure", "not authorized", Class::Denied),
    // The table is there, or busy with another change.
    Text("dynamodb:CreateTable", "ResourceInUseException", "", Class::Exists),
    Text("dynamodb:", "LimitExceededException", "simultaneously", Class::Throttled),
    Text("", "", "Rate exceeded", Class::Throttled),
];

/// What a code means wherever it appears.
const CODES: &[(Class, &[&str])] = &[
    (
        Class::Throttled,
        &[
            "BandwidthLimitExceeded",
            "ConcurrentModification",
            "ConcurrentUpdateException",
            "EC2ThrottledException",
            "LimitExceededException.Throttling",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ],
    ),
    (
        Class::Absent,
        &[
            "ClusterNotFoundException",
            "NatGatewayNotFound",
            "NotFound",
            "ObjectNotFoundException",
            "ResourceNotFound",
            "ResourceNotFoundException",
        ],
    ),
    (
        Class::Exists,
        &[
            "BucketAlreadyOwnedByYou",
            "DuplicateListener",
            "DuplicateLoadBalancerName",
            "DuplicateTargetGroupName",
            "EntityAlreadyExists",
            "InvalidGroup.Duplicate",
            "InvalidPermission.Duplicate",
            "InvalidSubnet.Conflict",
            "PriorityInUse",
            "Resource.AlreadyAssociated",
            "ResourceExistsException",
        ],
    ),
    (
        Class::Blocked,
        &[
            "BucketNotEmpty",
            "ClusterContainsContainerInstancesException",
            "ClusterContainsServicesException",
            "ClusterContainsTasksException",
            "CannotDelete",
            "ContinuousBackupsUnavailableException",
            "DeleteConflict",
            "DependencyViolation",
            "InvalidGroup.InUse",
            "InvalidIPAddress.InUse",
            "OperationAborted",
            "OperationAbortedException",
            "OperationNotPermitted",
            "RepositoryNotEmptyException",
            "ResourceInUse",
            "ResourceInUseException",
            "UpdateInProgressException",
        ],
    ),
    (Class::Propagating, &["IncorrectState", "IncorrectInstanceState"]),
    (
        Class::Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "AllAccessDisabled",
            "Blocked",
            "OptInRequired",
            "SubscriptionRequiredException",
            "UnauthorizedAccess",
            "UnauthorizedOperation",
        ],
    ),
    (
        Class::Credentials,
        &[
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "TokenRefreshRequired",
            "UnrecognizedClientException",
        ],
    ),
    (Class::Quota, &["LimitExceeded", "LimitExceededException", "ServiceQuotaExceededException"]),
    (Class::Foreign, &["BucketAlreadyExists"]),
    (
        Class::State,
        &["ConditionalCheckFailedException", "ConditionalRequestConflict", "PreconditionFailed"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_decides_where_the_code_does_not() {
        for (operation, code, message, class) in [
            (
                "elasticloadbalancing:CreateLoadBalancer",
                "OperationNotPermitted",
                "This AWS account currently does not support creating load balancers.",
                Class::Denied,
            ),
            (
                "elasticloadbalancing:DeleteLoadBalancer",
                "OperationNotPermitted",
                "Load balancer 'x' cannot be deleted because deletion protection is enabled",
                Class::Blocked,
            ),
            (
                "elasticloadbalancing:CreateLoadBalancer",
                "InvalidSubnet",
                "VPC vpc-1 has no internet gateway",
                Class::Propagating,
            ),
            (
                "iam:CreateRole",
                "MalformedPolicyDocument",
                "Invalid principal in policy: \"AWS\":\"arn\"",
                Class::Propagating,
            ),
            (
                "ecs:CreateService",
                "InvalidParameterException",
                "The target group with targetGroupArn x does not have an associated load balancer.",
                Class::Propagating,
            ),
            (
                "ecs:CreateService",
                "InvalidParameterException",
                "Creation of service was not idempotent.",
                Class::Exists,
            ),
            (
                "secretsmanager:CreateSecret",
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled \
                 for deletion.",
                Class::Exists,
            ),
            (
                "dynamodb:CreateTable",
                "ResourceInUseException",
                "Table already exists",
                Class::Exists,
            ),
            ("dynamodb:DeleteTable", "ResourceInUseException", "being updated", Class::Blocked),
            ("elasticloadbalancing:CreateRule", "TooManyRules", "", Class::Quota),
            ("ecs:DescribeServices", "TooManyRequestsException", "", Class::Throttled),
            ("s3:PutObject", "SlowDown", "Please reduce your request rate.", Class::Throttled),
        ] {
            assert_eq!(of_code(operation, code, message), Some(class), "{operation} {code}");
        }
        assert_eq!(of_code("ec2:CreateVpc", "InvalidParameterValue", "wrong"), None);
    }
}
