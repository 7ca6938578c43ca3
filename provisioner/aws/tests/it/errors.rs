//! Answers that no emulator gives, as AWS words them on the wire, and what they mean.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::Aws;
use aws::preflight::Needs;
use aws_config::SdkConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use engine::{Adapter, Class, Clock, Error, Id, Op, Owner, Ready, Seen, Which};
use kinds::traffic::LoadBalancerOutputs;
use kinds::{ElasticIp, LoadBalancer, LoadBalancerAttributes, Tags, Vpc};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::emulator::config;

/// Status and body.
type Answer = (u16, String);

/// Gives answers to the bodies of requests, in place of the network.
#[derive(Clone)]
struct Answers(Arc<dyn Fn(&str) -> Answer + Send + Sync>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let (status, body) = (self.0)(&sent);
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        answer.headers_mut().insert("x-amzn-requestid", "r-1");
        HttpConnectorFuture::ready(Ok(answer))
    }
}

fn answering(named: bool, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Aws {
    let answers = Answers(Arc::new(answer));
    let connector = move |_: &_, _: &_| SharedHttpConnector::new(answers.clone());
    let known = config("http://127.0.0.1:9");
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(known.region().cloned())
        .credentials_provider(known.credentials_provider().unwrap())
        .http_client(http_client_fn(connector));
    let config = if named { config.endpoint_url("http://127.0.0.1:9") } else { config };
    Aws::new(&config.build())
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

/// `AuthFailure` on an address means that its association is not ours to end.
#[tokio::test]
async fn an_address_of_a_nat_gateway_is_held_and_no_matter_of_credentials() {
    let aws = answering(false, |sent| {
        if sent.contains("Action=DescribeAddresses") {
            return (
                200,
                "<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>".into(),
            );
        }
        ec2(400, "AuthFailure", "You do not have permission to access the specified resource.")
    });
    let seen = Seen {
        id: "eipalloc-1".into(),
        owner: None,
        spec: ElasticIp { tags: Tags::default() },
        outputs: kinds::network::ElasticIpOutputs { id: "eipalloc-1".into(), address: "".into() },
        ready: Ready::Yes,
    };
    assert_eq!(aws.delete(&seen).await.unwrap_err().class, Class::Blocked);
}

#[tokio::test]
async fn a_role_that_others_do_not_know_yet_is_waited_for() {
    let aws = answering(false, |sent| {
        if sent.contains("Action=ListRoles") {
            let empty = "<ListRolesResponse><ListRolesResult><Roles/></ListRolesResult></ListRolesResponse>";
            return (200, empty.into());
        }
        let taken = "Service role name AWSServiceRoleForECS has been taken in this account";
        query(400, "InvalidInput", taken)
    });
    assert_eq!(
        aws.service_linked_roles(&["ecs.amazonaws.com"], &Clock::real()).await.unwrap(),
        [""; 0]
    );
    assert_eq!(aws.mutating_calls(), [("iam:CreateServiceLinkedRole".to_owned(), 1)]);
}

#[tokio::test]
async fn a_role_of_a_service_outlasts_what_passes() {
    let asked = AtomicU64::new(0);
    let aws = answering(false, move |sent| {
        if sent.contains("Action=ListRoles") {
            let empty = "<ListRolesResponse><ListRolesResult><Roles/></ListRolesResult></ListRolesResponse>";
            return (200, empty.into());
        }
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => query(503, "ServiceUnavailable", "Please try your query again at a later time."),
            1 => query(400, "Throttling", "Rate exceeded"),
            _ => query(400, "InvalidInput", "Service role name X has been taken in this account"),
        }
    });
    let clock = Clock::scaled(1000.0);
    assert_eq!(aws.service_linked_roles(&["ecs.amazonaws.com"], &clock).await.unwrap(), [""; 0]);
    assert_eq!(aws.mutating_calls(), [("iam:CreateServiceLinkedRole".to_owned(), 3)]);
}

#[tokio::test]
async fn a_throttled_read_is_repeated_and_a_throttled_change_is_not() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let aws = answering(false, move |sent| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        if first || sent.contains("Action=CreateVpc") {
            return ec2(503, "RequestLimitExceeded", "Request limit exceeded.");
        }
        (200, "<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>".into())
    });
    let found = aws.observe(Which::<ElasticIp>::Ids(&[Id::from("eipalloc-1")])).await.unwrap();
    assert!(found.is_empty());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(aws.create(&vpc(), &op()).await.unwrap_err().is(Class::Throttled));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!((aws.attempts(), aws.mutating_calls()), (3, vec![("ec2:CreateVpc".to_owned(), 1)]));
}

#[tokio::test]
async fn only_a_named_endpoint_may_lack_an_operation() {
    for body in [r#"{"error":"Unsupported service: ec2"}"#, "<!doctype html><title>500</title>"] {
        let missing = move |_: &str| (500, body.to_owned());
        let emulator = answering(true, missing);
        assert!(emulator.is_endpoint_overridden());
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

#[tokio::test]
async fn an_answer_of_success_that_cannot_be_read_is_a_lost_one() {
    let aws = answering(false, |_| (200, "<CreateVpcResponse><vpc>".into()));
    assert!(aws.create(&vpc(), &op()).await.unwrap_err().is(Class::Lost));
}

#[tokio::test]
async fn nothing_changes_once_the_guard_says_no() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let aws = answering(false, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        ec2(400, "InvalidParameterValue", "wrong")
    });
    let fenced = aws.guarded(Arc::new(|| Err(Error::new(Class::Fenced, "the lock is gone"))));
    assert!(fenced.create(&vpc(), &op()).await.unwrap_err().is(Class::Fenced));
    // The process stood still between its first look at the lock and the call.
    let looks = AtomicU64::new(0);
    let late = aws.guarded(Arc::new(move || match looks.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(()),
        _ => Err(Error::new(Class::Fenced, "the lock is gone")),
    }));
    assert!(late.create(&vpc(), &op()).await.unwrap_err().is(Class::Fenced));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_connection_changed_nothing_and_a_cut_one_may_have() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cut = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 64];
        let read = stream.read(&mut request).await.unwrap();
        assert!(read > 0, "the request was sent");
    });
    let aws = Aws::new(&config(&url));
    let error = aws.create(&vpc(), &op()).await.unwrap_err();
    assert!(error.is(Class::Lost), "{error}");
    cut.await.unwrap();
    // Nobody listens any more.
    let error = aws.create(&vpc(), &op()).await.unwrap_err();
    assert!(error.is(Class::Transient), "{error}");
}

/// Elastic Load Balancing forgets a load balancer before EC2 frees its interfaces.
#[tokio::test]
async fn a_load_balancer_is_there_while_its_interfaces_are() {
    const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/1f2e";
    let lingers = Arc::new(AtomicU64::new(1));
    let left = lingers.clone();
    let aws = answering(false, move |sent| {
        if sent.contains("Action=DescribeNetworkInterfaces") {
            assert!(sent.contains("ELB%20app%2Fshop%2F1f2e"), "{sent}");
            let item = "<item><networkInterfaceId>eni-1</networkInterfaceId>\
                <description>ELB app/shop/1f2e</description><requesterId>amazon-elb</requesterId></item>";
            let items = if left.load(Ordering::SeqCst) == 1 { item } else { "" };
            let body = format!(
                "<DescribeNetworkInterfacesResponse><networkInterfaceSet>{items}</networkInterfaceSet>\
                 </DescribeNetworkInterfacesResponse>"
            );
            return (200, body);
        }
        query(400, "LoadBalancerNotFound", "One or more load balancers not found")
    });
    let ids = [Id::from(ARN)];
    let seen = aws.observe(Which::<LoadBalancer>::Ids(&ids)).await.unwrap();
    let Ready::Leaving(why) = &seen[0].ready else { panic!("{:?}", seen[0].ready) };
    assert!(why.contains("eni-1 (ELB app/shop/1f2e, amazon-elb)"), "{why}");
    lingers.store(0, Ordering::SeqCst);
    let seen = aws.observe(Which::<LoadBalancer>::Ids(&ids)).await.unwrap();
    assert!(seen.is_empty());
}

/// Gone already is success, whichever of its calls says so.
#[tokio::test]
async fn a_protected_load_balancer_that_is_gone_needs_no_deletion() {
    let aws = answering(false, |_| {
        query(400, "LoadBalancerNotFound", "One or more load balancers not found")
    });
    let arn = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/1f2e";
    let seen = Seen {
        id: arn.into(),
        owner: None,
        spec: LoadBalancer {
            name: "shop".into(),
            scheme: "internal".into(),
            subnets: ["subnet-1".into()].into(),
            security_groups: ["sg-1".into()].into(),
            attributes: LoadBalancerAttributes {
                deletion_protection: true,
                drop_invalid_headers: true,
                idle_timeout: 60,
            },
            tags: Tags::default(),
        },
        outputs: LoadBalancerOutputs {
            arn: arn.into(),
            dns_name: "".into(),
            zone: "".into(),
            full_name: "app/shop/1f2e".into(),
        },
        ready: Ready::Yes,
    };
    aws.delete(&seen).await.unwrap();
}

#[tokio::test]
async fn a_vpc_that_cannot_go_says_who_is_in_it() {
    let aws = answering(false, |sent| {
        let action =
            sent.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        if action == "DeleteVpc" {
            return ec2(400, "DependencyViolation", "has dependencies and cannot be deleted.");
        }
        let guard = "<securityGroupInfo><item><groupId>sg-1</groupId><vpcId>vpc-1</vpcId>\
            <groupName>GuardDutyManagedSecurityGroup-vpc-1</groupName><tagSet><item>\
            <key>GuardDutyManaged</key><value>true</value></item></tagSet></item></securityGroupInfo>";
        let body = match action {
            "DescribeSecurityGroups" => guard,
            "DescribeLoadBalancers" => "<DescribeLoadBalancersResult/>",
            _ => "",
        };
        (200, format!("<{action}Response>{body}</{action}Response>"))
    });
    let outputs = kinds::network::IdOutputs { id: "vpc-1".into() };
    let seen = Seen { id: "vpc-1".into(), owner: None, spec: vpc(), outputs, ready: Ready::Yes };
    let refused = aws.delete(&seen).await.unwrap_err();
    assert!(refused.is(Class::Blocked));
    assert_eq!(refused.message, "vpc-1 still holds security-group sg-1 of Amazon GuardDuty");
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_named_as_such() {
    let known = config("http://127.0.0.1:9");
    let nobody = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(known.region().cloned())
        .credentials_provider(SharedCredentialsProvider::new(provide_credentials_fn(async || {
            Err(CredentialsError::not_loaded("no profile named shop"))
        })))
        .build();
    let error = Aws::new(&nobody).identity().await.unwrap_err();
    assert!(error.is(Class::Credentials), "{error}");
    assert!(error.message.contains("no profile named shop"), "{error}");
}

#[tokio::test]
async fn a_quota_is_asked_for_and_else_assumed() {
    let quotas = async |quota: &'static str| {
        let aws = answering(false, move |sent| {
            if sent.contains("Action=DescribeAddresses") {
                let item = "<item><allocationId>eipalloc-1</allocationId></item>".repeat(5);
                let set = format!("<addressesSet>{item}</addressesSet>");
                return (
                    200,
                    format!("<DescribeAddressesResponse>{set}</DescribeAddressesResponse>"),
                );
            }
            assert!(sent.contains("L-0263D0A3"), "{sent}");
            match quota {
                "" => (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#.into()),
                quota => (200, format!(r#"{{"Quota":{{"Value":{quota}}}}}"#)),
            }
        });
        aws.quotas(&Needs { addresses: 2, ..Needs::default() }).await.unwrap()
    };
    assert_eq!(quotas("7.0").await, []);
    let short = quotas("6.0").await;
    let text = "your account has 5 of 6 Elastic IPs in us-east-1; this plan needs 2 more";
    assert!(short[0].to_string().starts_with(text), "{}", short[0]);
    assert!(!short[0].assumed);
    let assumed = quotas("").await;
    assert!(assumed[0].assumed);
    assert!((assumed[0].quota - 5.0).abs() < 0.1);
}
