//! Where the user says that services are.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::host;

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

/// An endpoint that the user named.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) url: String,
    /// An emulator answers there, not AWS.
    pub(super) is_emulator: bool,
}

impl Endpoint {
    /// Whether AWS itself answers there: through PrivateLink, or where it would without being named.
    pub(super) fn is_aws(&self) -> bool {
        host::is_aws(&self.url)
    }
}

/// The endpoints that the user named, by the services' ids in the SDK's settings.
pub(super) type Endpoints = BTreeMap<&'static str, Endpoint>;

pub(super) fn endpoints(sdk: &SdkConfig) -> Endpoints {
    let switched = std::env::var_os(host::SWITCH).is_some_and(|set| set == "1");
    let named = ENDPOINTS.iter().filter_map(|(id, _)| Some((*id, endpoint(sdk, id)?)));
    let endpoint = |url: String| Endpoint { is_emulator: host::is_emulator(&url, switched), url };
    named.map(|(id, url)| (id, endpoint(url))).collect()
}

/// The endpoint that the user named for a service, or for all of them, in the order of the SDK.
fn endpoint(sdk: &SdkConfig, id: &str) -> Option<String> {
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
