//! Guards the stored state. One that is gone, or older than it was, would have the cloud
//! made a second time, or an old image shipped; so it is refused with what brings it back.

use aws::store::Page;
use engine::state::State;
use engine::store::Version;

use super::leftovers;
use crate::failure::{Code, Failure};
use crate::session::Session;

/// How many are named.
const NAMED: usize = 5;

/// Loads the state, and lists meanwhile what was stored before: for [`newest`].
pub(crate) async fn load(session: &Session) -> Result<(State, Option<Version>, Page), Failure> {
    let store = session.store();
    let recent = async { store.recent().await.map_err(Failure::from) };
    let ((state, version), recent) =
        Box::pin(async { tokio::try_join!(session.state(), recent) }).await?;
    Ok((state, version, recent))
}

/// Refuses a state that replaced a newer one: somebody copied an old version over it.
pub(crate) async fn newest(
    session: &Session,
    state: &State,
    version: Option<&Version>,
    recent: Page,
) -> Result<(), Failure> {
    let Some(version) = version else { return Ok(()) };
    match session.store().before_in(recent, Some(version)).await? {
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

/// Refuses to call an environment deleted whose state is gone and whose resources are not.
pub(crate) async fn nothing_is_left(session: &Session) -> Result<(), Failure> {
    let left = leftovers::left(session).await?;
    if left.is_empty() {
        return Ok(());
    }
    let name = &session.environment().name;
    let what = listed(&left);
    lost(session, format!("{name} has no state, and the account still has {what}")).await
}

pub(super) async fn lost(session: &Session, message: String) -> Result<(), Failure> {
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

pub(super) fn listed(all: &[String]) -> String {
    let named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
