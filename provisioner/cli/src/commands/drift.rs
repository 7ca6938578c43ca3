//! `drift`: what somebody else has changed since it was last applied. Reads only, takes no lock.

use std::process::ExitCode;
use std::time::Instant;

use engine::Resource;
use engine::drift::drift;
use engine::state::State;
use futures::future::try_join_all;
use kinds::Vpc;

use crate::args::{Global, Remembered};
use crate::failure::{Code, Failure};
use crate::report::{self, Drifted};
use crate::session::Session;
use crate::trust;

pub(crate) async fn run(global: &Global, args: &Remembered) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let session = Session::remembered(global, args).await?;
    let (state, version, recent) = trust::load(&session).await?;
    let name = &session.environment().name;
    if version.is_none() {
        trust::nothing_is_left(&session).await?;
    }
    let Session { aws, kinds, clock, .. } = &session;
    let (drift, strangers, ()) = tokio::try_join!(
        async { Ok(drift(aws, kinds, &state, clock).await?) },
        strangers(&session, &state),
        trust::newest(&session, &state, version.as_ref(), recent),
    )?;
    let drifted = Drifted {
        environment: name,
        resources: state.resources.len(),
        drift: &drift,
        strangers: &strangers,
        calls: aws.calls().iter().map(|(_, count)| count).sum(),
        seconds: began.elapsed().as_secs_f64(),
    };
    if global.json {
        report::json(&drifted.json())?;
    } else {
        report::out(&drifted.text());
        report::note(&format!("{} API calls, {:.1} s", drifted.calls, drifted.seconds));
    }
    Ok(if drift.is_empty() { ExitCode::SUCCESS } else { (Code::Changes as u8).into() })
}

/// Who else is in our VPC. That is no drift of ours, and `up` changes nothing about it.
async fn strangers(
    session: &Session,
    state: &State,
) -> Result<Vec<aws::preflight::Inhabitant>, Failure> {
    let vpcs = state.resources.iter().filter(|(address, _)| address.kind() == Vpc::KIND);
    let vpcs = vpcs.filter_map(|(_, entry)| entry.id.as_ref());
    let owner = state.owner();
    let looks = vpcs.map(|id| session.aws.inhabitants(id.as_str(), Some(&owner)));
    let found = try_join_all(looks).await?;
    Ok(found.into_iter().flatten().filter(|one| !one.ours).collect())
}
