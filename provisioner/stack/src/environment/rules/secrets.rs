//! Secrets: each is defined once, at the top, and used by name.

use std::collections::BTreeSet;

use crate::environment::complaint::Findings;
use crate::environment::node::Node;
use crate::environment::suggest::did_you_mean;

use super::services;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let defined = root.get("secrets").map_or(&[][..], Node::entries);
    let names: Vec<String> = defined.iter().map(|secret| secret.key.clone()).collect();
    let mut used = BTreeSet::new();
    for service in services(root) {
        for variable in service.node.get("secrets").map_or(&[][..], Node::entries) {
            let Some(name) = variable.node.text() else { continue };
            used.insert(name);
            if !names.iter().any(|known| known == name) {
                let message = format!("the secret `{name}` is not defined");
                let define =
                    format!("add it to the top-level secrets: `secrets: {{ {name}: given }}`");
                let help = did_you_mean(name, &names)
                    .map_or(define.clone(), |meant| format!("{meant} Or {define}"));
                findings.error(variable.node.site, message, help);
            }
        }
    }
    for secret in defined {
        if !used.contains(secret.key.as_str()) {
            let message = format!("no service uses the secret `{}`", secret.key);
            let help = format!(
                "use it (`secrets: {{ VARIABLE: {} }}` in a service) or remove it",
                secret.key
            );
            findings.warning(secret.site, message, help);
        }
    }
}
