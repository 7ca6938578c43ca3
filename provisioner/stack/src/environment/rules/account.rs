//! What an account asks of roles, and where states are kept.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;

use super::permissions::is_arn;
use super::{labels, text};

pub(super) fn check(root: &Node, findings: &mut Findings) {
    if let Some(iam) = root.get("iam") {
        iam_check(iam, findings);
    }
    if let Some(state) = root.get("state") {
        state_check(state, findings);
    }
}

fn iam_check(iam: &Node, findings: &mut Findings) {
    if let Some((arn, node)) = text(iam, "boundary")
        && !is_arn(arn, "iam", "policy/")
    {
        let help = "write its ARN: `arn:aws:iam::123456789012:policy/boundary`";
        findings.error(node.site, format!("`{arn}` is not a policy"), help);
    }
    if let Some((path, node)) = text(iam, "path")
        && !is_path(path)
    {
        let help = "begin and end it with `/`: `/services/`";
        findings.error(node.site, format!("`{path}` is not a path of roles"), help);
    }
}

/// As IAM takes it, short enough that policies which name it stay within their limits (IAM API reference,
/// CreateRole: up to 512 printable characters between slashes).
fn is_path(path: &str) -> bool {
    let printable = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?$".contains(&byte));
    path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 64
        && printable
        && !path.contains("//")
}

fn state_check(state: &Node, findings: &mut Findings) {
    if let Some((name, node)) = text(state, "bucket")
        && !is_bucket(name)
    {
        let help = "use 3 to 63 lower-case letters, digits and hyphens";
        findings.error(node.site, format!("`{name}` cannot be a bucket's name"), help);
    }
    if let Some((name, node)) = text(state, "table")
        && !is_table(name)
    {
        let help = "use 3 to 255 letters, digits and _ . -";
        findings.error(node.site, format!("`{name}` cannot be a table's name"), help);
    }
    if let Some((arn, node)) = text(state, "kms")
        && !is_arn(arn, "kms", "key/")
    {
        let help =
            "write the key's ARN, not an alias: `arn:aws:kms:us-east-1:123456789012:key/...`";
        findings.error(node.site, format!("`{arn}` is not a KMS key"), help);
    }
    labels::check(state, findings);
}

/// S3 user guide, "General purpose bucket naming rules"; without dots, which TLS certificates do not cover.
fn is_bucket(name: &str) -> bool {
    let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&name.len())
        && name.bytes().all(byte)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.starts_with("xn--")
        && !name.ends_with("-s3alias")
}

/// DynamoDB developer guide, "Naming rules".
fn is_table(name: &str) -> bool {
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(byte)
}
