//! One trial from start to verdict.

use std::time::Duration;

use rustix::process::Signal;
use strict::{Faults, audit};

use crate::emulator::Kind;
use crate::finding::Finding;
use crate::listing::{GIVEN_UP, REVISION};
use crate::stage::{Reference, Stage};
use crate::trial::{How, Trial, Verb};
use crate::writers;
use crate::{Error, Result};

/// Other credentials than those that expire.
const OTHER_KEY: &str = "AKIAPROOF00000000002";

/// What GitHub Actions waits between SIGINT and SIGTERM, and between SIGTERM and SIGKILL, in seconds.
const CANCEL: [f64; 2] = [7.5, 2.5];

/// Disturbs a command, lets it (or the same command once more) end, and looks at what is there.
pub async fn run(stage: &Stage<'_>, reference: &Reference, trial: &Trial) -> Result<Finding> {
    let mut finding = Finding::of(trial);
    let from = stage.cloud.calls().last().map_or(0, |call| call.seq);
    finding.stuck = disturb(stage, trial, &mut finding.hit).await?;
    stage.cloud.set_faults(Faults::default());
    if trial.verb != Verb::Destroy && finding.stuck.is_none() {
        let plan = stage.plan().await?;
        if !plan.done() {
            finding.stuck = Some(format!("plan: {} {}", plan.out, plan.last_words()));
        }
    }
    let mut found = stage.list().await?;
    let mut wanted = reference.after[&trial.verb].clone();
    if trial.verb != Verb::Destroy {
        found.retain(|name, _| !name.starts_with(GIVEN_UP));
    }
    if trial.verb == Verb::Deploy {
        // One that was interrupted goes back and begins anew, with another revision: the state tells which there are.
        wanted.retain(|name, _| !name.starts_with(REVISION));
        let known = stage.known_revisions().await?;
        wanted.extend(known.into_iter().map(|name| (format!("{REVISION}{name}"), 1)));
    }
    finding.compare(&found, &wanted);
    if reference.kind == Kind::Ministack {
        let broken = audit(&stage.cloud.calls());
        finding.violations = broken
            .into_iter()
            .filter(|v| !v.advisory() && v.calls.iter().any(|seq| *seq > from))
            .collect();
    }
    Ok(finding)
}

/// Returns why the command did not reach its end.
async fn disturb(stage: &Stage<'_>, trial: &Trial, hit: &mut bool) -> Result<Option<String>> {
    match &trial.how {
        How::Kill { after } => {
            let moment = if *after { "hold-after" } else { "hold-before" };
            stage.cloud.set_faults(format!("{moment}:{}", trial.at).parse()?);
            let mut started = stage.begin(trial.verb).await?;
            tokio::select! {
                _ = stage.cloud.held() => *hit = true,
                () = started.exit() => {}
            }
            started.signal(Signal::KILL);
            started.end().await?;
            stage.cloud.release();
            again(stage, trial).await
        }
        How::Cut { after } => {
            let moment = if *after { "after" } else { "before" };
            alone(stage, trial, &format!("{moment}:{}", trial.at), hit).await
        }
        How::CutTwice => {
            let first = alone(stage, trial, &format!("after:{}", trial.at), hit).await?;
            let second = again(stage, trial).await?;
            Ok(second.map(|why| format!("{why}; before: {first:?}")))
        }
        How::Faults => alone(stage, trial, trial.seeded().0, hit).await,
        How::Cancel | How::InterruptTwice => interrupt(stage, trial, hit).await,
        How::Expire => expire(stage, trial, hit).await,
        How::Writers => {
            *hit = true;
            writers::run(stage, trial.verb, &trial.at).await
        }
    }
}

/// The command with faults, once.
async fn alone(
    stage: &Stage<'_>,
    trial: &Trial,
    faults: &str,
    hit: &mut bool,
) -> Result<Option<String>> {
    let faults: Faults = faults.parse()?;
    // Pages, rates and staleness are there all along; what the plan says has to come about.
    let all_along = faults.plan.is_empty();
    stage.cloud.set_faults(faults);
    let before = stage.cloud.counts().faulted;
    let ended = stage.begin(trial.verb).await?.end().await?;
    *hit = stage.cloud.counts().faulted > before || all_along;
    Ok((!ended.done()).then(|| ended.last_words()))
}

/// The same command once more, undisturbed.
async fn again(stage: &Stage<'_>, trial: &Trial) -> Result<Option<String>> {
    let ended = stage.run(trial.verb).await?;
    Ok((!ended.done()).then(|| ended.last_words()))
}

async fn interrupt(stage: &Stage<'_>, trial: &Trial, hit: &mut bool) -> Result<Option<String>> {
    let wrong = |_| Error::Tool(format!("`{}` is no number of milliseconds", trial.at));
    let delay = Duration::from_millis(trial.at.parse().map_err(wrong)?);
    let mut started = stage.begin(trial.verb).await?;
    let scaled = |seconds: f64| Duration::from_secs_f64(seconds / stage.site.scale);
    tokio::select! {
        () = tokio::time::sleep(delay) => *hit = true,
        () = started.exit() => {}
    }
    started.signal(Signal::INT);
    let twice = trial.how == How::InterruptTwice;
    if twice {
        tokio::time::sleep(scaled(CANCEL[1])).await;
        started.signal(Signal::INT);
    } else {
        for (pause, signal) in CANCEL.into_iter().zip([Signal::TERM, Signal::KILL]) {
            tokio::select! {
                () = tokio::time::sleep(scaled(pause)) => started.signal(signal),
                () = started.exit() => {}
            }
        }
    }
    let ended = started.end().await?;
    let killed = !twice && ended.signal == Some(Signal::KILL.as_raw());
    // Before the tool listens to signals it has changed nothing, and dies of the first.
    let early = ended.signal == Some(Signal::INT.as_raw());
    if !killed && !early && !matches!(ended.code, Some(0 | 130)) {
        return Ok(Some(format!("interrupted: {}", ended.last_words())));
    }
    again(stage, trial).await
}

async fn expire(stage: &Stage<'_>, trial: &Trial, hit: &mut bool) -> Result<Option<String>> {
    stage.cloud.set_faults(format!("expired:{}+", trial.at).parse()?);
    let ended = stage.begin(trial.verb).await?.end().await?;
    *hit = stage.cloud.counts().faulted > 0;
    if *hit
        && (ended.done() || ended.hung || !ended.err.contains("to go on") && ended.code == Some(7))
    {
        return Ok(Some(format!("with expired credentials: {}", ended.last_words())));
    }
    // The same credentials stay expired; whoever signs in again has others.
    let ended = stage.start(trial.verb.arguments(), OTHER_KEY).await?.end().await?;
    Ok((!ended.done()).then(|| ended.last_words()))
}
