//! What others may want to know of an environment: addresses and names.

use std::collections::BTreeMap;

use engine::Resource;
use engine::state::{Entry, State};
use kinds::{Cluster, LoadBalancer, LogGroup, Repository, Secret, TaskDefinition, Vpc};

use crate::session::Session;

/// The kinds that are shown, each with the output and what it is called.
const SHOWN: [(&str, &str, &str); 7] = [
    (Vpc::KIND, "id", "vpc"),
    (Cluster::KIND, "name", "cluster"),
    (kinds::Service::KIND, "arn", "service"),
    (TaskDefinition::KIND, "arn", "task-definition"),
    (Repository::KIND, "uri", "repository"),
    (LogGroup::KIND, "name", "log-group"),
    (Secret::KIND, "arn", "secret"),
];

/// `url` and `load-balancer`, and then what was made, as `service.api`.
pub(crate) fn of(session: &Session, state: &State) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    outputs.extend(url(session, state).map(|url| ("url".to_owned(), url)));
    outputs.extend(dns_name(state).map(|name| ("load-balancer".to_owned(), name.to_owned())));
    for (address, entry) in &state.resources {
        let shown = SHOWN.iter().find(|(kind, ..)| *kind == address.kind());
        let Some((_, field, label)) = shown else { continue };
        let value = entry.outputs.get(*field).and_then(|value| value.as_str());
        let value = value.or_else(|| entry.desired.get(*field)?.as_str());
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let only = matches!(*label, "vpc" | "cluster");
            let key =
                if only { (*label).to_owned() } else { format!("{label}.{}", address.name()) };
            outputs.insert(key, value.to_owned());
        }
    }
    outputs
}

/// Where users send requests: to the domain, else to the load balancer. The local cloud has no domains: requests go to
/// its load balancer and carry the domain as their `Host`.
pub(crate) fn url(session: &Session, state: &State) -> Option<String> {
    let balancer = load_balancer(session, state)?;
    let domain = session.environment().domain.as_ref().filter(|_| session.home.is_none());
    Some(domain.map_or(balancer, |domain| format!("http://{domain}")))
}

/// The URL of the load balancer itself.
pub(crate) fn load_balancer(session: &Session, state: &State) -> Option<String> {
    match &session.home {
        Some(home) => Some(home.url(balancer(state)?.desired.get("name")?.as_str()?)),
        None => Some(format!("http://{}", dns_name(state)?)),
    }
}

fn dns_name(state: &State) -> Option<&str> {
    balancer(state)?.outputs.get("dns_name")?.as_str()
}

fn balancer(state: &State) -> Option<&Entry> {
    state.resources.get(&crate::run::at::<LoadBalancer>("main"))
}
