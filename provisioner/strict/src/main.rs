//! `strict-cloud`: a strict AWS in front of an emulator, from the command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use strict::{Call, Config, Faults, Strict, audit};

/// A strict AWS in front of an emulator: counts, delays, refuses and fails as AWS does.
#[derive(Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: strict-cloud --upstream http://127.0.0.1:4566 --strict --clock-scale 100 --faults throttle:20%"
)]
struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The emulator, `http://host:port`.
    #[arg(long, required = true)]
    upstream: Option<String>,
    /// Added to every call: `30ms`, `1s`.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    delay: Duration,
    /// Apply AWS's rules and durations.
    #[arg(long)]
    strict: bool,
    /// Source of all chance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Virtual seconds per real second; 0 for a clock moved through the control endpoint.
    #[arg(long, default_value_t = 1.0)]
    clock_scale: f64,
    /// For example `after:57,throttle:20%,pages:2`.
    #[arg(long, default_value = "")]
    faults: Faults,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the control endpoint listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// A file that gets one JSON line per call.
    #[arg(long)]
    log: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Judge a call log against AWS's ordering rules; exits with 1 when a rule was broken.
    Audit {
        /// A log written with `--log`.
        log: PathBuf,
        /// Report rules too that AWS itself does not enforce.
        #[arg(long)]
        advice: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Verb::Audit { log, advice }) = args.verb {
        return judge(&log, advice);
    }
    let config = Config {
        upstream: args.upstream.unwrap_or_default(),
        delay: args.delay,
        strict: args.strict,
        seed: args.seed,
        clock_scale: args.clock_scale,
        faults: args.faults,
        listen: args.listen,
        control: args.control,
        log: args.log,
    };
    match Strict::start(config).await {
        Ok(running) => {
            say(&serde_json::json!({ "endpoint": running.endpoint, "control": running.control })
                .to_string());
            let mut terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
            let terminated = async {
                match &mut terminate {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated => {}
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|e| format!(": {e}")).unwrap_or_default();
            fail(&format!("{error}{cause}"))
        }
    }
}

fn judge(path: &std::path::Path, advice: bool) -> ExitCode {
    let calls: Result<Vec<Call>, _> = match std::fs::read_to_string(path) {
        Ok(text) => text.lines().map(serde_json::from_str).collect(),
        Err(error) => return fail(&format!("{}: {error}", path.display())),
    };
    match calls {
        Ok(calls) => {
            let violations: Vec<_> =
                audit(&calls).into_iter().filter(|v| advice || !v.advisory()).collect();
            for violation in &violations {
                say(&format!(
                    "rule {} at {:?}: {}",
                    violation.rule, violation.calls, violation.text
                ));
            }
            say(&format!("{} calls, {} violations", calls.len(), violations.len()));
            if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => fail(&format!("{} is not a call log: {error}", path.display())),
    }
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "strict-cloud: {message}");
    ExitCode::from(2)
}

/// One line to whoever started us, at once even when piped.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let number: u64 =
        number.parse().map_err(|_| format!("`{text}` is not a duration such as 30ms or 1s"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(format!("`{text}` is not a duration such as 30ms or 1s")),
    }
}
