//! Secrets: each is defined once, at the top, and used by name.

use std::collections::BTreeSet;

use crate::environment::complaint::Findings;
use crate::environment::node::{Node, Value};
use crate::environment::suggest::did_you_mean;

use super::services;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let defined = root.get("secrets").map_or(&[][..], Node::entries);
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
