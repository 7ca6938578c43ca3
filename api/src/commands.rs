//! The command line: what can be asked of the binary, and its exit codes.

mod healthcheck;
mod load;
mod serve;
mod smoke;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

use crate::settings::{SettingError, Settings};

/// Exit code of a wrong setting or a wrong command line (sysexits EX_USAGE).
const USAGE: u8 = 64;

/// The payments API. Without a command it serves.
#[derive(Parser)]
#[command(name = "payments-api", version, about, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests until SIGTERM (the default)
    Serve,
    /// Bring the database's schema up to date, then exit
    Migrate,
    /// Ask a running instance on this machine whether it lives; for a container without a shell
    Healthcheck,
    /// Check a deployed instance with a payment of one centavo, end to end; exit code 1 when anything is wrong
    Smoke(smoke::Smoke),
    /// Send a bounded load and show the throughput and the percentiles
    Load(load::Load),
    /// Print the OpenAPI document
    #[command(hide = true)]
    Openapi,
}

/// Runs the process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime does not start: {error}"), 1),
    };
    let outcome = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::serve(cli.settings).await,
            Command::Migrate => serve::migrate(&cli.settings).await,
            Command::Healthcheck => healthcheck::healthcheck(&cli.settings).await,
            Command::Smoke(smoke) => smoke.run(&cli.settings).await,
            Command::Load(load) => load.run(&cli.settings).await,
            Command::Openapi => say(crate::router::document()),
        }
    });
    crate::logs::finish();
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure.text, failure.code),
    }
}

/// Why a command ends with another exit code than zero.
struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 1 }
    }
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Self {
        Self { text: error.to_string(), code: USAGE }
    }
}

/// Writes a line to standard output.
fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| Failure::new(format!("standard output: {error}")))
}

fn fail(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "payments-api: {text}");
    ExitCode::from(code)
}

/// One line for a setting that the parser refuses, named by its variable; its own text for everything else.
fn refuse(error: &clap::Error) -> ExitCode {
    use clap::error::{ContextKind, ContextValue};
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        let _ = error.print();
        return ExitCode::from(USAGE);
    };
    let flag = argument.split([' ', '=']).next().unwrap_or_default().trim_start_matches('-');
    let variable = Cli::command()
        .get_arguments()
        .find(|known| known.get_long() == Some(flag))
        .and_then(|known| known.get_env()?.to_str().map(str::to_owned))
        .unwrap_or_else(|| argument.clone());
    let expected = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!("expected one of: {}", values.join(", ")),
        _ => std::error::Error::source(error)
            .map_or_else(|| "is not valid".to_owned(), ToString::to_string),
    };
    fail(&format!("{variable}: {expected}"), USAGE)
}
