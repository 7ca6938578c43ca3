//! Which trials there are, and how they are spread over the sites.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::finding::{Finding, is_stall};
use crate::leg;
use crate::stage::{Reference, Site, Stage};
use crate::trial::{How, Trial, Verb};

/// Beats of the lock's heart come as often as the machine is slow: the claim and the first beat are tried, and they
/// stand for the rest.
const BEAT: (&str, u64) = ("dynamodb.UpdateItem", 2);

/// How often a trial is repeated because the machine stood still.
const STALLS: u32 = 3;

/// Every mutating call of a command, each disturbed in each of these ways.
#[must_use]
pub fn at_every_call(reference: &Reference, verb: Verb, hows: &[How]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (operation, times) in &reference.calls[&verb] {
        let times = if operation == BEAT.0 { BEAT.1.min(*times) } else { *times };
        for n in 1..=times {
            for how in hows {
                trials.push(Trial::new(verb, how.clone(), format!("{operation}@{n}")));
            }
        }
    }
    trials
}

/// Trials of all commands that share one life of an environment: `up`, the change, the deploy, `destroy`.
#[derive(Clone, Debug, Default)]
pub struct Life(pub Vec<Trial>);

/// Puts the n-th trial of each command into the n-th life.
#[must_use]
pub fn lives(trials: Vec<Trial>) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let mut used = [0; Verb::ALL.len()];
    for trial in trials {
        let n = &mut used[trial.verb as usize];
        if *n == lives.len() {
            lives.push(Life::default());
        }
        lives[*n].0.push(trial);
        *n += 1;
    }
    lives
}

/// Lives through all of them, as many at a time as there are sites; `told` hears of each verdict at once.
pub async fn live(
    sites: &[Site],
    reference: &Reference,
    lives: Vec<Life>,
    told: &(dyn Fn(&Finding) + Sync),
) -> Result<Vec<Finding>> {
    let queue = Mutex::new(VecDeque::from(lives));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = async |site: &Site| -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        while let Some(life) = next() {
            findings.extend(one(site, reference, life, told).await?);
        }
        Ok(findings)
    };
    let mut all = Vec::new();
    for findings in futures::future::join_all(sites.iter().map(work)).await {
        all.extend(findings?);
    }
    Ok(all)
}

async fn one(
    site: &Site,
    reference: &Reference,
    life: Life,
    told: &(dyn Fn(&Finding) + Sync),
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut trials = VecDeque::from(life.0);
    let mut stalls = 0;
    while !trials.is_empty() {
        let seed = trials.front().map_or(0, |trial| trial.seeded().1);
        let stage = site.stage(seed).await?;
        for verb in Verb::ALL {
            if trials.is_empty() {
                break;
            }
            let here = trials.iter().position(|trial| trial.verb == verb);
            let Some(trial) = here.and_then(|at| trials.remove(at)) else {
                // A destroy does not mind which form of the stack it finds.
                let comes = |trial: &Trial| verb < trial.verb && trial.verb < Verb::Destroy;
                let needed = verb == Verb::Up || trials.iter().any(comes);
                if needed && !undisturbed(&stage, verb, &mut stalls).await? {
                    break;
                }
                continue;
            };
            let mut finding = leg::run(&stage, reference, &trial).await?;
            if finding.is_stalled() && stalls < STALLS {
                stalls += 1;
                trials.push_front(trial);
                break;
            }
            finding.stalls = std::mem::take(&mut stalls);
            told(&finding);
            let clean = finding.is_clean();
            findings.push(finding);
            if !clean {
                // What comes after is tried where nothing has gone wrong.
                break;
            }
        }
    }
    Ok(findings)
}

/// Runs a command on the way to a trial. Answers whether it ended well; it is excused when the machine stood still.
async fn undisturbed(stage: &Stage<'_>, verb: Verb, stalls: &mut u32) -> Result<bool> {
    let ended = stage.run(verb).await?;
    if !ended.done() && *stalls < STALLS && is_stall(&ended.err) {
        *stalls += 1;
        return Ok(false);
    }
    if ended.done() { Ok(true) } else { Err(crate::Error::Tool(ended.last_words())) }
}
