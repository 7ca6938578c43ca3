//! `proof`: all of it, or single trials, from the command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use proof::cases::{Life, live};
use proof::emulator::Kind;
use proof::finding::{Finding, is_stall};
use proof::makespan::{self, Makespan};
use proof::stage::{Reference, Site};
use proof::suite::Suite;
use proof::table::Results;
use proof::trial::{self, Trial};
use proof::{Error, Result, emulator};
use strict::Call;

/// Disturbs the real tool at every call, and looks at what is left.
#[derive(Parser)]
#[command(version, after_help = "Example: proof try 'up kill-after ec2.CreateVpc@1'")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// Emulators that work side by side.
    #[arg(long, global = true, default_value_t = 2)]
    workers: usize,
    /// In front of which emulator: `ministack`, with the strict cloud between, or `moto`, without.
    #[arg(long, global = true, default_value_t)]
    on: Kind,
    /// Virtual seconds per real second, instead of each suite's own.
    #[arg(long, global = true)]
    scale: Option<f64>,
}

#[derive(Subcommand)]
enum Verb {
    /// Makes single trials, those of different commands in one life of an environment.
    Try {
        #[arg(required = true)]
        trials: Vec<Trial>,
    },
    /// A few trials of every suite, by seed.
    Sample {
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Of each suite, at most this many for each command.
        #[arg(long, default_value_t = 2)]
        most: usize,
        #[arg(long)]
        suite: Vec<Suite>,
        /// Of one command only: `up`, `change`, `deploy` or `destroy`.
        #[arg(long)]
        of: Option<trial::Verb>,
    },
    /// All suites, or those that are named, whose results join the last ones. Rewrites the page of results.
    Full {
        #[arg(long)]
        suite: Vec<Suite>,
        /// Tries of what is random.
        #[arg(long, default_value_t = 4)]
        seeds: u64,
        #[arg(long)]
        page: Option<PathBuf>,
    },
    /// Times the commands.
    Makespan,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("proof: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool> {
    let usual = arguments.scale.unwrap_or(Suite::Creates.scale(arguments.on));
    let open = (0..arguments.workers.max(1)).map(|_| Site::open(arguments.on, usual));
    let mut sites: Vec<Site> = futures::future::try_join_all(open).await?;
    if let Verb::Makespan = arguments.verb {
        times(&mut sites).await?;
        return Ok(true);
    }
    let reference = unless_stalled(async || Reference::of(&sites[0]).await).await?;
    let mut results = Results { reference, ..Results::default() };
    let (named, page) = match &arguments.verb {
        Verb::Try { trials } => {
            let findings = tell(&sites, &results.reference, vec![Life(trials.clone())]).await?;
            return Ok(findings.iter().all(Finding::is_clean));
        }
        Verb::Sample { suite, .. } => (suite, None),
        Verb::Full { suite, page, .. } => {
            if let (false, Some(last)) = (suite.is_empty(), last_results(arguments.on)) {
                results = Results { reference: results.reference, ..last };
            } else if arguments.on == Kind::Ministack {
                results.makespans = times(&mut sites).await?;
            }
            let own = || emulator::repository().join("provisioner/proof/RESULTS.md");
            (suite, Some(page.clone().unwrap_or_else(own)))
        }
        Verb::Makespan => return Ok(true),
    };
    let all = Suite::ALL.to_vec();
    for suite in if named.is_empty() { &all } else { named } {
        let lives = match &arguments.verb {
            Verb::Sample { seed, most, of, .. } => {
                let mut lives = suite.sample(&results.reference, *seed, *most);
                for life in &mut lives {
                    life.0.retain(|trial| of.is_none_or(|of| trial.verb == of));
                }
                lives
            }
            Verb::Full { seeds, .. } => suite.full(&results.reference, *seeds),
            _ => Vec::new(),
        };
        at(&mut sites, arguments.scale.unwrap_or(suite.scale(arguments.on)));
        let begun = Instant::now();
        let findings = tell(&sites, &results.reference, lives).await?;
        let clean = findings.iter().filter(|finding| finding.is_clean()).count();
        let took = begun.elapsed().as_secs();
        say(&format!("{suite}: {clean} of {} clean, {took} s", findings.len()));
        results.put(*suite, findings);
        // After each: a run that is ended early has shown what it got to.
        if let Some(path) = &page {
            let before = std::fs::read_to_string(path).unwrap_or_default();
            std::fs::write(path, results.page(&before))?;
            std::fs::write(kept(arguments.on)?, serde_json::to_vec(&results).unwrap_or_default())?;
        }
    }
    Ok(results.findings.iter().flat_map(|(_, findings)| findings).all(Finding::is_clean))
}

/// Where the last results are kept, beside the program: a suite that is run alone joins them.
fn kept(on: Kind) -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(format!("proof-results-{on}.json")))
}

fn last_results(on: Kind) -> Option<Results> {
    serde_json::from_slice(&std::fs::read(kept(on).ok()?).ok()?).ok()
}

/// Tries again when the machine stood still for longer than a compressed lease.
async fn unless_stalled<T>(work: impl AsyncFn() -> Result<T>) -> Result<T> {
    for _ in 0..3 {
        match work().await {
            Err(Error::Tool(why)) if is_stall(&why) => say("the machine stood still: again"),
            done => return done,
        }
    }
    work().await
}

/// Times the commands on the first site.
async fn times(sites: &mut [Site]) -> Result<Vec<Makespan>> {
    let site = at(&mut sites[..1], makespan::SCALE);
    let told = |at: f64, call: &Call| {
        if !matches!(call.service.as_str(), "dynamodb" | "s3") {
            say(&format!("{at:7.1} s  {}.{}", call.service, call.operation));
        }
    };
    let times = unless_stalled(async || makespan::measure(site, &told).await).await?;
    for time in &times {
        let (verb, seconds, ratio) = (time.verb, time.seconds, time.ratio());
        say(&format!("{verb}: {seconds:.0} s, {ratio:.2} of {} ({})", time.critical, time.chain));
    }
    Ok(times)
}

/// Sets the sites' clocks; the first of them.
fn at(sites: &mut [Site], scale: f64) -> &Site {
    for site in sites.iter_mut() {
        site.scale = scale;
    }
    &sites[0]
}

async fn tell(sites: &[Site], reference: &Reference, lives: Vec<Life>) -> Result<Vec<Finding>> {
    live(sites, reference, lives, &|finding| say(&finding.line())).await
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
