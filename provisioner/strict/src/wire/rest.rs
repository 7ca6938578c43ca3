//! S3's operations, told from method, path and query.

use http::Method;
use http::request::Parts;
use serde_json::{Map, Value};

/// The operation, and `Bucket`, `Key`, the query and the conditional headers as parameters.
pub(crate) fn s3(parts: &Parts) -> (String, Value) {
    let mut path = parts.uri.path().trim_start_matches('/').splitn(2, '/');
    let mut bucket = path.next().unwrap_or_default().to_owned();
    let mut key = path.next().unwrap_or_default().to_owned();
    if let Some(host) = virtual_bucket(parts) {
        parts.uri.path().trim_start_matches('/').clone_into(&mut key);
        bucket = host;
    }
    let mut parameters = Map::new();
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let operation = operation(&parts.method, &bucket, &key, &query, parts);
    for (name, value) in query {
        if !name.starts_with("X-Amz-") {
            parameters.insert(name, Value::String(value));
        }
    }
    if !bucket.is_empty() {
        parameters.insert("Bucket".into(), bucket.into());
    }
    if !key.is_empty() {
        parameters.insert("Key".into(), key.into());
    }
    for name in ["if-match", "if-none-match", "x-amz-expected-bucket-owner"] {
        if let Some(value) = parts.headers.get(name).and_then(|v| v.to_str().ok()) {
            parameters.insert(name.into(), value.into());
        }
    }
    (operation, Value::Object(parameters))
}

/// `bucket.s3.<anything>` in the Host header.
fn virtual_bucket(parts: &Parts) -> Option<String> {
    let host = parts.headers.get(http::header::HOST)?.to_str().ok()?;
    host.split_once(".s3.").map(|(bucket, _)| bucket.to_owned())
}

fn operation(
    method: &Method,
    bucket: &str,
    key: &str,
    query: &[(String, String)],
    parts: &Parts,
) -> String {
    const SUBRESOURCES: [(&str, &str); 22] = [
        ("versioning", "BucketVersioning"),
        ("encryption", "BucketEncryption"),
        ("publicAccessBlock", "PublicAccessBlock"),
        ("policy", "BucketPolicy"),
        ("policyStatus", "BucketPolicyStatus"),
        ("lifecycle", "BucketLifecycleConfiguration"),
        ("ownershipControls", "BucketOwnershipControls"),
        ("tagging", "BucketTagging"),
        ("logging", "BucketLogging"),
        ("location", "BucketLocation"),
        ("acl", "BucketAcl"),
        ("cors", "BucketCors"),
        ("website", "BucketWebsite"),
        ("notification", "BucketNotificationConfiguration"),
        ("replication", "BucketReplication"),
        ("accelerate", "BucketAccelerateConfiguration"),
        ("requestPayment", "BucketRequestPayment"),
        ("object-lock", "ObjectLockConfiguration"),
        ("analytics", "BucketAnalyticsConfiguration"),
        ("inventory", "BucketInventoryConfiguration"),
        ("metrics", "BucketMetricsConfiguration"),
        ("intelligent-tiering", "BucketIntelligentTieringConfiguration"),
    ];
    let has = |name: &str| query.iter().any(|(n, _)| n == name);
    if bucket.is_empty() {
        return "ListBuckets".into();
    }
    let verb = match *method {
        Method::PUT => "Put",
        Method::DELETE => "Delete",
        Method::HEAD => "Head",
        Method::POST => "Post",
        _ => "Get",
    };
    if key.is_empty() {
        if let Some((_, name)) = SUBRESOURCES.iter().find(|(q, _)| has(q)) {
            return format!("{verb}{name}");
        }
        return match verb {
            "Put" => "CreateBucket".into(),
            "Delete" => "DeleteBucket".into(),
            "Head" => "HeadBucket".into(),
            "Post" if has("delete") => "DeleteObjects".into(),
            "Post" => "PostObject".into(),
            _ if has("versions") => "ListObjectVersions".into(),
            _ if has("uploads") => "ListMultipartUploads".into(),
            _ if has("list-type") => "ListObjectsV2".into(),
            _ => "ListObjects".into(),
        };
    }
    for (name, operation) in [
        ("tagging", "Tagging"),
        ("acl", "Acl"),
        ("retention", "Retention"),
        ("legal-hold", "LegalHold"),
    ] {
        if has(name) {
            return format!("{verb}Object{operation}");
        }
    }
    let copy = parts.headers.contains_key("x-amz-copy-source");
    match verb {
        "Put" if has("partNumber") => "UploadPart".into(),
        "Put" if copy => "CopyObject".into(),
        "Post" if has("uploads") => "CreateMultipartUpload".into(),
        "Post" if has("uploadId") => "CompleteMultipartUpload".into(),
        "Delete" if has("uploadId") => "AbortMultipartUpload".into(),
        "Get" if has("uploadId") => "ListParts".into(),
        verb => format!("{verb}Object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &str, uri: &str) -> String {
        let (parts, ()) =
            http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        s3(&parts).0
    }

    #[test]
    fn operations() {
        for (method, uri, expected) in [
            ("GET", "/", "ListBuckets"),
            ("PUT", "/b", "CreateBucket"),
            ("HEAD", "/b", "HeadBucket"),
            ("PUT", "/b?versioning", "PutBucketVersioning"),
            ("DELETE", "/b?policy", "DeleteBucketPolicy"),
            ("GET", "/b?list-type=2&prefix=x", "ListObjectsV2"),
            ("GET", "/b?versions", "ListObjectVersions"),
            ("POST", "/b?delete", "DeleteObjects"),
            ("PUT", "/b/k/l", "PutObject"),
            ("GET", "/b/k?versionId=1", "GetObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=2", "UploadPart"),
            ("GET", "/b/k?tagging", "GetObjectTagging"),
        ] {
            assert_eq!(name(method, uri), expected, "{method} {uri}");
        }
    }
}
