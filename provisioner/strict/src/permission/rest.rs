//! The other services: S3, DynamoDB, IAM, ECR, CloudWatch Logs, Secrets Manager, Service Quotas.

use serde_json::Value;

use super::need::{Need, Place, tags};
use crate::wire::Request;
use crate::world::value::{text, texts};

/// S3's actions that are not called as their operations.
const S3: [(&str, &str); 16] = [
    ("HeadBucket", "ListBucket"),
    ("HeadObject", "GetObject"),
    ("ListBuckets", "ListAllMyBuckets"),
    ("ListObjects", "ListBucket"),
    ("ListObjectsV2", "ListBucket"),
    ("ListObjectVersions", "ListBucketVersions"),
    ("ListMultipartUploads", "ListBucketMultipartUploads"),
    ("DeleteObjects", "DeleteObject"),
    ("UploadPart", "PutObject"),
    ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("PostObject", "PutObject"),
];

pub(super) fn needs(request: &Request, action: &str) -> Option<Vec<Need>> {
    let place = Place::of(request);
    match request.service.as_str() {
        "s3" => Some(s3(request)),
        "dynamodb" => dynamodb(request, action, &place),
        "iam" => iam(request, action, &place),
        "ecr" => ecr(request, action, &place),
        "logs" => logs(request, action, &place),
        "secretsmanager" => secrets(request, action, &place),
        "servicequotas" => {
            let p = &request.parameters;
            let quota = format!("{}/{}", text(p, "ServiceCode"), text(p, "QuotaCode"));
            Some(vec![Need::new(action, place.arn("servicequotas", &quota))])
        }
        _ => None,
    }
}

fn s3(request: &Request) -> Vec<Need> {
    let p = &request.parameters;
    let operation = request.operation.as_str();
    let name = S3.iter().find(|(of, _)| *of == operation).map_or(operation, |(_, name)| *name);
    let (bucket, key) = (text(p, "Bucket"), text(p, "Key"));
    // The keys of DeleteObjects are in its body.
    let resource = match (bucket, key, operation) {
        ("", ..) => "*".to_owned(),
        (_, "", "DeleteObjects") => format!("arn:aws:s3:::{bucket}/*"),
        (_, "", _) => format!("arn:aws:s3:::{bucket}"),
        _ => format!("arn:aws:s3:::{bucket}/{key}"),
    };
    let version = matches!(name, "GetObject" | "DeleteObject") && !text(p, "versionId").is_empty();
    let name = if version { format!("{name}Version") } else { name.to_owned() };
    let mut found =
        vec![Need::new(format!("s3:{name}"), &*resource).with("s3:prefix", text(p, "prefix"))];
    // A write over a known content reads it (S3: "Conditional requests").
    if operation == "PutObject" && !text(p, "if-match").is_empty() {
        found.push(Need::new("s3:GetObject", resource));
    }
    found
}

fn dynamodb(request: &Request, action: &str, place: &Place<'_>) -> Option<Vec<Need>> {
    let p = &request.parameters;
    let table = text(p, "TableName");
    if table.is_empty() {
        return None;
    }
    let resource = place.arn("dynamodb", &format!("table/{table}"));
    let mut need = Need::new(action, &*resource);
    for value in p["Key"].as_object().into_iter().flat_map(|key| key.values()) {
        need = need.with("dynamodb:LeadingKeys", text(value, "S"));
    }
    Some(with_tags(need, p, "Tags", "dynamodb:TagResource", &resource))
}

/// With the right to tag, when the call carries tags.
fn with_tags(need: Need, parameters: &Value, at: &str, action: &str, made: &str) -> Vec<Need> {
    let carried: Vec<(&str, &str)> = match parameters.get(at) {
        Some(Value::Object(map)) => {
            map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
        }
        _ => tags(parameters, at),
    };
    let mut found = vec![need.tagged("Request", carried.iter().copied())];
    if !carried.is_empty() && found[0].action != action {
        found.push(Need::new(action, made).tagged("Request", carried));
    }
    found
}

fn iam(request: &Request, action: &str, place: &Place<'_>) -> Option<Vec<Need>> {
    let p = &request.parameters;
    match request.operation.as_str() {
        "CreateServiceLinkedRole" => {
            let service = text(p, "AWSServiceName");
            let role = place.global("iam", &format!("role/aws-service-role/{service}/*"));
            Some(vec![Need::new(action, role).with("iam:AWSServiceName", service)])
        }
        "RemoveRoleFromInstanceProfile" => {
            let profile = format!("instance-profile/{}", text(p, "InstanceProfileName"));
            Some(vec![Need::new(action, place.global("iam", &profile))])
        }
        _ if text(p, "RoleName").is_empty() => None,
        _ => {
            let role = place.global("iam", &format!("role/{}", text(p, "RoleName")));
            let need = Need::new(action, &*role).with("iam:PolicyARN", text(p, "PolicyArn"));
            Some(with_tags(need, p, "Tags", "iam:TagRole", &role))
        }
    }
}

fn ecr(request: &Request, action: &str, place: &Place<'_>) -> Option<Vec<Need>> {
    let p = &request.parameters;
    let repository = |name: &str| place.arn("ecr", &format!("repository/{name}"));
    match request.operation.as_str() {
        "GetAuthorizationToken" => None,
        "DescribeRepositories" => {
            let mut names = texts(p, "repositoryNames");
            if names.is_empty() {
                names.push("*".to_owned());
            }
            Some(names.iter().map(|name| Need::new(action, repository(name))).collect())
        }
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            Some(vec![Need::new(action, text(p, "resourceArn"))])
        }
        _ => {
            let resource = repository(text(p, "repositoryName"));
            let need = Need::new(action, &*resource);
            Some(with_tags(need, p, "tags", "ecr:TagResource", &resource))
        }
    }
}

fn logs(request: &Request, action: &str, place: &Place<'_>) -> Option<Vec<Need>> {
    let p = &request.parameters;
    let group = text(p, "logGroupName");
    match request.operation.as_str() {
        "DescribeLogGroups" => None,
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            Some(vec![Need::new(action, text(p, "resourceArn"))])
        }
        _ if group.is_empty() => None,
        "GetLogEvents" => {
            let stream = format!("log-group:{group}:log-stream:{}", text(p, "logStreamName"));
            Some(vec![Need::new(action, place.arn("logs", &stream))])
        }
        _ => {
            let resource = place.arn("logs", &format!("log-group:{group}"));
            let need = Need::new(action, &*resource);
            Some(with_tags(need, p, "tags", "logs:TagResource", &resource))
        }
    }
}

/// A secret's ARN ends with six characters that a name does not tell.
fn secrets(request: &Request, action: &str, place: &Place<'_>) -> Option<Vec<Need>> {
    let p = &request.parameters;
    let resource = match (text(p, "SecretId"), text(p, "Name")) {
        ("", "") => return None,
        ("", name) => place.arn("secretsmanager", &format!("secret:{name}-AbCdEf")),
        (arn, _) if arn.starts_with("arn:") => arn.to_owned(),
        (name, _) => place.arn("secretsmanager", &format!("secret:{name}-AbCdEf")),
    };
    let need = Need::new(action, &*resource);
    Some(with_tags(need, p, "Tags", "secretsmanager:TagResource", &resource))
}
