//! What each service calls "too many requests" and "our fault". Sources: the services' error lists in botocore, the EC2
//! API's "Error codes", S3's "Error responses".

use crate::wire::error::Fault;

/// The service's own throttling answer.
pub(crate) fn throttled(service: &str) -> Fault {
    let (status, code, message) = match service {
        "ec2" => (503, "RequestLimitExceeded", "Request limit exceeded."),
        "elasticloadbalancing" | "iam" | "sts" => (400, "Throttling", "Rate exceeded"),
        "s3" => (503, "SlowDown", "Please reduce your request rate."),
        "servicequotas" => (429, "TooManyRequestsException", "Rate exceeded"),
        _ => (400, "ThrottlingException", "Rate exceeded"),
    };
    Fault::refusal(code, message).with_status(status)
}

/// The service's own 500 or 503 answer.
pub(crate) fn server_error(service: &str, status: u16) -> Fault {
    let code = match (service, status) {
        ("ec2" | "s3", 500) => "InternalError",
        ("ec2", _) => "Unavailable",
        ("ecs" | "ecr", 500) => "ServerException",
        ("secretsmanager", 500) => "InternalServiceError",
        ("application-autoscaling", 500) => "InternalServiceException",
        ("dynamodb", 500) => "InternalServerError",
        ("servicequotas", 500) => "ServiceException",
        ("logs" | "application-autoscaling", _) => "ServiceUnavailableException",
        (_, 500) => "InternalFailure",
        _ => "ServiceUnavailable",
    };
    Fault::refusal(
        code,
        "An internal error has occurred. Please try your query again at a later time.",
    )
    .with_status(status)
}

/// What the service says to a request signed with expired temporary credentials.
pub(crate) fn expired(service: &str) -> Fault {
    match service {
        "ec2" => Fault::refusal("RequestExpired", "Request has expired."),
        "s3" => Fault::refusal("ExpiredToken", "The provided token has expired."),
        "elasticloadbalancing" | "iam" | "sts" => {
            Fault::refusal("ExpiredToken", "The security token included in the request is expired")
                .with_status(403)
        }
        _ => Fault::refusal(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
    }
}
