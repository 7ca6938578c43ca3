//! Names that end up in AWS's names.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;
use crate::environment::source::Site;

use super::{services, text};

/// IAM allows 64 characters for a role (IAM API reference, CreateRole); the longest role name of a service is
/// `project-environment-service-execution`.
const ROLE: usize = 64;
const EXECUTION: &str = "execution";

/// The longest name of an environment, a project, a service and a secret.
const ENVIRONMENT: usize = 16;
const PROJECT: usize = 24;
const SERVICE: usize = 24;
const SECRET: usize = 48;

pub(super) fn check(environment: &str, root: &Node, findings: &mut Findings) {
    if environment == "base" {
        let help = "`base.yaml` is what environments share; name one of them, or name this one differently";
        findings.error(root.site, "`base` cannot be an environment", help);
    }
    name("environment", environment, ENVIRONMENT, root.site, findings);
    let project = text(root, "project");
    if let Some((project, node)) = project {
        name("project", project, PROJECT, node.site, findings);
    }
    for secret in root.get("secrets").map_or(&[][..], Node::entries) {
        name("secret", &secret.key, SECRET, secret.site, findings);
    }
    if root.get("services").is_some_and(|services| services.entries().is_empty()) {
        let site = root.entry("services").map_or(root.site, |entry| entry.site);
        findings.error(
            site,
            "there is no service",
            "add one: `services: { api: { image: .., port: 8000 } }`",
        );
    }
    for service in services(root) {
        let sound = name("service", &service.key, SERVICE, service.site, findings);
        let Some((project, _)) = project.filter(|_| sound) else { continue };
        let role = format!("{project}-{environment}-{}-{EXECUTION}", service.key);
        if project.len() <= PROJECT && environment.len() <= ENVIRONMENT && role.len() > ROLE {
            let message =
                format!("the role `{role}` has {} characters, and IAM allows {ROLE}", role.len());
            let help =
                format!("shorten the project, environment or service by {}", role.len() - ROLE);
            findings.error(service.site, message, help);
        }
    }
}

/// Lower-case letters, digits and single hyphens, a letter first: what every AWS service takes.
fn name(kind: &str, name: &str, most: usize, site: Site, findings: &mut Findings) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > most {
        let message = format!("the {kind} `{name}` has {} characters", name.len());
        let help = format!("use {most} or fewer: it is part of names that AWS limits");
        findings.error(site, message, help);
        return false;
    }
    let sound = name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--");
    if !sound {
        let message = format!("`{name}` cannot be the name of a {kind}");
        let help = "use lower-case letters, digits and single hyphens, a letter first";
        findings.error(
            site,
            message,
            suggestion(name).map_or(help.to_owned(), |name| format!("{help}: `{name}`")),
        );
    }
    sound
}

/// The nearest good name.
fn suggestion(name: &str) -> Option<String> {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
    let first = joined.find(|first: char| first.is_ascii_lowercase())?;
    Some(joined[first..].to_owned())
}
