//! A service's environment variables, its secrets among them.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};

pub(super) fn check(service: &Entry, findings: &mut Findings) {
    let variables = |key: &str| service.node.get(key).map_or(&[][..], Node::entries);
    let plain = variables("environment");
    let secret = variables("secrets");
    for variable in plain.iter().chain(secret) {
        name(variable, findings);
    }
    for variable in secret {
        if let Some(other) = plain.iter().find(|other| other.key == variable.key) {
            let (later, earlier) =
                if variable.site.later(other.site) { (variable, other) } else { (other, variable) };
            let message = format!("`{}` is both a plain variable and a secret", variable.key);
            let help = "keep one; what a base says is dropped by `null`";
            findings.error(later.site, message, help).and(earlier.site, "also set here").mask();
        }
    }
    for variable in plain {
        value(service, variable, findings);
    }
}

fn name(variable: &Entry, findings: &mut Findings) {
    let name = variable.key.as_str();
    // ECS takes any name; a process gets those with dots and hyphens as well, as products like Elasticsearch want them.
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty()
        || !name.bytes().all(sound)
        || name.starts_with(|first: char| first.is_ascii_digit())
    {
        let message = format!("`{name}` cannot be an environment variable");
        findings
            .error(variable.site, message, "use letters, digits and _ . -, no digit first")
            .mask();
        return;
    }
    // ECS sets these in every task (ECS Developer Guide, "Task metadata" and "Task IAM role").
    let by_ecs = name.starts_with("ECS_")
        || name.starts_with("AWS_CONTAINER_")
        || name == "AWS_EXECUTION_ENV";
    if by_ecs {
        let message = format!("`{name}` is set by ECS");
        findings.error(variable.site, message, "choose another name").mask();
    } else if name.starts_with("PROVISIONER_") {
        let message = format!("`{name}` is set by this tool");
        findings
            .error(variable.site, message, "choose a name that does not begin with PROVISIONER_")
            .mask();
    } else if ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].contains(&name) {
        let message = format!("`{name}` would replace the task's own role");
        let help = "remove it and say in `permissions` what the service may do: the SDK finds the role by itself";
        findings.error(variable.site, message, help).mask();
    }
}

fn value(service: &Entry, variable: &Entry, findings: &mut Findings) {
    let Some(value) = variable.node.text() else { return };
    let ephemeral = service.node.get("data").and_then(Node::text) == Some("ephemeral");
    if value.starts_with("sqlite:") && !ephemeral {
        let message = format!(
            "`{}` keeps data on the task's disk, which is gone with the task",
            variable.key
        );
        let help = "use a database outside the task, as a given secret; if the data may be lost, say `data: ephemeral`";
        findings.error(variable.site, message, help);
        return;
    }
    let upper = variable.key.to_uppercase();
    let endings = ["PASS", "PASSWORD", "SECRET", "TOKEN", "API_KEY", "PRIVATE_KEY"];
    let named =
        endings.iter().any(|ending| upper == *ending || upper.ends_with(&format!("_{ending}")));
    if !value.is_empty() && (named || has_password(value)) {
        let message = format!(
            "`{}` looks like a secret, and everyone who reads this file or the task definition sees it",
            variable.key
        );
        let help = "define it under the top-level `secrets` and use it in the service's `secrets`";
        findings.warning(variable.site, message, help).mask();
    }
}

/// Whether a value is a URL with a user and a password: `postgres://user:password@host/db`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
