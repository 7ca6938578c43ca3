//! `proof`: all of it, or single trials, from the command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use proof::cases::{Life, at_every_call, live, lives};
use proof::finding::Finding;
use proof::stage::{Reference, Site};
use proof::trial::{How, Trial, Verb};
use proof::{Error, Result};

/// Disturbs the real tool at every call, and looks at what is left.
#[derive(Parser)]
#[command(version, after_help = "Example: proof try 'up kill-after ec2.CreateVpc@1'")]
struct Arguments {
    #[command(subcommand)]
    verb: What,
    /// Emulators that work side by side.
    #[arg(long, global = true, default_value_t = 2)]
    workers: usize,
    /// Virtual seconds per real second.
    #[arg(long, global = true, default_value_t = 100.0)]
    scale: f64,
}

#[derive(Subcommand)]
enum What {
    /// Makes single trials, those of different commands in one life.
    Try { trials: Vec<Trial> },
    /// Kills at every call.
    Kills {
        /// Only every n-th.
        #[arg(long, default_value_t = 1)]
        step: usize,
    },
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
    let open = (0..arguments.workers).map(|_| Site::open(arguments.scale));
    let sites: Vec<Site> = futures::future::try_join_all(open).await?;
    let first = sites.first().ok_or_else(|| Error::Tool("no workers".into()))?;
    let reference = Reference::of(first).await?;
    let lives = match arguments.verb {
        What::Try { trials } => vec![Life(trials)],
        What::Kills { step } => {
            let hows = [How::Kill { after: false }, How::Kill { after: true }];
            let all = Verb::ALL.into_iter().flat_map(|v| at_every_call(&reference, v, &hows));
            lives(all.step_by(step).collect())
        }
    };
    say(&format!("{} lives", lives.len()));
    let findings = live(&sites, &reference, lives, &|finding| say(&finding.line())).await?;
    let clean = findings.iter().filter(|finding| finding.is_clean()).count();
    say(&format!("{clean} of {} clean", findings.len()));
    Ok(findings.iter().all(Finding::is_clean))
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
