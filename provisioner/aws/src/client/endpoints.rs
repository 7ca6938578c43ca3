//! Where the user says that services are.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// A service's id in the SDK's settings, and the prefix of its operations in our messages (the one
/// that IAM policies use).
pub(super) const ENDPOINTS: [(&str, &str); 13] = [
    ("Application Auto Scaling", "application-autoscaling"),
    ("CloudWatch Logs", "logs"),
    ("DynamoDB", "dynamodb"),
    ("EC2", "ec2"),
    ("ECR", "ecr"),
    ("ECS", "ecs"),
    ("Elastic Load Balancing v2", "elasticloadbalancing"),
    ("IAM", "iam"),
    ("Resource Groups Tagging API", "tag"),
    ("S3", "s3"),
    ("Secrets Manager", "secretsmanager"),
    ("Service Quotas", "servicequotas"),
    ("STS", "sts"),
];

/// The endpoints that the user named, by the services' ids in the SDK's settings.
pub(super) type Endpoints = BTreeMap<&'static str, String>;

pub(super) fn endpoints(sdk: &SdkConfig) -> Endpoints {
    ENDPOINTS.iter().filter_map(|(id, _)| Some((*id, endpoint(sdk, id)?))).collect()
}

/// The endpoint that the user named for a service, or for all of them, in the order of the SDK.
pub(super) fn endpoint(sdk: &SdkConfig, id: &str) -> Option<String> {
    let all = sdk.endpoint_url().map(ToOwned::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        return all;
    }
    let key = ServiceConfigKey::builder()
        .service_id(id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    own.or(all)
}
