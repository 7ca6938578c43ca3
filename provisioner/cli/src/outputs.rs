//! What others may want to know of an environment: addresses and names.

use std::collections::BTreeMap;

use engine::Resource;
use engine::state::State;
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

/// `url`, and then what was made, as `service.api`.
pub(crate) fn of(session: &Session, state: &State) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    outputs.extend(url(session, state).map(|url| ("url".to_owned(), url)));
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

/// Where requests go.
pub(crate) fn url(session: &Session, state: &State) -> Option<String> {
    let address = crate::reconcile::at::<LoadBalancer>("main");
    let entry = state.resources.get(&address)?;
    if let Some(home) = &session.home {
        return Some(home.url(entry.desired.get("name")?.as_str()?));
    }
    Some(format!("http://{}", entry.outputs.get("dns_name")?.as_str()?))
}
