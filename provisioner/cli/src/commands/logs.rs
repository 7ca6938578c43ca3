//! `logs`: what a service's tasks have written, in the order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use aws::log_events::{LogEvent, LogQuery, Streams};
use aws::tasks::Standing;
use engine::Class;
use jiff::Timestamp;
use stack::Names;

use crate::args::{Global, Logs};
use crate::failure::{Code, Failure};
use crate::release::rollout::Place;
use crate::report;
use crate::run::interrupt;
use crate::session::local_cloud::LocalHome;
use crate::session::{Session, Start};

/// The time between two looks for new lines.
const LOOK: Duration = Duration::from_secs(2);

/// How much later than another's a task's lines may arrive, in milliseconds.
const LATE: i64 = 60_000;

pub(crate) async fn run(global: &Global, args: &Logs) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    if let Some(home) = session.home.as_ref().filter(|home| !home.has_docker()) {
        return of_processes(global, &session, home, &service, args).await;
    }
    let since = Timestamp::now() - jiff::SignedDuration::try_from(args.since).unwrap_or_default();
    let mut query = LogQuery {
        group: Names::new(session.environment()).log_group(&service),
        streams: streams(&session, &service, args).await?,
        since: (!args.previous).then(|| since.as_millisecond()),
        ..LogQuery::default()
    };
    let stop = args.follow.then(interrupt::token);
    let mut cursor = Cursor::default();
    loop {
        for event in all(&session, &query).await? {
            if cursor.is_new(&event) {
                show(global, &event)?;
            }
        }
        query.since = cursor.since().or(query.since);
        let Some(stop) = &stop else { return Ok(ExitCode::SUCCESS) };
        tokio::select! {
            () = session.clock.sleep(LOOK) => {}
            () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// How far each task's lines were read. A task's lines come in batches some seconds apart, so those of one
/// may be older than what another has shown already.
#[derive(Default)]
struct Cursor {
    /// The newest time of each stream.
    newest: BTreeMap<String, i64>,
    /// The lines that the next look may show again: time, stream, and the event's id, or the line itself
    /// where there is no id.
    seen: BTreeSet<(i64, String, String)>,
}

impl Cursor {
    /// Whether a line was not shown yet. It is from here on.
    fn is_new(&mut self, event: &LogEvent) -> bool {
        let newest = self.newest.entry(event.stream.clone()).or_insert(event.timestamp);
        *newest = event.timestamp.max(*newest);
        let id = if event.id.is_empty() { &event.message } else { &event.id };
        self.seen.insert((event.timestamp, event.stream.clone(), id.clone()))
    }

    /// From when on to look next: a minute before what the slowest of the streams that still write has
    /// shown. Forgets what is older.
    fn since(&mut self) -> Option<i64> {
        let newest = *self.newest.values().max()?;
        let slowest = self.newest.values().filter(|at| newest - **at <= LATE).min();
        let since = slowest.copied().unwrap_or(newest) - LATE;
        self.seen = self.seen.split_off(&(since, String::new(), String::new()));
        Some(since)
    }
}

/// The output of local processes: those that run, or those that ended last. It has no times, so it
/// comes process by process.
async fn of_processes(
    global: &Global,
    session: &Session,
    home: &LocalHome,
    service: &str,
    args: &Logs,
) -> Result<ExitCode, Failure> {
    let stop = args.follow.then(interrupt::token);
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let versions = home.versions(service)?;
        let mut wanted =
            versions.iter().rev().filter(|one| one.running().is_empty() == args.previous);
        for replica in wanted.next().iter().flat_map(|version| &version.replicas) {
            let id = format!("{}-{}", replica.version, replica.number);
            if args.task.as_ref().is_some_and(|task| !id.starts_with(task.as_str())) {
                continue;
            }
            let lines = home.tail(replica, usize::MAX)?;
            for line in lines.iter().skip(shown.insert(id.clone(), lines.len()).unwrap_or(0)) {
                if global.json {
                    report::json_line(&serde_json::json!({"task": id, "message": line}))?;
                } else {
                    report::out(&format!("{id}  {line}"));
                }
            }
        }
        let Some(stop) = &stop else { return Ok(ExitCode::SUCCESS) };
        tokio::select! {
            () = session.clock.sleep(LOOK) => {}
            () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Whose lines are meant.
async fn streams(session: &Session, service: &str, args: &Logs) -> Result<Streams, Failure> {
    let named = |task: &str| Streams::Named(vec![format!("{service}/{service}/{task}")]);
    if let Some(task) = &args.task {
        return Ok(Streams::Prefixed(format!("{service}/{service}/{task}")));
    }
    if !args.previous {
        return Ok(Streams::All);
    }
    let (state, _) = session.state().await?;
    let Some(place) = Place::in_state(&state, service) else { return Ok(Streams::All) };
    let stopped = session.aws.tasks(&place.cluster, &place.name, Standing::Stopped).await?;
    match stopped.iter().max_by_key(|task| task.stopped_at) {
        Some(task) => Ok(named(task.id())),
        None => {
            Err(Failure::new(Code::Failed, format!("ECS remembers no stopped task of {service}"))
                .hint("it forgets them after an hour; `logs --since 2h` shows all lines"))
        }
    }
}

/// All pages. A group or stream that is not there yet has no lines.
async fn all(session: &Session, query: &LogQuery) -> Result<Vec<LogEvent>, Failure> {
    let mut events = Vec::new();
    let mut next = None;
    loop {
        let page = match session.aws.log_events(query, next.as_deref()).await {
            Err(error) if error.is(Class::Absent) => return Ok(events),
            other => other?,
        };
        events.extend(page.events);
        next = page.next;
        if next.is_none() {
            events.sort_by_key(|event| event.timestamp);
            return Ok(events);
        }
    }
}

fn show(global: &Global, event: &LogEvent) -> Result<(), Failure> {
    if global.json {
        return report::json_line(event);
    }
    let at = Timestamp::from_millisecond(event.timestamp).unwrap_or_default();
    let task = event.stream.rsplit('/').next().unwrap_or_default();
    let task: String = task.chars().take(8).collect();
    report::out(&format!("{at:.3}  {task}  {}", event.message));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stream: &str, seconds: i64, id: &str) -> LogEvent {
        let (stream, id) = (stream.into(), id.into());
        LogEvent { timestamp: seconds * 1000, stream, id, message: "same".into() }
    }

    #[test]
    fn a_late_batch_of_another_task_is_shown_once() {
        let mut cursor = Cursor::default();
        assert!(cursor.is_new(&line("a", 100, "1")));
        assert!(cursor.is_new(&line("a", 108, "2")));
        let since = cursor.since().unwrap();
        // Written before what was shown, and delivered after it.
        let late = line("b", 103, "3");
        assert!(since <= late.timestamp);
        assert!(cursor.is_new(&late) && !cursor.is_new(&late));
        assert!(!cursor.is_new(&line("a", 108, "2")));
        // Two equal lines of one moment are two.
        assert!(cursor.is_new(&line("a", 108, "4")));
    }

    #[test]
    fn a_task_that_writes_no_more_holds_nothing_back() {
        let mut cursor = Cursor::default();
        cursor.is_new(&line("ended", 10, "1"));
        cursor.is_new(&line("a", 500, "2"));
        cursor.is_new(&line("slow", 470, "3"));
        assert_eq!(cursor.since(), Some((470 - 60) * 1000));
        assert_eq!(cursor.seen.len(), 2);
    }
}
