//! `state rebuild`: makes the state again from tags, names and places, when the stored one is gone, torn
//! or older. What is in the cloud is only read.

use aws::lock::Locks;
use engine::lock::Lease;
use engine::rebuild::{Rebuilt, Sources, find, rebuild};
use engine::state::State;
use engine::store::{Journal, Version};
use engine::{Clock, Owner};
use stack::Facts;

use super::facts;
use crate::args::Global;
use crate::failure::{Code, Failure};
use crate::release::images;
use crate::report::confirm::confirm;
use crate::report::{self, Again};
use crate::run::{pin, priorities, state_guard, zones};
use crate::session::{ACCOUNT, Session, wrong_account};

pub(super) async fn run(global: &Global, session: &Session, yes: bool) -> Result<(), Failure> {
    let lease = session.lock("state rebuild", None).await?;
    let ended = make(global, session, yes, &lease).await;
    session.unlock(lease).await;
    ended
}

async fn make(
    global: &Global,
    session: &Session,
    yes: bool,
    lease: &Lease<Locks, Clock>,
) -> Result<(), Failure> {
    let name = &session.environment().name;
    let copy = Copy::of(session).await?;
    let (rebuilt, notes) = again(session, &copy).await?;
    let is_empty = rebuilt.state.resources.is_empty() && copy.stored.is_none();
    let is_needed = copy.is_replaced_by(&rebuilt.state) || !rebuilt.changes.is_empty();
    let mut again = Again {
        environment: name,
        last: copy.last.as_ref(),
        why: copy.why.as_deref(),
        rebuilt: &rebuilt,
        notes: &notes,
        written: false,
    };
    report::note(&again.text());
    if !rebuilt.ambiguous.is_empty() {
        let message =
            format!("the state of {name} was not made again: what is current is not clear");
        let failure = Failure::new(Code::Refused, message);
        return Err(again.choices().into_iter().fold(failure, Failure::hint));
    }
    if is_needed && !is_empty {
        confirm(yes, &format!("make this the state of {name}?"))?;
        write(session, lease, &copy, rebuilt.state.clone()).await?;
        again.written = true;
    }
    if global.json {
        return report::json(&again.json());
    }
    report::out(&match (again.written, is_empty) {
        (true, _) => format!("made the state of {name} again: {}", again.count()),
        (_, true) => format!("nothing in the account is of {name}: there is no state to be made"),
        (_, false) => format!("the state of {name} is as the cloud has it: nothing was written"),
    });
    if again.written {
        report::note(&format!("what the cloud has otherwise: provisioner plan --env {name}"));
    }
    Ok(())
}

/// What is left of the stored state.
struct Copy {
    /// What is stored now, and has to be replaced: it may be unreadable.
    stored: Option<Version>,
    /// The newest one that can be read.
    last: Option<State>,
    /// No later state may have a lower one.
    serial: u64,
    /// Why the stored one is not that one.
    why: Option<String>,
}

impl Copy {
    async fn of(session: &Session) -> Result<Self, Failure> {
        let store = session.store();
        let (stored, current) = match store.current().await? {
            Some((version, current)) => (Some(version), Some(current)),
            None => (None, None),
        };
        let before = store.before(stored.as_ref()).await?.map(|(_, state)| state);
        let (last, why) = match (current, before) {
            (None, before) => (before, Some("there is none".to_owned())),
            (Some(Err(error)), before) => (before, Some(error.message)),
            (Some(Ok(current)), Some(before)) if state_guard::is_older(&current, &before) => {
                let why = format!("serial {} replaced {}", current.serial, before.serial);
                (Some(before), Some(why))
            }
            (Some(Ok(current)), _) => (Some(current), None),
        };
        let known = last.as_ref().and_then(|last| last.fact::<String>(ACCOUNT));
        if let Some(known) = known.filter(|known| *known != session.account) {
            let environment = session.environment();
            return Err(wrong_account(environment, &known, &session.account, "it was made"));
        }
        let serial = last.as_ref().map_or(0, |last| last.serial);
        Ok(Self { stored, last, serial, why })
    }

    /// Whether the stored state lacks what this one has, beside the resources.
    fn is_replaced_by(&self, state: &State) -> bool {
        self.why.is_some() || self.last.as_ref().is_none_or(|last| last.facts != state.facts)
    }
}

/// Finds everything, and puts it where it belongs. Returns also what the user should know.
async fn again(session: &Session, copy: &Copy) -> Result<(Rebuilt, Vec<String>), Failure> {
    let Session { aws, kinds, clock, .. } = session;
    let environment = session.environment();
    let owner = Owner::of(&environment.project, &environment.name);
    let findings = find(aws, kinds, &owner, clock).await?;
    let first = || State::new(&environment.project, &environment.name);
    let mut known = copy.last.clone().unwrap_or_else(first);
    let notes = facts::learn(session, &findings, &mut known).await?;
    let wanted = Facts {
        zones: zones(session, &known).await?,
        images: images::known(session, &known).images,
        pinned: pin::pinned(environment, &known),
        existing: crate::run::existing::existing(session, &known).await?,
        avoided: known.fact(priorities::AVOIDED).unwrap_or_default(),
        ..session.facts()
    };
    let graph = stack::stack(environment, &wanted)?;
    let last = copy.last.as_ref();
    let from = Sources { cloud: aws, kinds, graph: &graph, owner: &owner, last, clock };
    let mut rebuilt = rebuild(&from, &findings).await?;
    rebuilt.state.facts = known.facts;
    Ok((rebuilt, notes))
}

/// Stores it over exactly what was read, in a bucket that is made again if it is gone.
async fn write(
    session: &Session,
    lease: &Lease<Locks, Clock>,
    copy: &Copy,
    mut state: State,
) -> Result<(), Failure> {
    let aws = session.aws.guarded(lease.guard());
    if copy.stored.is_none() {
        session.bootstrap(&aws).await?;
    }
    state.serial = state.serial.max(copy.serial);
    state.fence = state.fence.max(lease.fence());
    state.writer = env!("CARGO_PKG_VERSION").into();
    let journal = Journal::new(session.store_of(&aws), state, copy.stored.clone());
    journal.change(|_| ());
    Ok(journal.commit().await?)
}
