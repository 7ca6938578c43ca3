//! Whether the stored state may be trusted. One that is gone, or older than it was, would have the cloud
//! made a second time, or an old image shipped; so it is refused with what brings it back.

use std::collections::{BTreeMap, BTreeSet};

use engine::kind::Look;
use engine::plan::{Action, Plan};
use engine::state::State;
use engine::store::Version;
use engine::{Address, Class, Id, Owner, Ready, Resource};
use futures::future::try_join_all;
use kinds::{
    ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, RouteTable, SecurityGroup, Subnet, Vpc,
};

use crate::failure::{Code, Failure};
use crate::session::Session;
use crate::sweep;

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

/// How many are named.
const NAMED: usize = 5;

/// Refuses a state that replaced a newer one: somebody copied an old version over it.
pub(crate) async fn newest(
    session: &Session,
    state: &State,
    version: Option<&Version>,
) -> Result<(), Failure> {
    let Some(version) = version else { return Ok(()) };
    match session.store().before(Some(version)).await? {
        Some((newer, before)) if is_older(state, &before) => {
            let name = &session.environment().name;
            let message = format!(
                "the state of {name} is older than the one that it replaced (serial {} after {}): \
                 somebody put an old version in its place",
                state.serial, before.serial
            );
            Err(Failure::new(Code::State, message).hint(rebuild(session)).hint(format!(
                "or bring back the newer one: provisioner state restore {newer} --env {name}"
            )))
        }
        _ => Ok(()),
    }
}

/// Whether a state, which comes after another one, was written before it.
pub(crate) fn is_older(state: &State, before: &State) -> bool {
    state.lineage == before.lineage && state.serial <= before.serial
}

/// Refuses to make what the cloud has already with our tags on it: the state is gone, or older.
pub(crate) async fn knows_all(session: &Session, plan: &Plan) -> Result<(), Failure> {
    let made: BTreeSet<&Address> = plan
        .changes()
        .filter(|step| step.action == Action::Create && NAMELESS.contains(&step.address.kind()))
        .map(|step| &step.address)
        .collect();
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
    let kinds: BTreeMap<&str, ()> = made.iter().map(|address| (address.kind(), ())).collect();
    let looks = kinds.keys().map(async |kind| {
        match session.kinds.get(kind)?.observe(&session.aws, Look::Ours(&owner)).await {
            Err(error) if error.is(Class::NotEmulated) => Ok(Vec::new()),
            found => found,
        }
    });
    let found = try_join_all(looks).await?.into_iter().flatten();
    let found = found.filter(|seen| !matches!(seen.ready, Ready::Leaving(_))).filter_map(|seen| {
        let address = Address::from(seen.owner?.resource.as_str());
        made.contains(&address).then_some((address, seen.id))
    });
    Ok(found.collect())
}

fn knows(state: &State, address: &Address, id: &Id) -> bool {
    state.resources.get(address).is_some_and(|entry| {
        entry.intent.is_some() || entry.id.as_ref() == Some(id) || entry.older.contains(id)
    })
}

/// Refuses to call an environment deleted whose state is gone and whose resources are not.
pub(crate) async fn nothing_is_left(session: &Session) -> Result<(), Failure> {
    let left = sweep::left(session).await?;
    if left.is_empty() {
        return Ok(());
    }
    let name = &session.environment().name;
    let what = listed(&left);
    lost(session, format!("{name} has no state, and the account still has {what}")).await
}

async fn lost(session: &Session, message: String) -> Result<(), Failure> {
    let failure = Failure::new(Code::State, message).hint(rebuild(session));
    Err(match session.store().before(None).await? {
        Some((version, _)) => failure.hint(format!(
            "or look at what was stored (`provisioner state history`); the last one: provisioner state restore {version} --env {}",
            session.environment().name
        )),
        None => failure,
    })
}

fn rebuild(session: &Session) -> String {
    let name = &session.environment().name;
    format!("make it again from the cloud: provisioner state rebuild --env {name}")
}

fn listed(all: &[String]) -> String {
    let named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
