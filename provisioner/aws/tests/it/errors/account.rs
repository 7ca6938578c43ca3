//! What an account has: roles of its services, and quotas.

use std::sync::atomic::{AtomicU64, Ordering};

use aws::preflight::Needs;
use engine::{Class, Clock};

use super::{Answer, answering, query};
use crate::answers::{self, REGION};

/// STS calls good keys invalid in a Region that is not enabled: it is asked in one that always is.
#[tokio::test]
async fn a_region_that_is_not_enabled_is_named() {
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                    <Arn>arn:aws:iam::123456789012:user/a</Arn></GetCallerIdentityResult>\
                    </GetCallerIdentityResponse>";
    let connect = |good: &'static str| {
        answers::served_in("eu-south-1", None, move |request| {
            let (status, body) = match request.uri().contains(good) {
                true => (200, identity.to_owned()),
                false => query(403, "InvalidClientTokenId", "The security token is invalid."),
            };
            answers::response(status, body)
        })
    };
    let error = connect("sts.us-east-1.").identity().await.unwrap_err();
    assert!(error.is(Class::Denied), "{error}");
    for word in ["eu-south-1 is not enabled", "123456789012"] {
        assert!(error.message.contains(word), "{error}");
    }
    // Keys that are good nowhere.
    let error = connect("nowhere").identity().await.unwrap_err();
    assert!(error.is(Class::Credentials), "{error}");
    assert_eq!(connect("sts.eu-south-1.").identity().await.unwrap().account, "123456789012");
}

fn no_roles() -> Answer {
    let empty =
        "<ListRolesResponse><ListRolesResult><Roles/></ListRolesResult></ListRolesResponse>";
    (200, empty.into())
}

#[tokio::test]
async fn a_role_that_others_do_not_know_yet_is_waited_for() {
    let aws = answering(false, |sent| {
        if sent.contains("Action=ListRoles") {
            return no_roles();
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
            return no_roles();
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
    let text = format!("your account has 5 of 6 Elastic IPs in {REGION}; this plan needs 2 more");
    assert!(short[0].to_string().starts_with(&text), "{}", short[0]);
    assert!(!short[0].assumed);
    let assumed = quotas("").await;
    assert!(assumed[0].assumed);
    assert!((assumed[0].quota - 5.0).abs() < 0.1);
}
