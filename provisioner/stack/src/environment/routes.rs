//! Which service a request goes to: the routes of all services as the rules of one listener.
//!
//! The first rule that matches wins, so the order follows from what rules match: an exact host before a wildcard before
//! none, then an exact path before the longer pattern before the shorter. A service whose paths belong in different
//! places gets several rules.

mod pattern;

use std::collections::BTreeSet;

use pattern::{covers, overlap};

use super::types::{Environment, Route};

/// Condition values of a rule (ELB User Guide, "Quotas for your Application Load Balancers": cannot be raised).
pub(crate) const VALUES: usize = 5;
/// Wildcards in the conditions of a rule (there too).
pub(crate) const WILDCARDS: usize = 6;
/// Between two rules there is room for a rule of a user's own priority.
const STEP: u32 = 100;

/// What one service wants.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) service: &'a str,
    pub(crate) paths: Vec<&'a str>,
    /// None: every host.
    pub(crate) hosts: Vec<&'a str>,
    pub(crate) priority: Option<u32>,
}

/// A rule of the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule<'a> {
    pub(crate) service: &'a str,
    pub(crate) priority: u32,
    pub(crate) paths: Vec<&'a str>,
    /// None: every host.
    pub(crate) hosts: Vec<&'a str>,
}

impl<'a> Wish<'a> {
    pub(crate) fn new(service: &'a str, route: &'a Route, domain: Option<&'a str>) -> Self {
        let own: Vec<&str> = route.host.iter().map(String::as_str).collect();
        Self {
            service,
            paths: route.path.iter().map(String::as_str).collect(),
            hosts: if own.is_empty() { domain.into_iter().collect() } else { own },
            priority: route.priority.map(u32::from),
        }
    }
}

impl Rule<'_> {
    /// How many condition values and how many wildcards it has.
    pub(crate) fn size(&self) -> (usize, usize) {
        let values = || self.paths.iter().chain(&self.hosts);
        (values().count(), values().map(|value| pattern::wildcards(value)).sum())
    }

    /// Whether a load balancer takes it.
    pub(crate) fn fits(&self) -> bool {
        let (values, wildcards) = self.size();
        values <= VALUES && wildcards <= WILDCARDS
    }

    fn takes(&self, host: Option<&str>, path: &str) -> bool {
        let host = host.map(str::to_lowercase);
        let hosts = lower(&self.hosts);
        let is_host = |host: String| hosts.iter().any(|one| covers(one, &host));
        (hosts.is_empty() || host.is_some_and(is_host))
            && self.paths.iter().any(|one| covers(one, path))
    }

    /// Whether some request matches both.
    fn meets(&self, other: &Self) -> bool {
        let (ours, others) = (lower(&self.hosts), lower(&other.hosts));
        let host = ours.iter().any(|one| others.iter().any(|other| overlap(one, other)));
        (ours.is_empty() || others.is_empty() || host)
            && self.paths.iter().any(|one| other.paths.iter().any(|other| overlap(one, other)))
    }
}

/// The rules that give every service what it wants, in the order in which they are tried.
pub(crate) fn rules<'a>(wishes: &[Wish<'a>]) -> Vec<Rule<'a>> {
    rules_around(wishes, &BTreeSet::new())
}

/// The same, at priorities that are not among these: others have taken them.
fn rules_around<'a>(wishes: &[Wish<'a>], avoided: &BTreeSet<u32>) -> Vec<Rule<'a>> {
    let (said, open): (Vec<&Wish<'a>>, Vec<&Wish<'a>>) =
        wishes.iter().partition(|wish| wish.priority.is_some());
    let mut taken = avoided.clone();
    taken.extend(said.iter().filter_map(|wish| wish.priority));
    let mut free = (1..).map(|n| n * STEP).filter(|priority| !taken.contains(priority));
    let said = said.iter().filter_map(|wish| {
        let Wish { service, paths, hosts, .. } = (*wish).clone();
        Some(Rule { service, priority: wish.priority?, paths, hosts })
    });
    let mut rules: Vec<Rule<'a>> = said.collect();
    for mut rule in merged(open.into_iter().flat_map(single).collect()) {
        rule.priority = free.next().unwrap_or(u32::MAX);
        rules.push(rule);
    }
    rules.sort_by_key(|rule| rule.priority);
    rules
}

/// A rule for each path, and for each group of hosts of the same rank.
fn single<'a>(wish: &Wish<'a>) -> Vec<Rule<'a>> {
    let mut hosts = wish.hosts.clone();
    hosts.sort_by_key(|host| pattern::rank(host));
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for host in hosts {
        match groups.last_mut() {
            // Room for one path.
            Some(group)
                if group.len() + 1 < VALUES
                    && group.iter().chain([&host]).all(|host| pattern::wildcards(host) == 0) =>
            {
                group.push(host);
            }
            _ => groups.push(vec![host]),
        }
    }
    if groups.is_empty() {
        groups.push(Vec::new());
    }
    let rule = |hosts: &Vec<&'a str>, path: &&'a str| Rule {
        service: wish.service,
        priority: 0,
        paths: vec![*path],
        hosts: hosts.clone(),
    };
    groups.iter().flat_map(|hosts| wish.paths.iter().map(move |path| rule(hosts, path))).collect()
}

/// The same rules in their order, those of one service together where nothing between them is in the way.
fn merged(mut single: Vec<Rule<'_>>) -> Vec<Rule<'_>> {
    single.sort_by_key(|rule| {
        let host = rule.hosts.first().map(|host| pattern::rank(host));
        let path = rule.paths.first().map(|path| (pattern::rank(path), *path));
        (host.is_none(), host, path, rule.service)
    });
    let mut rules: Vec<Rule<'_>> = Vec::new();
    for rule in single {
        let before = rules.iter().rposition(|other| other.meets(&rule)).unwrap_or(0);
        let home = rules[before..].iter_mut().find(|other| {
            let more =
                Rule { paths: [&other.paths[..], &rule.paths].concat(), ..(**other).clone() };
            (other.service, &other.hosts) == (rule.service, &rule.hosts) && more.fits()
        });
        match home {
            Some(home) => home.paths.extend(&rule.paths),
            None => rules.push(rule),
        }
    }
    rules
}

/// The rule that takes a request.
pub(crate) fn taker<'r, 'a>(
    rules: &'r [Rule<'a>],
    host: Option<&str>,
    path: &str,
) -> Option<&'r Rule<'a>> {
    rules.iter().find(|rule| rule.takes(host, path))
}

/// The rule of another service that takes every request that `rule` would take with this path.
pub(crate) fn hidden_by<'r, 'a>(
    rules: &'r [Rule<'a>],
    rule: &Rule<'a>,
    path: &str,
) -> Option<&'r Rule<'a>> {
    let before = rules.iter().take_while(|other| other.priority < rule.priority);
    let hosts = lower(&rule.hosts);
    before.filter(|other| other.service != rule.service).find(|other| {
        let others = lower(&other.hosts);
        let all_hosts = others.is_empty()
            || !hosts.is_empty()
                && hosts.iter().all(|host| others.iter().any(|other| covers(other, host)));
        all_hosts && other.paths.iter().any(|other| covers(other, path))
    })
}

impl Environment {
    /// The rules of the listener. Services without a port have none.
    pub(crate) fn rules(&self) -> Vec<Rule<'_>> {
        self.rules_around(&BTreeSet::new())
    }

    /// The same, at priorities that are not among these.
    pub(crate) fn rules_around(&self, avoided: &BTreeSet<u32>) -> Vec<Rule<'_>> {
        let routed = self.services.iter().filter(|(_, service)| service.port.is_some());
        let wishes = routed.filter_map(|(name, service)| {
            Some(Wish::new(name, service.route.as_ref()?, self.domain.as_deref()))
        });
        rules_around(&wishes.collect::<Vec<_>>(), avoided)
    }

    /// The host name with which a request for `path` reaches a service; `None` when the load balancer's own will do.
    #[must_use]
    pub fn host_for(&self, service: &str, path: &str) -> Option<String> {
        let route = self.services.get(service)?.route.as_ref()?;
        let wish = Wish::new(service, route, self.domain.as_deref());
        host_for(&self.rules(), &wish, path)
    }
}

/// The same, of rules that are no environment's yet.
pub(crate) fn host_for(rules: &[Rule<'_>], wish: &Wish<'_>, path: &str) -> Option<String> {
    let hosts: Vec<String> = wish.hosts.iter().map(|host| pattern::filled(host)).collect();
    let path = bare(path);
    let ours = |host: &&String| {
        taker(rules, Some(host), path).is_some_and(|rule| rule.service == wish.service)
    };
    hosts.iter().find(ours).or(hosts.first()).cloned()
}

/// A path without its query: rules look at the path alone (ELB User Guide, "Path conditions").
pub(crate) fn bare(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or(path)
}

fn lower(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| text.to_lowercase()).collect()
}

#[cfg(test)]
mod tests;
