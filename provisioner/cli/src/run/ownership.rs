//! Refuses to make what is there already: with our tags on it, or under a name of ours in somebody else's
//! hands.

use std::collections::{BTreeMap, BTreeSet};

use engine::kind::{Look, Observed};
use engine::plan::Action;
use engine::state::State;
use engine::{Address, Class, Id, Owner, Ready, Resource};
use futures::future::try_join_all;
use kinds::{
    Cluster, ElasticIp, GatewayEndpoint, InternetGateway, LoadBalancer, LogGroup, NatGateway,
    Repository, Role, RouteTable, SecurityGroup, Subnet, Vpc,
};
use serde_json::Value;

use super::PlannedRun;
use super::state_guard::{listed, lost};
use crate::failure::{Code, Failure};
use crate::session::Session;

/// What AWS makes a second time without a complaint: everything else has a name that is taken once.
const NAMELESS: [&str; 8] = [
    Vpc::KIND,
    Subnet::KIND,
    InternetGateway::KIND,
    ElasticIp::KIND,
    NatGateway::KIND,
    RouteTable::KIND,
    GatewayEndpoint::KIND,
    SecurityGroup::KIND,
];

/// What has a name that an account or region gives once, and that is known before anything is made.
const NAMED_ONCE: [&str; 5] =
    [Cluster::KIND, LoadBalancer::KIND, LogGroup::KIND, Repository::KIND, Role::KIND];

/// Refuses to make what is there already: with our tags on it, because the state is gone or older; or
/// under a name of ours in somebody else's hands. Better now than half-way.
pub(crate) async fn nothing_is_there(
    session: &Session,
    state: &State,
    draft: &PlannedRun,
) -> Result<(), Failure> {
    let creates = draft.plan.changes().filter(|step| step.action == Action::Create);
    let creates: Vec<&Address> = creates
        .map(|step| &step.address)
        // What was begun is looked for by its operation.
        .filter(|address| state.resources.get(address).is_none_or(|entry| entry.intent.is_none()))
        .collect();
    tokio::try_join!(knows_all(session, &creates), names_are_free(session, draft, &creates))?;
    Ok(())
}

async fn names_are_free(
    session: &Session,
    draft: &PlannedRun,
    creates: &[&Address],
) -> Result<(), Failure> {
    let mut wanted: BTreeMap<&str, BTreeMap<&str, &Address>> = BTreeMap::new();
    for address in creates.iter().filter(|address| NAMED_ONCE.contains(&address.kind())) {
        let name = draft.graph.get(address).and_then(|node| node.spec["name"].as_str());
        wanted.entry(address.kind()).or_default().extend(name.map(|name| (name, *address)));
    }
    let looks = wanted.iter().map(|(kind, named)| strangers(session, draft, kind, named));
    let taken: Vec<String> = try_join_all(looks).await?.into_iter().flatten().collect();
    if taken.is_empty() {
        return Ok(());
    }
    let message = format!("{} cannot be made: names are taken", session.environment().name);
    Err(taken.into_iter().fold(Failure::new(Code::Refused, message), Failure::hint))
}

/// What has a name that one of a kind's new resources is to have, and is not that resource.
async fn strangers(
    session: &Session,
    draft: &PlannedRun,
    kind: &str,
    named: &BTreeMap<&str, &Address>,
) -> Result<Vec<String>, Failure> {
    let specs = named.values().filter_map(|address| draft.graph.get(address));
    let specs: Vec<Value> = specs.map(|node| node.spec.clone()).collect();
    let found = match session.kinds.get(kind)?.observe(&session.aws, Look::Named(&specs)).await {
        Err(error) if error.is(Class::NotEmulated) => Vec::new(),
        found => found?,
    };
    let environment = session.environment();
    let foreign = found.into_iter().filter(stays).filter_map(|seen| {
        let address = *named.get(seen.spec["name"].as_str()?)?;
        let owner = Owner {
            resource: address.to_string(),
            ..Owner::of(&environment.project, &environment.name)
        };
        let is_ours = seen.owner.as_ref().is_some_and(|other| other.same_resource(&owner));
        (!is_ours).then(|| engine::plan::foreign(address, &seen).to_string())
    });
    Ok(foreign.collect())
}

async fn knows_all(session: &Session, creates: &[&Address]) -> Result<(), Failure> {
    let made: BTreeSet<&Address> =
        creates.iter().copied().filter(|address| NAMELESS.contains(&address.kind())).collect();
    let found = tagged(session, &made).await?;
    if found.is_empty() {
        return Ok(());
    }
    // Another run may have made them since the state was read. It has stored so beforehand.
    let (state, version) = session.state().await?;
    let unknown = found.iter().filter(|(address, id)| !knows(&state, address, id));
    let unknown: Vec<String> = unknown.map(|(address, id)| format!("{address} ({id})")).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let name = &session.environment().name;
    let what = if version.is_some() { "is not the newest" } else { "is gone" };
    let message = format!(
        "the state of {name} {what}: the account has {}, with its tags on it",
        listed(&unknown)
    );
    lost(session, message).await
}

/// What carries the tags of one of these resources and stays.
async fn tagged(
    session: &Session,
    made: &BTreeSet<&Address>,
) -> Result<Vec<(Address, Id)>, Failure> {
    let environment = session.environment();
    let owner = Owner::of(&environment.project, &environment.name);
    let kinds: BTreeSet<&str> = made.iter().map(|address| address.kind()).collect();
    let looks = kinds.iter().map(async |kind| {
        match session.kinds.get(kind)?.observe(&session.aws, Look::Ours(&owner)).await {
            Err(error) if error.is(Class::NotEmulated) => Ok(Vec::new()),
            found => found,
        }
    });
    let found = try_join_all(looks).await?.into_iter().flatten();
    let found = found.filter(stays).filter_map(|seen| {
        let address = Address::from(seen.owner?.resource.as_str());
        made.contains(&address).then_some((address, seen.id))
    });
    Ok(found.collect())
}

fn stays(seen: &Observed) -> bool {
    !matches!(seen.ready, Ready::Leaving(_))
}

fn knows(state: &State, address: &Address, id: &Id) -> bool {
    state.resources.get(address).is_some_and(|entry| {
        entry.intent.is_some() || entry.id.as_ref() == Some(id) || entry.older.contains(id)
    })
}
