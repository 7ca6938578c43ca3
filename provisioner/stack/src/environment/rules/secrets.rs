//! Secrets: each is defined once, at the top, and used by name.

use std::collections::BTreeSet;

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node, Value};
use crate::environment::suggest::did_you_mean;

use super::{services, text};

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let defined = root.get("secrets").map_or(&[][..], Node::entries);
    let region = text(root, "region").map(|(region, _)| region);
    for secret in defined {
        source(secret, region, findings);
    }
    let names: Vec<String> = defined.iter().map(|secret| secret.key.clone()).collect();
    let mut used = BTreeSet::new();
    let mut undefined = false;
    for service in services(root) {
        for variable in service.node.get("secrets").map_or(&[][..], Node::entries) {
            let Some(name) = variable.node.text() else { continue };
            used.insert(name);
            if !names.iter().any(|known| known == name) {
                undefined = true;
                let message = format!("the secret `{name}` is not defined");
                let define =
                    format!("add it to the top-level secrets: `secrets: {{ {name}: given }}`");
                let help = did_you_mean(name, &names)
                    .map_or(define.clone(), |meant| format!("{meant} Or {define}"));
                findings.error(variable.node.site, message, help);
            }
        }
    }
    // After a misspelt use, the other name is no surprise.
    let sound = defined.iter().filter(|secret| !matches!(secret.node.value, Value::Spoiled));
    for secret in sound.filter(|secret| !undefined && !used.contains(secret.key.as_str())) {
        let message = format!("no service uses the secret `{}`", secret.key);
        let help =
            format!("use it (`secrets: {{ VARIABLE: {} }}` in a service) or remove it", secret.key);
        findings.warning(secret.site, message, help);
    }
}

/// What a secret is made of or where it is: either of two, with what belongs to it.
fn source(secret: &Entry, region: Option<&str>, findings: &mut Findings) {
    let node = &secret.node;
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    // A value that was complained about counts as said.
    let said = |key: &&str| !node.lacks(key);
    let sources: Vec<&str> = ["generate", "arn"].into_iter().filter(said).collect();
    match sources.as_slice() {
        [] => {
            let message = format!("nothing says where the secret `{}` comes from", secret.key);
            let help = "write `given`, `{ generate: 32 }` or `{ arn: ... }`";
            findings.error(secret.site, message, help);
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("the secret `{}` has both `{first}` and `{second}`", secret.key);
            let help = "keep one; what a base says is dropped by `null`";
            findings.error(secret.site, message, help);
        }
    }
    for key in ["key", "kms"] {
        if said(&key) && !said(&"arn") {
            let message = format!("`{key}` says nothing about a secret of the tool's own");
            let help = "remove it, or name the secret that exists with `arn`";
            let site = node.entry(key).map_or(secret.site, |entry| entry.site);
            findings.error(site, message, help);
        }
    }
    if let Some((arn, place)) = text(node, "arn") {
        located(arn, place, "secretsmanager", region, findings);
    }
    if let Some((arn, place)) = text(node, "kms") {
        located(arn, place, "kms", region, findings);
    }
    if let Some((key, place)) = text(node, "key")
        && (key.is_empty() || key.contains(':'))
    {
        let help = "write the name of one member of the JSON object, without `:`: `password`";
        findings.error(place.site, format!("`{key}` cannot be the key of a secret"), help);
    }
}

/// A full ARN of a secret or a key, in the environment's Region: a task reads it there.
fn located(arn: &str, node: &Node, service: &str, region: Option<&str>, findings: &mut Findings) {
    let (kind, example) = match service {
        "kms" => {
            ("key", "arn:aws:kms:us-east-1:123456789012:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d")
        }
        _ => ("secret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-AbCdEf"),
    };
    let parts: Vec<&str> = arn.split(':').collect();
    let is_arn = match parts.as_slice() {
        ["arn", partition, of, _, account, rest @ ..] => {
            let rest = rest.join(":");
            let name = match service {
                "kms" => rest.strip_prefix("key/"),
                _ => rest.strip_prefix("secret:"),
            };
            let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            let name = name.is_some_and(|name| !name.is_empty() && !name.contains([':', '*']));
            partition.starts_with("aws") && *of == service && digits && name
        }
        _ => false,
    };
    if !is_arn {
        let message = format!("`{arn}` is not the ARN of a {kind}");
        let help = match service {
            "kms" => format!("write the key's own ARN, not an alias: `{example}`"),
            _ => {
                format!("write the full ARN, and a JSON key or a version not in it: `{example}`")
            }
        };
        findings.error(node.site, message, help);
        return;
    }
    if let (Some(of), Some(region)) = (parts.get(3), region)
        && *of != region
    {
        let message = format!("the {kind} is in {of}, and the environment in {region}");
        findings.error(node.site, message, format!("name one in {region}, a replica for example"));
    }
}
