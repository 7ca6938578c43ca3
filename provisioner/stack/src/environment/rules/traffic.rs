//! What reaches the services: ports, routes, health checks, probes.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};
use crate::environment::source::Site;

use super::{place, seconds, services, text};

/// A rule has at most five condition values (ELB User Guide, "Quotas for your Application Load Balancers").
const VALUES: usize = 5;

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
        if let Some(route) = service.node.get("route") {
            self::route(service, route, findings);
        }
    }
    duplicates(root, findings);
}

fn route(service: &Entry, route: &Node, findings: &mut Findings) {
    let site = service.node.entry("route").map_or(route.site, |entry| entry.site);
    let port = service.node.entry("port");
    if port.is_none_or(|port| port.node.default) {
        let message = format!("`{}` has a route and no port", service.key);
        findings.error(site, message, "add `port:`, the port that the container listens on");
    }
    let paths = route.get("path").map_or(&[][..], Node::items);
    if paths.is_empty() && route.get("path").is_some() {
        findings.error(site, "the route has no path", "write `path: \"/*\"` for every path");
    }
    for node in paths {
        let Some(path) = node.text() else { continue };
        if let Err(reason) = pattern(path) {
            let message = format!("`{path}` cannot be the path of a route: {reason}");
            let help = "begin with / and use letters, digits, _ - . $ / ~ \" ' @ : + & and the wildcards * and ?";
            findings.error(node.site, message, help);
        }
    }
    let host = text(route, "host");
    if let Some((host, node)) = host
        && let Err(reason) = place::is_domain(&host.replace(['*', '?'], "x"))
    {
        let message = format!("`{host}` is not a host name: {reason}");
        findings.error(
            node.site,
            message,
            "write the bare name, perhaps with * and ?: `*.example.com`",
        );
    }
    if let Some((host, node)) = host.filter(|(host, _)| host.len() > 128) {
        let message = format!("the host name has {} characters", host.len());
        findings.error(node.site, message, "use up to 128: a load balancer takes no more");
    }
    let values = paths.len() + usize::from(host.is_some());
    if values > VALUES {
        let message = format!(
            "the route has {values} paths and hosts, and a rule of a load balancer takes {VALUES}"
        );
        findings.error(site, message, "join paths with a wildcard, such as `/v1/*`");
    }
}

/// A path pattern (ELB API reference, PathPatternConditionConfig): 128 characters, a counted set of them.
fn pattern(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("it does not begin with /");
    }
    if path.len() > 128 {
        return Err("it has more than 128 characters");
    }
    let sound = |character: char| {
        character.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?".contains(character)
    };
    if path.chars().all(sound) {
        Ok(())
    } else {
        Err("it has characters that a load balancer does not take")
    }
}

/// Routes of which one would never be reached, and priorities that are taken.
fn duplicates(root: &Node, findings: &mut Findings) {
    let mut paths: Vec<(String, String, Site, &str)> = Vec::new();
    let mut priorities: Vec<(i64, Site, &str)> = Vec::new();
    for service in services(root) {
        let Some(route) = service.node.get("route") else { continue };
        let host = text(route, "host").map_or("", |(host, _)| host).to_lowercase();
        for node in route.get("path").map_or(&[][..], Node::items) {
            let Some(path) = node.text() else { continue };
            if let Some((.., site, owner)) =
                paths.iter().find(|(h, p, ..)| (h, p.as_str()) == (&host, path))
            {
                let message = match (path, *owner == service.key) {
                    (_, true) => format!("`{path}` is there twice"),
                    ("/*", _) if host.is_empty() => {
                        format!("`{}` and `{owner}` both take every request", service.key)
                    }
                    _ => format!("`{}` and `{owner}` both take {host}{path}", service.key),
                };
                let help = "give each route a path or a host of its own";
                findings.error(node.site, message, help).and(*site, "already taken here");
            } else {
                paths.push((host.clone(), path.to_owned(), node.site, &service.key));
            }
        }
        let Some(node) = route.get("priority") else { continue };
        let Some(priority) = node.integer() else { continue };
        if let Some((_, site, owner)) = priorities.iter().find(|(taken, ..)| *taken == priority) {
            let message = format!("`{}` and `{owner}` have the same priority", service.key);
            let help = "give each route its own, or leave them out: longer paths are tried first";
            findings.error(node.site, message, help).and(*site, "also here");
        } else {
            priorities.push((priority, node.site, &service.key));
        }
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
    url_path(health, findings);
    if let Some((codes, node)) = text(health, "codes")
        && let Err(help) = matcher(codes)
    {
        findings.error(node.site, format!("`{codes}` cannot be the codes of a good answer"), help);
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
