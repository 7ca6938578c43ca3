//! Routes: what a load balancer takes, and that every one of them can be reached.

use std::collections::BTreeSet;

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};
use crate::environment::routes::{self, Rule, VALUES, WILDCARDS, Wish};
use crate::environment::source::Site;

use super::{place, services, text};

/// The longest host or path of a rule (ELB API reference, HostHeaderConditionConfig and PathPatternConditionConfig).
const LENGTH: usize = 128;
/// Target groups of a load balancer (ELB User Guide, "Quotas for your Application Load Balancers": cannot be raised).
const TARGET_GROUPS: usize = 100;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let domain = text(root, "domain");
    let routed: Vec<&Entry> =
        services(root).iter().filter(|one| one.node.get("route").is_some()).collect();
    for service in &routed {
        if let Some(route) = service.node.get("route") {
            self::route(service, route, findings);
        }
    }
    let uses_domain = |one: &&Entry| own(&one.node, "host").is_empty();
    if let Some((domain, node)) = domain.filter(|(domain, _)| domain.len() > LENGTH)
        && routed.iter().any(uses_domain)
    {
        let message = format!("the domain has {} characters", domain.len());
        let help = format!("use up to {LENGTH}: the rules of a load balancer take no more");
        findings.error(node.site, message, help);
    }
    if let Some(last) = routed.get(TARGET_GROUPS) {
        let message = format!("{} services have a route", routed.len());
        let help = format!("use up to {TARGET_GROUPS}: a load balancer has no more target groups");
        findings.error(last.site, message, help);
    }
    let wishes: Vec<Wish<'_>> =
        routed.iter().map(|service| wish(service, domain.map(|(domain, _)| domain))).collect();
    let twice = duplicates(&routed, &wishes, findings);
    let rules = routes::rules(&wishes);
    for (service, wish) in routed.iter().zip(&wishes) {
        let own = || rules.iter().filter(|rule| rule.service == service.key);
        if let Some(rule) = own().find(|rule| !rule.fits()) {
            too_large(service, rule, wish, findings);
        }
        for (rule, path) in own().flat_map(|rule| rule.paths.iter().map(move |path| (rule, *path)))
        {
            let hidden = routes::hidden_by(&rules, rule, path);
            let hidden = hidden.filter(|_| !twice.contains(&(service.key.as_str(), path)));
            if let (Some(other), Some(node)) = (hidden, path_node(service, path)) {
                let message = format!("no request for `{path}` ever reaches `{}`", service.key);
                let taken = format!("`{}` is tried before it and takes all of them", other.service);
                let help = "leave `priority` out, so that what is more specific is tried first, or swap the two";
                let site = routed.iter().find(|one| one.key == other.service).map(|one| one.site);
                let finding = findings.error(node.site, message, help);
                if let Some(site) = site {
                    finding.and(site, &taken);
                }
            }
        }
        probe(service, wish, &rules, findings);
    }
}

/// What a service wants, as far as its route could be read.
fn wish<'a>(service: &'a Entry, domain: Option<&'a str>) -> Wish<'a> {
    let hosts = own(&service.node, "host");
    let priority = service.node.at("route.priority").and_then(Node::integer);
    Wish {
        service: &service.key,
        paths: own(&service.node, "path"),
        hosts: if hosts.is_empty() { domain.into_iter().collect() } else { hosts },
        priority: priority.and_then(|priority| priority.try_into().ok()),
    }
}

/// The texts of a list of the route.
fn own<'a>(service: &'a Node, key: &str) -> Vec<&'a str> {
    let list = service.get("route").and_then(|route| route.get(key));
    list.map_or(&[][..], Node::items).iter().filter_map(Node::text).collect()
}

fn path_node<'a>(service: &'a Entry, path: &str) -> Option<&'a Node> {
    let paths = service.node.at("route.path")?;
    paths.items().iter().find(|node| node.text() == Some(path))
}

fn site(service: &Entry, key: &str) -> Site {
    service.node.entry(key).map_or(service.site, |entry| entry.site)
}

fn route(service: &Entry, route: &Node, findings: &mut Findings) {
    let port = service.node.entry("port");
    if port.is_none_or(|port| port.node.default) {
        let message = format!("`{}` has a route and no port", service.key);
        let help = "add `port:`, the port that the container listens on";
        findings.error(site(service, "route"), message, help);
    }
    let list = |key: &str| route.get(key).map_or(&[][..], Node::items);
    if list("path").is_empty() && route.get("path").is_some() {
        let help = "write `path: \"/*\"` for every path";
        findings.error(site(service, "route"), "the route has no path", help);
    }
    for node in list("path") {
        let Some(path) = node.text() else { continue };
        if let Err(reason) = pattern(path) {
            let message = format!("`{path}` cannot be the path of a route: {reason}");
            let help = "begin with / and use letters, digits, _ - . $ / ~ \" ' @ : + & and the wildcards * and ?";
            findings.error(node.site, message, help);
        }
    }
    let mut seen = BTreeSet::new();
    for node in list("host") {
        let Some(host) = node.text() else { continue };
        if let Err(reason) = place::is_domain(&host.replace(['*', '?'], "x")) {
            let message = format!("`{host}` is not a host name: {reason}");
            let help = "write the bare name, perhaps with * and ?: `*.example.com`";
            findings.error(node.site, message, help);
        }
        if host.len() > LENGTH {
            let message = format!("the host name has {} characters", host.len());
            let help = format!("use up to {LENGTH}: a load balancer takes no more");
            findings.error(node.site, message, help);
        }
        if !seen.insert(host.to_lowercase()) {
            findings.error(node.site, format!("`{host}` is there twice"), "take one out");
        }
    }
}

/// A path pattern (ELB API reference, PathPatternConditionConfig): 128 characters, a counted set of them.
fn pattern(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("it does not begin with /");
    }
    if path.len() > LENGTH {
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

fn too_large(service: &Entry, rule: &Rule<'_>, wish: &Wish<'_>, findings: &mut Findings) {
    let (values, wildcards) = rule.size();
    let (number, what, most) = if values > VALUES {
        (values, "paths and hosts", VALUES)
    } else {
        (wildcards, "wildcards", WILDCARDS)
    };
    let message = format!(
        "a rule of `{}` has {number} {what}, and a load balancer takes {most}",
        service.key
    );
    let help = if wish.priority.is_some() {
        "leave `priority` out: the route then becomes as many rules as it needs"
    } else {
        "use fewer wildcards in one path and its host: a single `*` also matches several parts"
    };
    findings.error(site(service, "route"), message, help);
}

/// Routes of two services that are the same, and priorities that are taken. Returns services and paths that are.
fn duplicates<'a>(
    routed: &[&'a Entry],
    wishes: &[Wish<'a>],
    findings: &mut Findings,
) -> BTreeSet<(&'a str, &'a str)> {
    let mut twice = BTreeSet::new();
    let mut paths: Vec<(String, &str, Site, &str)> = Vec::new();
    let mut priorities: Vec<(i64, Site, &str)> = Vec::new();
    for (service, wish) in routed.iter().zip(wishes) {
        let hosts: Vec<String> = wish.hosts.iter().map(|host| host.to_lowercase()).collect();
        let hosts = if hosts.is_empty() { vec![String::new()] } else { hosts };
        for node in service.node.at("route.path").map_or(&[][..], Node::items) {
            let Some(path) = node.text() else { continue };
            let same =
                paths.iter().find(|(host, other, ..)| hosts.contains(host) && *other == path);
            if let Some((host, _, site, owner)) = same {
                let message = match (path, *owner == service.key) {
                    (_, true) => format!("`{path}` is there twice"),
                    ("/*", _) if host.is_empty() => {
                        format!("`{}` and `{owner}` both take every request", service.key)
                    }
                    _ => format!("`{}` and `{owner}` both take {host}{path}", service.key),
                };
                let help = "give each route a path or a host of its own";
                findings.error(node.site, message, help).and(*site, "already taken here");
                twice.extend([(service.key.as_str(), path), (*owner, path)]);
            } else {
                let here = |host: &String| (host.clone(), path, node.site, service.key.as_str());
                paths.extend(hosts.iter().map(here));
            }
        }
        let Some(node) = service.node.at("route.priority") else { continue };
        let Some(priority) = node.integer() else { continue };
        if let Some((_, site, owner)) = priorities.iter().find(|(taken, ..)| *taken == priority) {
            let message = format!("`{}` and `{owner}` have the same priority", service.key);
            let help =
                "give each route its own, or leave them out: what is more specific is tried first";
            findings.error(node.site, message, help).and(*site, "also here");
        } else {
            priorities.push((priority, node.site, &service.key));
        }
    }
    twice
}

/// A probe goes through the load balancer like any request: it must reach its own service.
fn probe(service: &Entry, wish: &Wish<'_>, rules: &[Rule<'_>], findings: &mut Findings) {
    let Some(node) = service.node.at("probe.path") else { return };
    let Some(asked) = node.text().filter(|path| path.starts_with('/')) else { return };
    let host = routes::host_for(rules, wish, asked);
    let taker = routes::taker(rules, host.as_deref(), routes::bare(asked));
    let name = &service.key;
    let message = match taker.map(|rule| rule.service) {
        Some(other) if other == name => return,
        Some(other) => {
            format!("the probe of `{name}` asks for `{asked}`, and `{other}` takes that")
        }
        None => format!("the probe of `{name}` asks for `{asked}`, which is outside its route"),
    };
    let first = wish.paths.first().copied().unwrap_or("/*");
    let help = format!("ask for a path that `{first}` takes, or add this one to the route");
    findings.error(node.site, message, help);
}
