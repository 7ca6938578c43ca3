//! What reaches the services: the load balancer, health checks, probes.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;

use super::{seconds, services, text};

/// The most seconds that a check in the container may take.
const CHECK_TIMEOUT: u32 = 60;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    for service in services(root) {
        health(&service.node, findings);
        if let Some(probe) = service.node.get("probe") {
            url_path(probe, findings);
            if service.node.lacks("route") {
                let message = format!(
                    "the probe of `{}` goes through the load balancer, and it has no route",
                    service.key
                );
                let site = service.node.entry("probe").map_or(probe.site, |entry| entry.site);
                findings.error(site, message, "add `route: \"/*\"`, or remove the probe");
            }
        }
    }
    load_balancer(root, findings);
}

/// ELB API reference, LoadBalancerAttribute: `idle_timeout.timeout_seconds`.
fn load_balancer(root: &Node, findings: &mut Findings) {
    if let Some(balancer) = root.get("load_balancer") {
        seconds(balancer, "idle", 1, 4000, findings);
    }
}

/// ELB API reference, CreateTargetGroup: HealthCheckIntervalSeconds, HealthCheckTimeoutSeconds, HealthCheckPath, Matcher.
fn health(service: &Node, findings: &mut Findings) {
    let Some(health) = service.get("health") else { return };
    let interval = seconds(health, "interval", 5, 300, findings);
    let timeout = seconds(health, "timeout", 2, 120, findings);
    seconds(health, "grace", 0, 7200, findings);
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && timeout >= interval
    {
        let node = |key: &str| health.get(key);
        let (Some(long), Some(short)) = (node("timeout"), node("interval")) else { return };
        let (blamed, other) = if long.default { (short, long) } else { (long, short) };
        let message = format!("a health check may take {timeout}s and comes every {interval}s");
        let finding =
            findings.error(blamed.site, message, "make `timeout` smaller than `interval`");
        if !other.default {
            finding.and(other.site, "against this");
        }
    }
    container_check(health, timeout, findings);
    url_path(health, findings);
    if let Some((codes, node)) = text(health, "codes")
        && let Err(help) = matcher(codes)
    {
        findings.error(node.site, format!("`{codes}` cannot be the codes of a good answer"), help);
    }
}

/// The container's own check has narrower bounds than the load balancer's, whose times it shares (ECS API reference,
/// HealthCheck: a timeout of 2 to 60 seconds).
fn container_check(health: &Node, timeout: Option<u32>, findings: &mut Findings) {
    if health.get("command").is_some()
        && timeout.is_some_and(|timeout| timeout > CHECK_TIMEOUT)
        && let Some(node) = health.get("timeout")
    {
        let message = "a command in the container has at most 1m to answer";
        findings.error(node.site, message, "use a `timeout` of 2s to 1m, or remove `command`");
    }
}

/// A path to ask for, with a query perhaps.
fn url_path(holder: &Node, findings: &mut Findings) {
    let Some((path, node)) = text(holder, "path") else { return };
    let sound = path.starts_with('/')
        && path.len() <= 1024
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !sound {
        let help = "begin with / and use up to 1024 characters without spaces: `/status`";
        findings.error(node.site, format!("`{path}` is not a path"), help);
    }
}

/// Codes and ranges of codes from 200 to 499, joined by commas.
fn matcher(codes: &str) -> Result<(), String> {
    let code = |code: &str| {
        let number = code.parse::<u16>().ok().filter(|_| code.len() == 3);
        number.filter(|number| (200..=499).contains(number))
    };
    for part in codes.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (code(from), code(to)) {
            (Some(from), Some(to)) if from <= to => {}
            (Some(_), Some(_)) => return Err(format!("write the smaller first: `{to}-{from}`")),
            _ => return Err("use 200 to 499: `\"200\"`, `\"200,204\"` or `\"200-299\"`".to_owned()),
        }
    }
    Ok(())
}
