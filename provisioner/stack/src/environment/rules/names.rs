//! Names that end up in AWS's names.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;
use crate::environment::source::Site;

use super::{services, text};

/// The longest names. Together they keep the names derived from them readable: those are cut and given a digest only
/// where AWS allows no more than 32 characters (load balancers, target groups).
const ENVIRONMENT: usize = 16;
const PROJECT: usize = 24;
const SERVICE: usize = 24;
const SECRET: usize = 48;

/// Words that AWS refuses at the beginning of names that begin with the project's (ELB API reference, CreateLoadBalancer:
/// Name; EC2 API reference, CreateSecurityGroup: GroupName).
const REFUSED: [(&str, &str); 2] = [("internal", "load balancers"), ("sg", "security groups")];
/// The part of the load balancer in names of security groups.
const LOAD_BALANCER: &str = "load-balancer";

pub(super) fn check(environment: &str, root: &Node, findings: &mut Findings) {
    if environment == "base" {
        let help = "`base.yaml` is what environments share; name one of them, or name this one differently";
        findings.error(root.site, "`base` cannot be an environment", help);
    }
    name("environment", environment, ENVIRONMENT, root.site, findings);
    if let Some((project, node)) = text(root, "project") {
        name("project", project, PROJECT, node.site, findings);
        if let Some((start, what)) = REFUSED.iter().find(|(start, _)| {
            project == *start
                || project.strip_prefix(start).is_some_and(|rest| rest.starts_with('-'))
        }) {
            let message = format!("`{project}` cannot be the project's name");
            let help = format!(
                "begin with another word than `{start}`: AWS refuses {what} whose names begin with `{start}-`"
            );
            findings.error(node.site, message, help);
        }
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
        name("service", &service.key, SERVICE, service.site, findings);
        if service.key == LOAD_BALANCER {
            let message = format!("`{LOAD_BALANCER}` cannot be a service's name");
            let help = "choose another: the load balancer's own security group has this name";
            findings.error(service.site, message, help);
        }
    }
}

/// Lower-case letters, digits and single hyphens, a letter first: what every AWS service takes.
fn name(kind: &str, name: &str, most: usize, site: Site, findings: &mut Findings) {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > most {
        let message = format!("the {kind} `{name}` has {} characters", name.len());
        let help = format!("use {most} or fewer: it is part of names that AWS limits");
        findings.error(site, message, help);
        return;
    }
    let sound = name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--");
    if !sound {
        let message = format!("`{name}` cannot be the {kind}'s name");
        let help = "use lower-case letters, digits and single hyphens, a letter first";
        findings.error(
            site,
            message,
            suggestion(name).map_or(help.to_owned(), |name| format!("{help}: `{name}`")),
        );
    }
}

/// The nearest good name.
fn suggestion(name: &str) -> Option<String> {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
    let first = joined.find(|first: char| first.is_ascii_lowercase())?;
    Some(joined[first..].to_owned())
}
