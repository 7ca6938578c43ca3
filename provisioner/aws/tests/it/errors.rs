//! Answers that no emulator gives, as AWS words them on the wire, and what they mean.

mod account;
mod calls;
mod removal;

use aws::Aws;
use aws_config::SdkConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use engine::{Adapter, Class, Error, Op, Owner};
use kinds::{Tags, Vpc};

use crate::answers;
use crate::emulator::config;

/// Status and body.
type Answer = (u16, String);

/// Gives answers to the bodies of requests.
fn answering(named: bool, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Aws {
    answers::at(named.then_some("http://127.0.0.1:9"), move |request| {
        answer(&String::from_utf8_lossy(request.body().bytes().unwrap_or_default()))
    })
}

/// An error as EC2 words it.
fn ec2(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>r-2</RequestID></Response>"
    );
    (status, body)
}

/// An error as IAM and Elastic Load Balancing word it.
fn query(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>\
         </Error><RequestId>r-3</RequestId></ErrorResponse>"
    );
    (status, body)
}

fn op() -> Op {
    Op { id: "0".repeat(32), owner: Owner::of("shop", "test") }
}

fn vpc() -> Vpc {
    let cidr = "10.0.0.0/16".into();
    Vpc { cidr, dns_support: true, dns_hostnames: true, tags: Tags::default() }
}

async fn refused_by_ec2(status: u16, code: &'static str, message: &'static str) -> Error {
    let aws = answering(false, move |_| ec2(status, code, message));
    aws.create(&vpc(), &op()).await.unwrap_err()
}

#[tokio::test]
async fn codes_of_ec2_have_their_meaning() {
    for (status, code, message, class) in [
        (503, "RequestLimitExceeded", "Request limit exceeded.", Class::Throttled),
        (400, "VpcLimitExceeded", "The maximum number of VPCs has been reached.", Class::Quota),
        (400, "AddressLimitExceeded", "Too many addresses", Class::Quota),
        (400, "InvalidVpcID.NotFound", "The vpc ID does not exist", Class::Absent),
        (400, "InvalidGroup.NotFound", "no such group", Class::Absent),
        (400, "NatGatewayNotFound", "was not found", Class::Absent),
        (400, "DependencyViolation", "has dependencies and cannot be deleted", Class::Blocked),
        (400, "InvalidIPAddress.InUse", "in use", Class::Blocked),
        (400, "InvalidPermission.Duplicate", "already exists", Class::Exists),
        (400, "RouteAlreadyExists", "The route already exists", Class::Exists),
        (400, "Resource.AlreadyAssociated", "already attached", Class::Exists),
        (403, "UnauthorizedOperation", "You are not authorized", Class::Denied),
        (400, "RequestExpired", "Request has expired.", Class::Credentials),
        (401, "AuthFailure", "not able to validate the access credentials", Class::Credentials),
        (400, "InvalidParameterValue", "wrong", Class::Invalid),
        (500, "InternalError", "An internal error has occurred", Class::Lost),
        (503, "Unavailable", "The server is overloaded", Class::Lost),
    ] {
        let error = refused_by_ec2(status, code, message).await;
        assert_eq!(error.class, class, "{error}");
        assert_eq!(error.code.as_deref(), Some(code));
        assert_eq!(error.message, message);
        assert_eq!(error.operation.as_deref(), Some("ec2:CreateVpc"));
        assert!(error.request.is_some(), "the request id is kept");
    }
}

#[tokio::test]
async fn only_a_named_endpoint_may_lack_an_operation() {
    for body in [r#"{"error":"Unsupported service: ec2"}"#, "<!doctype html><title>500</title>"] {
        let missing = move |_: &str| (500, body.to_owned());
        let emulator = answering(true, missing);
        assert!(emulator.is_all_emulated());
        assert!(emulator.create(&vpc(), &op()).await.unwrap_err().is(Class::NotEmulated));
        assert!(emulator.zones().await.unwrap_err().is(Class::NotEmulated));
        assert_eq!(emulator.attempts(), 2, "what an emulator lacks is asked once");
        assert!(answering(false, missing).create(&vpc(), &op()).await.unwrap_err().is(Class::Lost));
    }
    let unknown = |_: &str| ec2(400, "InvalidAction", "Unknown EC2 action: CreateVpc");
    assert!(
        answering(true, unknown).create(&vpc(), &op()).await.unwrap_err().is(Class::NotEmulated)
    );
    assert!(answering(false, unknown).create(&vpc(), &op()).await.unwrap_err().is(Class::Invalid));
}

/// A user may name AWS's own endpoints, through PrivateLink for example: what they lack is an error.
#[tokio::test]
async fn a_named_endpoint_of_aws_lacks_nothing() {
    let named = "https://vpce-1a2b.ec2.eu-central-1.vpce.amazonaws.com";
    let aws =
        answers::at(Some(named), |_| ec2(400, "InvalidAction", "Unknown EC2 action: CreateVpc"));
    assert!(!aws.is_emulated("EC2"));
    assert!(aws.create(&vpc(), &op()).await.unwrap_err().is(Class::Invalid));
}

#[tokio::test]
async fn an_answer_of_success_that_cannot_be_read_is_a_lost_one() {
    let aws = answering(false, |_| (200, "<CreateVpcResponse><vpc>".into()));
    assert!(aws.create(&vpc(), &op()).await.unwrap_err().is(Class::Lost));
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_named_as_such() {
    let known = config("http://127.0.0.1:9");
    let without = |error: fn() -> CredentialsError| {
        SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(known.region().cloned())
            .credentials_provider(SharedCredentialsProvider::new(provide_credentials_fn(
                move || std::future::ready(Err(error())),
            )))
            .build()
    };
    let wrong = without(|| CredentialsError::invalid_configuration("no profile named shop"));
    let error = Aws::new(&wrong).identity().await.unwrap_err();
    assert!(error.is(Class::Credentials), "{error}");
    assert!(error.message.contains("no profile named shop"), "{error}");
    let none = without(|| CredentialsError::not_loaded("no source has any"));
    let error = Aws::new(&none).identity().await.unwrap_err();
    assert!(error.is(Class::Credentials), "{error}");
    assert_eq!(error.message, aws::error::NO_CREDENTIALS);
}
