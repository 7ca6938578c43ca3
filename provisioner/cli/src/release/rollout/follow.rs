//! Waiting for a deployment, which is followed by its id. That it serves and that what ran before is gone
//! are two facts: the first decides on the release, the second only takes time.

use std::time::Duration;

use aws::services::{Left, Progress};
use engine::Clock;
use stack::environment::Service;

use super::{Place, Verdict, ask, point};
use crate::failure::Failure;
use crate::report;
use crate::run::LockedRun;

/// How long ECS may take to list a deployment that it has accepted.
const LISTED: Duration = Duration::from_mins(1);
/// How long a deployment must be missing before it counts as gone: one look may be older than the one before.
const GONE: Duration = Duration::from_secs(10);
/// What everything takes that the file says nothing of: placing, pulling, starting, checking.
const MARGIN: Duration = Duration::from_mins(10);

/// How long a rollout may take, by the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Until the new tasks serve.
    pub(crate) serves: Duration,
    /// From then on, until the old ones are gone.
    pub(crate) over: Duration,
}

impl Limits {
    /// The file's times and a margin; or, for the new tasks, what the user said.
    pub(crate) fn new(service: &Service, said: Option<Duration>) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let routed = service.route.is_some();
        let drain = if routed { seconds(service.deregistration.0) } else { Duration::ZERO };
        let grace = if routed { seconds(service.health.grace.0) } else { Duration::ZERO };
        let over = drain + seconds(service.stop.0) + MARGIN;
        Self { serves: said.unwrap_or(grace + over), over }
    }
}

/// What became of the old tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The new ones are alone.
    Yes,
    /// Not after the limit, or nobody waits any longer; in words.
    NotYet(String),
    /// ECS gave the deployment up after it had served.
    Failed(String),
}

/// One look at a deployment.
enum Look {
    Moving(String),
    Serves(Option<Left>),
    Failed(String),
}

/// Looks at one deployment, again and again.
struct Follow<'a> {
    place: &'a Place,
    id: &'a str,
    began: Duration,
    seen: bool,
    missing: Option<Duration>,
    said: String,
}

impl<'a> Follow<'a> {
    fn new(run: &LockedRun<'_>, place: &'a Place, id: &'a str, seen: bool) -> Self {
        let began = run.session.clock.now();
        Self { place, id, began, seen, missing: None, said: String::new() }
    }

    fn elapsed(&self, clock: &Clock) -> Duration {
        clock.now().saturating_sub(self.began)
    }

    /// One look. What may yet turn out to be an old picture is on its way.
    async fn look(&mut self, run: &LockedRun<'_>) -> Result<Look, Failure> {
        let (clock, place) = (&run.session.clock, self.place);
        let look = run.aws.deployment(&place.cluster, &place.name, self.id, self.seen);
        let progress = look.await?;
        let missing = self.missing.take();
        self.seen |= !matches!(progress, Progress::Unlisted);
        Ok(match progress {
            Progress::Unlisted if self.elapsed(clock) < LISTED => {
                Look::Moving("ECS does not list the deployment yet".into())
            }
            Progress::Unlisted => {
                Look::Failed(format!("ECS does not list the deployment {}", self.id))
            }
            Progress::Gone(why) => {
                let since = missing.unwrap_or_else(|| clock.now());
                if clock.now().saturating_sub(since) >= GONE {
                    return Ok(Look::Failed(why));
                }
                self.missing = Some(since);
                Look::Moving("ECS does not list the deployment any more".into())
            }
            Progress::Moving(progress) => Look::Moving(progress),
            Progress::Serves { left } => Look::Serves(left),
            Progress::Failed(why) => Look::Failed(why),
        })
    }

    fn say(&mut self, clock: &Clock, progress: &str) {
        if progress != self.said {
            report::note(&format!("  {:>4} s  {progress}", self.elapsed(clock).as_secs()));
            progress.clone_into(&mut self.said);
        }
    }
}

/// Waits until a deployment serves, or is given up. Says what happens meanwhile.
pub(crate) async fn watch(
    run: &LockedRun<'_>,
    place: &Place,
    id: &str,
    limit: Duration,
) -> Result<Verdict, Failure> {
    let clock = &run.session.clock;
    let mut follow = Follow::new(run, place, id, false);
    loop {
        let progress = match follow.look(run).await? {
            Look::Serves(_) => return Ok(Verdict::Serves),
            Look::Failed(why) => return Ok(Verdict::Failed(why)),
            Look::Moving(progress) => progress,
        };
        follow.say(clock, &progress);
        let elapsed = follow.elapsed(clock);
        if elapsed >= limit {
            let limit = limit.as_secs();
            return Ok(Verdict::Failed(format!("it does not serve after {limit} s: {progress}")));
        }
        tokio::select! {
            () = pause(clock, elapsed) => {}
            () = run.stop.cancelled() => return Ok(ask().await),
        }
    }
}

/// Waits until what ran before a deployment is gone. Nothing is gone back to because that takes long.
pub(crate) async fn over(
    run: &LockedRun<'_>,
    place: &Place,
    id: &str,
    limit: Duration,
) -> Result<Over, Failure> {
    let clock = &run.session.clock;
    let mut follow = Follow::new(run, place, id, true);
    loop {
        let progress = match follow.look(run).await? {
            Look::Serves(None) => return Ok(Over::Yes),
            Look::Serves(Some(left)) => format!("it serves; {left}"),
            Look::Failed(why) => return Ok(Over::Failed(why)),
            Look::Moving(progress) => progress,
        };
        follow.say(clock, &progress);
        let elapsed = follow.elapsed(clock);
        if elapsed >= limit || run.stop.is_cancelled() {
            return Ok(Over::NotYet(progress));
        }
        tokio::select! {
            () = pause(clock, elapsed) => {}
            () = run.stop.cancelled() => {}
        }
    }
}

/// Waits until a revision that ran before serves again: ECS may have gone back to it by itself already.
/// Returns its deployment, or why it does not serve.
pub(crate) async fn return_to(
    run: &LockedRun<'_>,
    place: &Place,
    revision: &str,
    limit: Duration,
) -> Result<Result<String, String>, Failure> {
    let clock = &run.session.clock;
    let began = clock.now();
    loop {
        // Asked for even when ECS seems to head there: a look may be older than the switch that failed.
        let id = point(run, place, revision, false).await?;
        let mut follow = Follow::new(run, place, &id, false);
        let why = loop {
            match follow.look(run).await? {
                Look::Serves(_) => return Ok(Ok(id)),
                Look::Failed(why) => break why,
                Look::Moving(progress) => follow.say(clock, &progress),
            }
            if clock.now().saturating_sub(began) >= limit {
                return Ok(Err(follow.said));
            }
            pause(clock, follow.elapsed(clock)).await;
        };
        // Our way back and that of ECS may have crossed: then another deployment of the same revision
        // is the primary one by now, and is found by asking again. One that failed is tried again.
        if clock.now().saturating_sub(began) >= limit {
            return Ok(Err(why));
        }
        follow.say(clock, &why);
        pause(clock, MARGIN).await;
    }
}

/// The time between two looks: 2 s at first, up to 10 s later, and never in step with others. All
/// DescribeServices of an account share 20 calls a second (ECS developer guide, request throttling).
pub(crate) async fn pause(clock: &Clock, elapsed: Duration) {
    let usual = (elapsed / 30).clamp(Duration::from_secs(2), Duration::from_secs(10));
    clock.sleep_about(usual).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(text: &str) -> Service {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn limits_come_from_the_file() {
        let slow = r#"{"image": "a", "port": 80, "route": {"path": ["/*"]}, "deregistration": "15m",
            "stop": "2m", "health": {"grace": "20m"}}"#;
        let minutes = Duration::from_mins;
        let limits = Limits::new(&service(slow), None);
        assert_eq!((limits.serves, limits.over), (minutes(47), minutes(27)));
        // A flag is for the new tasks alone: nobody is in a hurry for the old ones.
        let said = Limits::new(&service(slow), Some(minutes(3)));
        assert_eq!((said.serves, said.over), (minutes(3), minutes(27)));
        // Nothing drains without a balancer.
        let worker = r#"{"image": "a", "deregistration": "1h", "stop": "30s"}"#;
        assert_eq!(Limits::new(&service(worker), None).serves, Duration::from_secs(630));
    }
}
