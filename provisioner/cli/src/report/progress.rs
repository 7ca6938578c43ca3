//! Live progress: a line for each thing that happens, and on a terminal one more that says what is
//! under way and for how long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::Address;
use engine::event::{Event, Events};
use engine::plan::Action;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::timeline::TimelineFile;
use super::{DIM, GREEN, RED, YELLOW, styled};

/// How often a wait is mentioned where there is no terminal.
const MENTION: Duration = Duration::from_secs(15);

/// Listens to one run.
pub(crate) struct Progress {
    listener: JoinHandle<()>,
}

impl Progress {
    /// Starts listening; `total` resources are expected to change.
    pub(crate) fn start(total: usize) -> (Self, Events) {
        let (sender, receiver) = unbounded_channel();
        let show = Show {
            bar: bar(total),
            total,
            finished: 0,
            began: Instant::now(),
            under_way: BTreeMap::new(),
            timeline: TimelineFile::wanted(),
        };
        (Self { listener: tokio::spawn(show.listen(receiver)) }, Events::to(sender))
    }

    /// Returns when everything was shown. The run must have ended, and its events with it.
    pub(crate) async fn end(self) {
        let _listener_ended = self.listener.await;
    }
}

fn bar(total: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

struct Show {
    bar: ProgressBar,
    total: usize,
    finished: usize,
    began: Instant,
    under_way: BTreeMap<Address, UnderWay>,
    timeline: TimelineFile,
}

struct UnderWay {
    since: Instant,
    expected: Duration,
    why: String,
    mentioned: Instant,
}

impl Show {
    async fn listen(mut self, mut events: UnboundedReceiver<Event>) {
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.show(event),
                    None => break,
                },
                _ = tick.tick() => self.refresh(),
            }
        }
        self.bar.finish_and_clear();
    }

    fn show(&mut self, event: Event) {
        self.timeline.note(&event);
        let now = Instant::now();
        match event {
            Event::Started { address, expected, .. } => {
                let why = String::new();
                self.under_way
                    .insert(address, UnderWay { since: now, expected, why, mentioned: now });
            }
            Event::Waiting { address, why, .. } => {
                let Some(entry) = self.under_way.get_mut(&address) else { return };
                let mention = entry.mentioned.elapsed() >= MENTION;
                entry.why.clone_from(&why);
                if mention && self.bar.is_hidden() {
                    entry.mentioned = now;
                    let (waited, expected) = (entry.since.elapsed(), entry.expected);
                    self.line(&format!("  {address}: {why} {}", of(waited, expected)));
                }
            }
            Event::Retrying { address, error, after } => self.line(&styled(
                DIM,
                &format!("  {address}: {error}; again in {:.1} s", after.as_secs_f64()),
            )),
            Event::Finished { address, action, elapsed } => {
                self.under_way.remove(&address);
                self.finished += 1;
                let done = match action {
                    Action::Create => "created",
                    Action::Update => "updated",
                    Action::Replace => "replaced",
                    Action::Delete => "deleted",
                    _ => "unchanged",
                };
                let count = format!("[{}/{}]", self.finished.min(self.total), self.total);
                let took = format!("{:.1} s", elapsed.as_secs_f64());
                self.line(&format!(
                    "{} {address} {done} {}",
                    styled(DIM, &count),
                    styled(DIM, &took)
                ));
                self.bar.set_position(self.finished as u64);
            }
            Event::Failed { address, error } => {
                self.under_way.remove(&address);
                self.line(&format!("{} {address}: {error}", styled(RED, "failed")));
            }
            Event::Skipped { address, because } => {
                self.line(&format!("{} {address}: {because}", styled(YELLOW, "skipped")));
            }
            Event::NotEmulated { address, why } => {
                self.under_way.remove(&address);
                self.line(&format!("{} {address}: {why}", styled(YELLOW, "not emulated")));
            }
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| super::note(text));
    }

    /// The line at the bottom: what has been under way for longest, and what remains at most.
    fn refresh(&self) {
        let mut slow: Vec<(&Address, &UnderWay)> = self.under_way.iter().collect();
        slow.sort_by_key(|(_, entry)| entry.since);
        let left = slow
            .iter()
            .map(|(_, entry)| entry.expected.saturating_sub(entry.since.elapsed()))
            .max()
            .unwrap_or_default();
        let shown: Vec<String> = slow
            .iter()
            .take(3)
            .map(|(address, entry)| {
                format!("{address} {} {}", entry.why, of(entry.since.elapsed(), entry.expected))
            })
            .collect();
        let elapsed = self.began.elapsed().as_secs();
        let left = if left.is_zero() {
            String::new()
        } else {
            styled(GREEN, &format!(", about {} s left", left.as_secs()))
        };
        self.bar.set_message(format!("{elapsed} s{left}  {}", shown.join(" | ")));
        self.bar.tick();
    }
}

/// `34 s of about 111 s`
fn of(waited: Duration, expected: Duration) -> String {
    if expected.is_zero() {
        format!("{} s", waited.as_secs())
    } else {
        format!("{} s of about {} s", waited.as_secs(), expected.as_secs())
    }
}
