//! The statements of a task role.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};

use super::text;

/// The most characters of all inline policies of a role together, white space not counted (IAM: "IAM and
/// AWS STS quotas").
const INLINE: usize = 10_240;

/// The most managed policies that a role has without a raised quota (the same page).
const MANAGED: usize = 10;

pub(super) fn check(service: &Entry, findings: &mut Findings) {
    let permissions = service.node.get("permissions");
    if let (Some(role), Some(permissions)) = (service.node.get("role"), permissions)
        && !permissions.items().is_empty()
    {
        let help = "take one of them out: a role that exists is not changed";
        findings.error(role.site, "there are a `role` and `permissions`".to_owned(), help);
    }
    if let Some((arn, node)) = text(&service.node, "role")
        && !is_arn(arn, "iam", "role/")
    {
        let help = "write its ARN: `arn:aws:iam::123456789012:role/receipts`";
        findings.error(node.site, format!("`{arn}` is not a role"), help);
    }
    let items = permissions.map_or(&[][..], Node::items);
    let managed = items.iter().filter(|one| one.get("policy").is_some()).count();
    if let Some(list) = permissions.filter(|_| managed > MANAGED) {
        let help = format!("use {MANAGED} or fewer: IAM attaches no more to a role");
        findings.error(list.site, format!("there are {managed} policies"), help);
    }
    let length = 100 + items.iter().map(length).sum::<usize>();
    if let Some(list) = permissions.filter(|_| length > INLINE) {
        let message = format!("the permissions are about {length} characters long");
        let help = format!(
            "shorten them to {INLINE}, IAM's limit for a role's own policies, or put some into a managed policy: `- policy: ARN`"
        );
        findings.error(list.site, message, help);
    }
    for permission in items {
        if let Some((arn, node)) = text(permission, "policy") {
            if !is_arn(arn, "iam", "policy/") {
                let help = "write its ARN: `arn:aws:iam::123456789012:policy/receipts`";
                findings.error(node.site, format!("`{arn}` is not a policy"), help);
            }
            if !permission.lacks("actions") || !permission.lacks("resources") {
                let help = "write it as a permission of its own: `- policy: ARN`";
                let message = "a `policy` says itself what it allows, and on what".to_owned();
                findings.error(node.site, message, help);
            }
            continue;
        }
        for (key, example) in
            [("actions", "[s3:GetObject]"), ("resources", "[arn:aws:s3:::receipts/*]")]
        {
            let help = format!("write `{key}: {example}`");
            if permission.lacks(key) && permission.lacks("policy") {
                findings.error(permission.site, format!("`{key}` is missing"), help);
            } else if let Some(list) = permission.get(key).filter(|list| list.items().is_empty()) {
                findings.error(list.site, format!("`{key}` is empty"), help);
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

/// How many characters a permission takes in a policy document.
fn length(permission: &Node) -> usize {
    let texts = ["actions", "resources"].map(|key| {
        let items = permission.get(key).map_or(&[][..], Node::items).iter();
        items.filter_map(|item| Some(item.text()?.len() + 3)).sum::<usize>()
    });
    let own = r#"{"Action":[],"Effect":"Allow","Resource":[]},"#.len();
    if permission.get("policy").is_some() { 0 } else { own + texts.iter().sum::<usize>() }
}

/// Whether this is the ARN of a thing of a service: partition, Region, account and then the thing.
pub(super) fn is_arn(text: &str, service: &str, thing: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, of, _, account, rest] => {
            partition.starts_with("aws")
                && *of == service
                && !account.is_empty()
                && rest.strip_prefix(thing).is_some_and(|name| !name.is_empty())
        }
        _ => false,
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
