//! The SDK's clients, each made when it is first called: a command that only reads makes none of those for writing.

use std::fmt;
use std::sync::LazyLock;

use aws_config::SdkConfig;

use super::Guard;
use super::calls::{Calls, Watch};
use super::endpoints::{ENDPOINTS, Endpoints};
use crate::client::emulated;

/// A client that is made at its first use.
pub(super) type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// One client per service.
pub struct Clients {
    pub dynamodb: Lazy<aws_sdk_dynamodb::Client>,
    pub ec2: Lazy<aws_sdk_ec2::Client>,
    pub ecr: Lazy<aws_sdk_ecr::Client>,
    pub ecs: Lazy<aws_sdk_ecs::Client>,
    pub elb: Lazy<aws_sdk_elasticloadbalancingv2::Client>,
    pub iam: Lazy<aws_sdk_iam::Client>,
    pub logs: Lazy<aws_sdk_cloudwatchlogs::Client>,
    pub quotas: Lazy<aws_sdk_servicequotas::Client>,
    pub s3: Lazy<aws_sdk_s3::Client>,
    pub scaling: Lazy<aws_sdk_applicationautoscaling::Client>,
    pub secrets: Lazy<aws_sdk_secretsmanager::Client>,
    pub tagging: Lazy<aws_sdk_resourcegroupstagging::Client>,
    pub sts: Lazy<aws_sdk_sts::Client>,
}

impl Clients {
    /// For reading, or for writing under a guard.
    pub(super) fn new(
        sdk: &SdkConfig,
        endpoints: &Endpoints,
        calls: &Calls,
        guard: Option<&Guard>,
    ) -> Self {
        let watch = |id: &'static str| Watch {
            service: ENDPOINTS.iter().find(|(known, _)| *known == id).map_or(id, |(_, name)| name),
            emulated: endpoints.get(id).is_some_and(|endpoint| endpoint.is_emulator),
            guard: guard.cloned(),
            calls: calls.clone(),
        };
        macro_rules! client {
            ($service:ident, $id:literal) => {
                client!($service, $id, |builder| builder)
            };
            ($service:ident, $id:literal, |$builder:ident| $with:expr) => {{
                let ($builder, watch) = ($service::config::Builder::from(sdk), watch($id));
                let make = move || {
                    let builder =
                        $with.interceptor(watch).retry_classifier(emulated::DoesNotRepeat);
                    $service::Client::from_conf(builder.build())
                };
                LazyLock::new(Box::new(make))
            }};
        }
        // A bucket's name in front of somebody else's address does not resolve.
        let by_path = endpoints.get("S3").is_some_and(|endpoint| !endpoint.is_aws());
        Self {
            dynamodb: client!(aws_sdk_dynamodb, "DynamoDB"),
            ec2: client!(aws_sdk_ec2, "EC2"),
            ecr: client!(aws_sdk_ecr, "ECR"),
            ecs: client!(aws_sdk_ecs, "ECS"),
            elb: client!(aws_sdk_elasticloadbalancingv2, "Elastic Load Balancing v2"),
            iam: client!(aws_sdk_iam, "IAM"),
            logs: client!(aws_sdk_cloudwatchlogs, "CloudWatch Logs"),
            quotas: client!(aws_sdk_servicequotas, "Service Quotas"),
            s3: client!(aws_sdk_s3, "S3", |builder| builder.force_path_style(by_path)),
            scaling: client!(aws_sdk_applicationautoscaling, "Application Auto Scaling"),
            secrets: client!(aws_sdk_secretsmanager, "Secrets Manager"),
            tagging: client!(aws_sdk_resourcegroupstagging, "Resource Groups Tagging API"),
            sts: client!(aws_sdk_sts, "STS"),
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}
