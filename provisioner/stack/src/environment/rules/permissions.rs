//! The statements of a task role.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};

pub(super) fn check(service: &Entry, findings: &mut Findings) {
    for permission in service.node.get("permissions").map_or(&[][..], Node::items) {
        for (key, example) in
            [("actions", "[s3:GetObject]"), ("resources", "[arn:aws:s3:::receipts/*]")]
        {
            let Some(list) = permission.get(key) else { continue };
            if list.items().is_empty() {
                findings.error(
                    list.site,
                    format!("`{key}` is empty"),
                    format!("write `{key}: {example}`"),
                );
            }
        }
        for node in permission.get("actions").map_or(&[][..], Node::items) {
            let Some(action) = node.text() else { continue };
            if action == "*" || action == "*:*" {
                let help = "name what the service does, such as `s3:GetObject`";
                findings.error(
                    node.site,
                    format!("`{action}` allows everything in the account"),
                    help,
                );
            } else if !is_action(action) {
                let help = "write the service and the action: `s3:GetObject`";
                findings.error(node.site, format!("`{action}` is not an action"), help);
            }
        }
        for node in permission.get("resources").map_or(&[][..], Node::items) {
            let Some(resource) = node.text() else { continue };
            if resource != "*" && (!resource.starts_with("arn:") || resource.split(':').count() < 6)
            {
                let help = "write an ARN such as `arn:aws:s3:::receipts/*`, or `\"*\"`";
                findings.error(node.site, format!("`{resource}` is not a resource"), help);
            }
        }
    }
}

/// A service prefix, a colon, and an action with wildcards (IAM User Guide, "IAM JSON policy elements: Action").
fn is_action(action: &str) -> bool {
    let Some((service, name)) = action.split_once(':') else { return false };
    let prefix = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let action = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'*' || byte == b'?';
    !service.is_empty()
        && service.bytes().all(prefix)
        && !name.is_empty()
        && name.bytes().all(action)
}
