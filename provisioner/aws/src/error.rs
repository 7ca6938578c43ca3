//! The SDK's errors as the engine's: AWS's own code, message and request id, and what the failure
//! means for the next step.
//!
//! Codes are those on the wire, which differ from the SDK's type names (`TargetGroupNotFound`, not
//! `TargetGroupNotFoundException`). Sources: the API references' lists of errors, and the codes that
//! the Terraform AWS provider repeats its calls on.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use engine::{Class, Error};

use crate::emulated;

/// Turns a failed call into the engine's error. `operation` is written as in IAM policies:
/// `ec2:DeleteSubnet`.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub fn error<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let request = error.request_id().or_else(|| error.meta().request_id()).map(Into::into);
    let code = error.meta().code().map(str::to_owned);
    let message = error.meta().message().map(str::to_owned);
    let class = match &error {
        SdkError::ServiceError(context) => {
            of_answer(operation, context.raw(), code.as_deref(), message.as_deref())
        }
        SdkError::ResponseError(context) => of_answer(operation, context.raw(), None, None),
        SdkError::DispatchFailure(_) if never_sent(&error) => Class::Transient,
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
            unless_read(operation, Class::Lost)
        }
        _ => Class::Invalid,
    };
    let class = if lacks_credentials(&error) { Class::Credentials } else { class };
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let message = message.unwrap_or_else(|| match (class, status) {
        (Class::NotEmulated, _) => "the endpoint does not implement this operation".into(),
        (_, Some(status)) => format!("HTTP status {status} without an explanation"),
        (_, None) => root(&error),
    });
    Error { class, message, code, operation: Some(operation.into()), request }
}

/// A failure that came inside an answer of success: `DeleteVpcEndpoints` and ECS do so.
pub(crate) fn refusal(operation: &'static str, code: Option<&str>, message: Option<&str>) -> Error {
    let (known, text) = (code.unwrap_or_default(), message.unwrap_or_default());
    Error {
        class: of_code(operation, known, text).unwrap_or(Class::Invalid),
        message: text.into(),
        code: code.map(Into::into),
        operation: Some(operation.into()),
        request: None,
    }
}

/// A create call answered with success and without saying what was made: to be looked for.
pub(crate) fn unnamed(operation: &'static str) -> Error {
    let mut error = Error::new(Class::Lost, "the answer does not say what was made");
    error.operation = Some(operation.into());
    error
}

/// The result of a delete call: gone already is success.
pub(crate) fn gone(result: engine::Result<()>) -> engine::Result<()> {
    result.or_else(|e| if e.is(Class::Absent) { Ok(()) } else { Err(e) })
}

/// What a failure means whose effect would be in doubt: a read has no effect.
fn unless_read(operation: &str, class: Class) -> Class {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    let reads = ["Describe", "List", "Get", "Head", "BatchGet", "Filter"];
    if reads.iter().any(|verb| name.starts_with(verb)) { Class::Transient } else { class }
}

fn of_answer(
    operation: &str,
    raw: &HttpResponse,
    code: Option<&str>,
    message: Option<&str>,
) -> Class {
    if emulated::lacks_operation(raw, code) {
        return Class::NotEmulated;
    }
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    if let Some(class) = of_code(operation, code, message) {
        return class;
    }
    match raw.status().as_u16() {
        429 => Class::Throttled,
        401 | 403 => Class::Denied,
        status if status >= 500 => unless_read(operation, Class::Lost),
        // An answer that says success and cannot be read: something was done.
        status if status < 300 => unless_read(operation, Class::Lost),
        _ => Class::Invalid,
    }
}

/// What a code means, without knowing the answer that it came in.
fn of_code(operation: &str, code: &str, message: &str) -> Option<Class> {
    let matches = |row: &&Text| {
        operation.starts_with(row.0) && code.starts_with(row.1) && message.contains(row.2)
    };
    if let Some(Text(.., class)) = TEXTS.iter().find(matches) {
        return Some(*class);
    }
    if let Some((class, _)) = CODES.iter().find(|(_, codes)| codes.contains(&code)) {
        return Some(*class);
    }
    let quota = code.contains("LimitExceeded") || code.contains("QuotaExceeded");
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
    (
        Class::Quota,
        &[
            "LimitExceeded",
            "LimitExceededException",
            "ServiceQuotaExceededException",
            "TooManyListeners",
            "TooManyLoadBalancers",
            "TooManyRules",
            "TooManyTargetGroups",
            "TooManyTargets",
        ],
    ),
    (Class::Foreign, &["BucketAlreadyExists"]),
    (
        Class::State,
        &["ConditionalCheckFailedException", "ConditionalRequestConflict", "PreconditionFailed"],
    ),
];

/// Connection refused, unknown host, no agreement on TLS: nothing was sent. The connector's own type
/// cannot be asked, its texts can.
fn never_sent(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        let text = cause.to_string();
        text.starts_with("client error (Connect)") || text.starts_with("HTTP connect timeout")
    })
}

fn lacks_credentials(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| cause.downcast_ref::<CredentialsError>().is_some())
}

/// The innermost cause: the SDK's outer ones only say that something failed.
fn root(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
