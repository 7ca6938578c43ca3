//! `drift`: what somebody else has changed or added since it was last applied. Reads only and takes no lock, unless it
//! is to remove what was added.

mod revert;

use std::process::ExitCode;
use std::time::Instant;

use aws::{Aws, OtherListener};
use engine::additions::{Added, additions};
use engine::drift::{Drift, compare};
use engine::refresh::{Picture, refresh};
use engine::state::State;
use engine::{Graph, Resource};
use futures::future::try_join_all;
use kinds::{Listener, LoadBalancer, Vpc};

use crate::args::{self, Global};
use crate::failure::{Code, Failure};
use crate::report::{self, Drifted};
use crate::run::sharing::sharing;
use crate::run::state_guard;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &args::Drift) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let session = Session::remembered(global, &args.remembered).await?;
    if args.revert {
        return revert::run(global, args, &session).await;
    }
    let (state, version, recent) = state_guard::load(&session).await?;
    let name = &session.environment().name;
    if version.is_none() {
        state_guard::nothing_is_left(&session).await?;
    }
    let (found, strangers, ()) = tokio::try_join!(
        Found::look(&session, &session.aws, &state),
        strangers(&session, &state),
        state_guard::newest(&session, &state, version.as_ref(), recent),
    )?;
    let drifted = Drifted {
        environment: name,
        resources: state.resources.len(),
        drift: &found.drift,
        added: &found.added,
        listeners: &found.listeners,
        strangers: &strangers,
        calls: session.aws.calls().iter().map(|(_, count)| count).sum(),
        seconds: began.elapsed().as_secs_f64(),
    };
    if global.json {
        report::json(&drifted.json())?;
    } else {
        report::out(&drifted.text());
        report::note(&format!("{} API calls, {:.1} s", drifted.calls, drifted.seconds));
    }
    Ok(if found.drift.is_empty() { ExitCode::SUCCESS } else { (Code::Changes as u8).into() })
}

/// What is not as we left it.
struct Found {
    picture: Picture,
    drift: Vec<Drift>,
    added: Vec<Added>,
    listeners: Vec<OtherListener>,
}

impl Found {
    async fn look(session: &Session, aws: &Aws, state: &State) -> Result<Self, Failure> {
        let Session { kinds, clock, .. } = session;
        let (picture, listeners) = tokio::try_join!(
            async { Ok(refresh(aws, kinds, &Graph::new(), state, clock).await?) },
            other_listeners(aws, state),
        )?;
        let sharing = sharing(session.environment());
        let drift = compare(kinds, state, &picture, &sharing)?;
        let added = additions(kinds, state, &picture, &sharing)?;
        Ok(Self { picture, drift, added, listeners })
    }
}

/// The listeners that others have put on our load balancers.
async fn other_listeners(aws: &Aws, state: &State) -> Result<Vec<OtherListener>, Failure> {
    let ours = ids::<Listener>(state);
    let looks = ids::<LoadBalancer>(state).into_iter().map(|arn| aws.other_listeners(arn, &ours));
    Ok(try_join_all(looks.collect::<Vec<_>>()).await?.into_iter().flatten().collect())
}

/// Who else is in our VPC. That is no drift of ours, and `up` changes nothing about it.
async fn strangers(
    session: &Session,
    state: &State,
) -> Result<Vec<aws::preflight::VpcDependent>, Failure> {
    let owner = state.owner();
    let looks =
        ids::<Vpc>(state).into_iter().map(|id| session.aws.vpc_dependents(id, Some(&owner)));
    let found = try_join_all(looks).await?;
    Ok(found.into_iter().flatten().filter(|one| !one.ours).collect())
}

/// The ids of our resources of one kind.
fn ids<R: Resource>(state: &State) -> Vec<&str> {
    let entries = state.resources.iter().filter(|(address, _)| address.kind() == R::KIND);
    entries.filter_map(|(_, entry)| Some(entry.id.as_ref()?.as_str())).collect()
}
