//! The other services: S3, DynamoDB, IAM, ECR, CloudWatch Logs, Secrets Manager, Service Quotas.

use std::collections::BTreeMap;

use serde_json::Value;

use super::need::{Need, Place, tags};
use crate::wire::Request;
use crate::world::partition;
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

/// Paths and boundaries of roles, by name: a role's ARN holds its path, and no call but CreateRole says it.
#[derive(Debug, Default)]
pub(super) struct Roles(BTreeMap<String, (String, String)>);

impl Roles {
    pub(super) fn learn(&mut self, request: &Request) {
        let p = &request.parameters;
        let name = text(p, "RoleName");
        match request.operation.as_str() {
            "CreateRole" => {
                let made = (text(p, "Path").to_owned(), text(p, "PermissionsBoundary").to_owned());
                self.0.insert(name.to_owned(), made);
            }
            "PutRolePermissionsBoundary" => {
                let boundary = text(p, "PermissionsBoundary").to_owned();
                self.0.entry(name.to_owned()).or_default().1 = boundary;
            }
            "DeleteRolePermissionsBoundary" => {
                self.0.entry(name.to_owned()).or_default().1.clear();
            }
            _ => {}
        }
    }

    /// Of a call's role: the path with its slashes, and the boundary that it has or gets.
    fn of(&self, request: &Request) -> (String, String) {
        let p = &request.parameters;
        let (path, boundary) = self
            .0
            .get(text(p, "RoleName"))
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .unwrap_or_default();
        let or = |said, known: &str| {
            if text(p, said).is_empty() { known } else { text(p, said) }.to_owned()
        };
        let path = or("Path", path);
        (if path.is_empty() { "/".into() } else { path }, or("PermissionsBoundary", boundary))
    }
}

pub(super) fn needs(request: &Request, action: &str, roles: &Roles) -> Option<Vec<Need>> {
    let place = Place::of(request);
    match request.service.as_str() {
        "s3" => Some(s3(request)),
        "dynamodb" => dynamodb(request, action, &place),
        "iam" => iam(request, action, &place, roles),
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
    let partition = partition::of_region(&request.region);
    // The keys of DeleteObjects are in its body.
    let resource = match (bucket, key, operation) {
        ("", ..) => "*".to_owned(),
        (_, "", "DeleteObjects") => format!("arn:{partition}:s3:::{bucket}/*"),
        (_, "", _) => format!("arn:{partition}:s3:::{bucket}"),
        _ => format!("arn:{partition}:s3:::{bucket}/{key}"),
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

fn iam(request: &Request, action: &str, place: &Place<'_>, roles: &Roles) -> Option<Vec<Need>> {
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
            let (path, boundary) = roles.of(request);
            let role = place.global("iam", &format!("role{path}{}", text(p, "RoleName")));
            let need = Need::new(action, &*role)
                .with("iam:PolicyARN", text(p, "PolicyArn"))
                .with("iam:PermissionsBoundary", boundary);
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
