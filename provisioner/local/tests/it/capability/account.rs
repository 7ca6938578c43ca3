//! What an account keeps: secrets, users, objects, rows, tags.

use local::Level;
use serde_json::{Value, json};

use super::level;
use super::stack::Stack;

pub(super) fn secrets(stack: &Stack) -> Level {
    let call = |action: &str, body: &Value| {
        stack.aws.json("secretsmanager", &format!("secretsmanager.{action}"), body)
    };
    call("CreateSecret", &json!({ "Name": "table", "SecretString": "one" }));
    call("PutSecretValue", &json!({ "SecretId": "table", "SecretString": "two" }));
    let previous = json!({ "SecretId": "table", "VersionStage": "AWSPREVIOUS" });
    let kept = call("GetSecretValue", &previous).1["SecretString"] == "one";
    call("DeleteSecret", &json!({ "SecretId": "table", "RecoveryWindowInDays": 7 }));
    let deleted = call("GetSecretValue", &json!({ "SecretId": "table" })).0 == 400;
    call("RestoreSecret", &json!({ "SecretId": "table" }));
    let restored =
        call("GetSecretValue", &json!({ "SecretId": "table" })).1["SecretString"] == "two";
    level(kept && deleted && restored)
}

pub(super) fn users(stack: &Stack) -> Level {
    let body = "Action=CreateUser&UserName=nobody";
    assert_eq!(stack.aws.query("iam", "2010-05-08", body).0, 200);
    // Every call of this test carries a signature that is wrong.
    level(stack.aws.query("iam", "2010-05-08", "Action=ListUsers").0 != 200)
}

pub(super) fn objects(stack: &Stack) -> Level {
    stack.aws.make_bucket("table-state");
    let put =
        |headers: &[(&str, &str)]| stack.aws.s3("PUT /table-state/state.json", headers, "{}").0;
    let first = put(&[("if-none-match", "*")]) == 200 && put(&[("if-none-match", "*")]) == 412;
    level(first && put(&[("if-match", "\"00000000000000000000000000000000\"")]) == 412)
}

pub(super) fn rows(stack: &Stack) -> Level {
    let call = |action: &str, body: &Value| {
        stack.aws.json("dynamodb", &format!("DynamoDB_20120810.{action}"), body)
    };
    call(
        "CreateTable",
        &json!({ "TableName": "locks", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }] }),
    );
    let take = |owner: &str| {
        call(
            "UpdateItem",
            &json!({ "TableName": "locks", "Key": { "id": { "S": "e" } },
            "UpdateExpression": "SET #o = :o", "ConditionExpression": "attribute_not_exists(#o)",
            "ExpressionAttributeNames": { "#o": "owner" },
            "ExpressionAttributeValues": { ":o": { "S": owner } },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD" }),
        )
    };
    assert_eq!(take("one").0, 200);
    let refused = take("two");
    level(refused.0 == 400 && refused.1["Item"]["owner"]["S"] == "one")
}

pub(super) fn tags(stack: &Stack) -> Level {
    let tagged = "&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=table&TagSpecification.1.Tag.1.Value=yes";
    stack.aws.ec2(&format!("Action=CreateVpc&CidrBlock=10.8.0.0/16{tagged}"));
    let (status, found) = stack.aws.json(
        "tagging",
        "ResourceGroupsTaggingAPI_20170126.GetResources",
        &json!({ "TagFilters": [{ "Key": "table" }] }),
    );
    assert_eq!(status, 200, "{found}");
    if found.to_string().contains(":vpc/") { Level::Emulated } else { Level::Absent }
}
