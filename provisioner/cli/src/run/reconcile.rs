//! From an environment to a graph and a plan, and from a plan to the cloud.

use std::collections::{BTreeMap, BTreeSet};

use aws::Aws;
use aws::lock::Locks;
use aws::preflight::Zone;
use aws::store::S3Store;
use engine::apply::{Guard, Outcome, Run, apply, prune};
use engine::event::Events;
use engine::lock::Lease;
use engine::plan::{Plan, plan};
use engine::refresh::{Picture, refresh};
use engine::state::State;
use engine::store::Journal;
use engine::{Address, Class, Clock, Graph, Resource};
use kinds::TaskDefinition;
use stack::environment::{Exclusive, Zones};
use stack::{Facts, Image};
use tokio_util::sync::CancellationToken;

use crate::failure::{Code, Failure};
use crate::report::{self, Progress};
use crate::run::sharing::sharing;
use crate::run::{priorities, state_guard};
use crate::session::{ACCOUNT, Session};

/// The state's name for the zones that were chosen.
pub(crate) const ZONES: &str = "zones";

/// How often a state is loaded again that was written while it was to be claimed.
const CLAIMS: u32 = 5;

/// The plan of a run: what is wanted, what is there, and what follows from both.
pub(crate) struct PlannedRun {
    pub(crate) facts: Facts,
    pub(crate) graph: Graph,
    pub(crate) picture: Picture,
    pub(crate) plan: Plan,
}

impl PlannedRun {
    /// Looks at everything and compares it with the files. Reads only.
    pub(crate) async fn compute(
        session: &Session,
        state: &State,
        images: BTreeMap<String, Image>,
    ) -> Result<Self, Failure> {
        let pinned = crate::run::pin::pinned(session.environment(), state);
        let environment = session.environment();
        let avoided = state.fact(priorities::AVOIDED).unwrap_or_default();
        let zones = zones(session, state).await?;
        let existing = crate::run::existing::existing(session, state).await?;
        let mut facts = Facts { zones, images, pinned, existing, avoided, ..session.facts() };
        let mut graph = stack::stack(environment, &facts)?;
        let Session { aws, kinds, clock, .. } = session;
        let picture = refresh(aws, kinds, &graph, state, clock).await?;
        if !environment.exclusive.contains(&Exclusive::Rules) {
            let taken = priorities::taken(&graph, state, &picture);
            priorities::require_free(environment, &taken)?;
            if !taken.is_subset(&facts.avoided) {
                facts.avoided.extend(taken);
                graph = stack::stack(environment, &facts)?;
            }
        }
        let plan = plan(kinds, &graph, state, &picture, &sharing(environment))?;
        Ok(Self { facts, graph, picture, plan })
    }

    /// The steps for what `wanted` names and all that it needs.
    pub(crate) fn only(&self, wanted: impl Fn(&Address) -> bool) -> (Graph, Plan) {
        let graph = self.graph.only(wanted);
        let steps = self.plan.steps.iter().filter(|(address, _)| graph.get(address).is_some());
        let steps = steps.map(|(at, step)| (at.clone(), step.clone())).collect();
        let plan = Plan { steps, sharing: self.plan.sharing.clone() };
        (graph, plan)
    }

    /// Leaves the superseded ones of a resource where they are: they are nobody's reason to release.
    pub(crate) fn keep_superseded(&mut self, address: &Address) {
        if let Some(step) = self.plan.steps.get_mut(address) {
            step.older.clear();
        }
    }

    /// Whether the plan makes this resource.
    pub(crate) fn creates(&self, address: &Address) -> bool {
        let step = self.plan.steps.get(address);
        step.is_some_and(|step| step.action == engine::plan::Action::Create)
    }

    /// An output as it was seen.
    pub(crate) fn output(&self, address: &Address, field: &str) -> Option<&str> {
        self.picture.seen.get(address)?.outputs.get(field)?.as_str()
    }
}

/// Looks at what `graph` and the state speak of, and compares.
pub(crate) async fn compared(
    session: &Session,
    graph: &Graph,
    state: &State,
) -> Result<(Picture, Plan), Failure> {
    let Session { aws, kinds, clock, .. } = session;
    let picture = refresh(aws, kinds, graph, state, clock).await?;
    let plan = plan(kinds, graph, state, &picture, &sharing(session.environment()))?;
    Ok((picture, plan))
}

/// The zones that the file names, those that were chosen before, or the first ones of the region.
pub(crate) async fn zones(session: &Session, state: &State) -> Result<Vec<String>, Failure> {
    let count = match &session.environment().network.zones {
        Zones::Named(names) => return Ok(names.clone()),
        Zones::Count(count) => usize::from(*count),
    };
    let mut chosen: Vec<String> = state.fact(ZONES).unwrap_or_default();
    if chosen.len() < count {
        let all = session.aws.zones().await?;
        chosen = choose(chosen, &all, &session.environment().region, count)?;
    }
    chosen.truncate(count);
    Ok(chosen)
}

/// As many zones as are wanted: those that are in use stay, and more of them that run tasks come behind.
fn choose(
    used: Vec<String>,
    all: &[Zone],
    region: &str,
    count: usize,
) -> Result<Vec<String>, Failure> {
    let mut chosen = used;
    let (usable, others): (Vec<&Zone>, Vec<&Zone>) =
        all.iter().partition(|zone| zone.runs_fargate(region));
    for zone in usable {
        if !chosen.contains(&zone.name) {
            chosen.push(zone.name.clone());
        }
    }
    if chosen.len() >= count {
        return Ok(chosen);
    }
    let without: Vec<String> = others
        .iter()
        .filter(|zone| !chosen.contains(&zone.name))
        .map(|zone| format!("{} ({})", zone.name, zone.id))
        .collect();
    let mut message = format!(
        "`network.zones` is {count}, and {region} has {} for this account: {}",
        chosen.len(),
        chosen.join(", ")
    );
    if !without.is_empty() {
        message += &format!("; Fargate runs no tasks in {}", without.join(", "));
    }
    let fix =
        format!("write `zones: {}` in the environment file, or take another region", chosen.len());
    Err(Failure::new(Code::Failed, message).hint(fix))
}

/// Notes account, zones, images and the priorities that ours go around. Returns whether any of it is new.
fn remember(session: &Session, state: &mut State, facts: &Facts) -> bool {
    let before = state.facts.clone();
    state.facts.insert(ACCOUNT.into(), session.account.clone().into());
    if let Zones::Count(_) = session.environment().network.zones {
        state.facts.insert(ZONES.into(), facts.zones.clone().into());
    }
    if !facts.avoided.is_empty() {
        state.facts.insert(priorities::AVOIDED.into(), serde_json::json!(facts.avoided));
    }
    crate::session::decided::remember(state, &session.environment().services, &facts.images);
    state.facts != before
}

/// A run that holds the lock: clients that change nothing any more once the lock is lost, and the state
/// that is saved as it goes.
pub(crate) struct LockedRun<'a> {
    pub(crate) session: &'a Session,
    pub(crate) aws: Aws,
    pub(crate) guard: Guard,
    pub(crate) journal: Journal<S3Store>,
    pub(crate) stop: CancellationToken,
    /// Whether a state was there before this run.
    pub(crate) is_first: bool,
}

impl<'a> LockedRun<'a> {
    /// Loads the state under the lock. Who took the lock from a holder that may still be alive saves the
    /// state at once, unchanged: whatever the other saves is refused from then on, or was loaded here.
    pub(crate) async fn begin(
        session: &'a Session,
        lease: &Lease<Locks, Clock>,
        stop: &CancellationToken,
    ) -> Result<Self, Failure> {
        let guard = lease.guard();
        let aws = session.aws.guarded(guard.clone());
        let mut tries = 0;
        loop {
            let (mut state, version, recent) = state_guard::load(session).await?;
            state_guard::newest(session, &state, version.as_ref(), recent).await?;
            state.fence = state.fence.max(lease.fence());
            state.writer = env!("CARGO_PKG_VERSION").into();
            let is_first = version.is_none();
            let journal = Journal::new(session.store_of(&aws), state, version);
            if lease.overtook() && !is_first {
                tries += 1;
                journal.change(|_| ());
                match journal.commit().await {
                    Err(error) if error.is(Class::State) && tries < CLAIMS => continue,
                    saved => saved?,
                }
            }
            let (guard, stop) = (guard.clone(), stop.clone());
            return Ok(Self { session, aws, guard, journal, stop, is_first });
        }
    }

    /// Learns what is kept. Returns whether any of it is new.
    pub(crate) fn learn(&self, facts: &Facts) -> bool {
        let mut state = self.state();
        let is_new = remember(self.session, &mut state, facts);
        if is_new {
            self.journal.change(|current| current.facts = state.facts);
        }
        is_new
    }

    /// Carries a plan out and shows how it goes.
    pub(crate) async fn carry_out(
        &self,
        graph: &Graph,
        plan: &Plan,
        allow: BTreeSet<Address>,
    ) -> Result<Outcome, Failure> {
        let (progress, events) = Progress::start(plan.changes().count());
        let run = self.run(events, allow);
        let outcome = apply(&run, graph, plan).await;
        drop(run);
        progress.end().await;
        Ok(outcome?)
    }

    /// Deletes the revisions of a service that are kept no longer. What cannot be deleted stays in the
    /// state and is told: whatever it is, the release is done.
    pub(crate) async fn prune(&self, service: &str) {
        let run = self.run(Events::nowhere(), BTreeSet::new());
        match prune(&run, &at::<TaskDefinition>(service)).await {
            Ok(kept) => {
                for (id, error) in kept.iter().filter(|(_, error)| !error.is(Class::Interrupted)) {
                    report::warning(&format!("the superseded {id} was not deleted: {error}"));
                }
            }
            Err(error) => report::warning(&format!("superseded revisions were not noted: {error}")),
        }
    }

    fn run(&self, events: Events, allow: BTreeSet<Address>) -> Run<'_, Aws, S3Store> {
        Run {
            cloud: &self.aws,
            kinds: &self.session.kinds,
            journal: &self.journal,
            clock: self.session.clock.clone(),
            events,
            guard: self.guard.clone(),
            stop: self.stop.clone(),
            allow,
        }
    }

    /// The state as it is now.
    pub(crate) fn state(&self) -> State {
        self.journal.read(State::clone)
    }
}

/// The address of a resource of kind `R`.
pub(crate) fn at<R: Resource>(name: &str) -> Address {
    Address::new(R::KIND, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(ids: [(&str, &str); 3]) -> Vec<Zone> {
        ids.map(|(name, id)| Zone { name: name.into(), id: id.into() }).into()
    }

    #[test]
    fn zones_without_fargate_are_left_out_whatever_their_letters() {
        let all = zones([
            ("ap-northeast-1a", "apne1-az3"),
            ("ap-northeast-1c", "apne1-az1"),
            ("ap-northeast-1d", "apne1-az2"),
        ]);
        let chosen = choose(Vec::new(), &all, "ap-northeast-1", 2).unwrap();
        assert_eq!(chosen, ["ap-northeast-1c", "ap-northeast-1d"]);
        // Subnets that are there cannot move.
        let chosen = choose(vec!["ap-northeast-1a".into()], &all, "ap-northeast-1", 2).unwrap();
        assert_eq!(chosen[..2], ["ap-northeast-1a", "ap-northeast-1c"]);
    }

    #[test]
    fn too_few_zones_are_named_with_the_fix() {
        let all = zones([
            ("us-west-1a", "usw1-az1"),
            ("us-west-1b", "usw1-az2"),
            ("us-west-1c", "usw1-az3"),
        ]);
        let failure = choose(Vec::new(), &all, "us-west-1", 3).unwrap_err();
        let (message, hints) = (failure.message, failure.hints.join(" "));
        for part in ["us-west-1 has 2", "us-west-1a, us-west-1c", "us-west-1b (usw1-az2)"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(hints.contains("zones: 2"), "{hints}");
    }
}
