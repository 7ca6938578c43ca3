//! Rules for every call.

use serde_json::{Value, json};
use strict::{Call, audit, audit_read_only};

use super::*;

#[test]
fn rule_21_tags_and_a_look_before_a_repeat() {
    let judge = |calls: Vec<Call>| audit(&log(calls)).iter().filter(|v| v.rule == 21).count();
    let bare = vpc();
    let mut tagged = bare.clone();
    tagged.parameters = json!({"TagSpecification": [{"ResourceType": "vpc"}]});
    assert_eq!((judge(vec![bare]), judge(vec![tagged.clone()])), (1, 0));
    let look = ec2("DescribeVpcs", json!({}), json!({"vpcSet": ""}));
    assert_eq!(judge(vec![lost(tagged.clone()), tagged.clone()]), 1);
    assert_eq!(judge(vec![lost(tagged.clone()), look, tagged.clone()]), 0);
    let throttled = failed(tagged.clone(), 503, "RequestLimitExceeded");
    assert_eq!(
        judge(vec![throttled, tagged]),
        1,
        "503 says nothing of the effect unless it is throttling"
    );
}

#[test]
fn rule_58_the_store_goes_last() {
    let table = Call::answered("dynamodb", "DeleteTable", json!({"TableName": "lock"}), json!({}));
    let bucket = Call::answered("s3", "DeleteBucket", json!({"Bucket": "state"}), Value::Null);
    let other =
        Call::answered("logs", "DeleteLogGroup", json!({"logGroupName": "/web"}), json!({}));
    assert_eq!(rules(&[&other, &table, &bucket]), NONE);
    assert_eq!(rules(&[&table, &other, &bucket]), [58]);
}

#[test]
fn rule_61_only_what_was_seen_is_deleted() {
    let judge = |calls: Vec<Call>| audit(&log(calls)).iter().any(|v| v.rule == 61);
    let delete = ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({}));
    assert!(!judge(vec![subnet("subnet-00000001", "a"), delete.clone()]));
    assert!(judge(vec![subnet("subnet-00000002", "a"), delete.clone()]));
    assert!(judge(vec![lost(subnet("subnet-00000001", "a")), delete]));
}

#[test]
fn rule_63_a_plan_changes_nothing() {
    assert_eq!(audit_read_only(&log(vec![nat("available")])), []);
    assert_eq!(audit_read_only(&log(vec![nat("available"), vpc()]))[0].rule, 63);
}

#[test]
fn rule_64_retries_follow_codes_that_pass() {
    let release = ec2("ReleaseAddress", json!({"AllocationId": "eipalloc-00000001"}), json!({}));
    let after = |code: &str, status: u16| {
        rules(&[&address(), &failed(release.clone(), status, code), &release])
    };
    assert_eq!(after("RequestLimitExceeded", 503), NONE);
    assert_eq!(after("InvalidIPAddress.InUse", 400), NONE);
    assert_eq!(after("UnauthorizedOperation", 403), [64]);
    assert_eq!(after("AddressLimitExceeded", 400), [64]);
}

#[test]
fn rule_67_secrets_stay_out_of_other_requests() {
    let mut put =
        Call::answered("s3", "PutObject", json!({"Bucket": "state", "Key": "prod"}), Value::Null);
    assert_eq!(rules(&[&put]), NONE);
    put.leaks_secret = true;
    assert_eq!(rules(&[&put]), [67]);
}

#[test]
fn refused_attempts_count() {
    let attempt = failed(
        ec2("DeleteSubnet", json!({"SubnetId": "subnet-00000001"}), json!({})),
        400,
        "DependencyViolation",
    );
    assert_eq!(rules(&[&vpc(), &subnet("subnet-00000001", "a"), &attempt]), [42]);
}
