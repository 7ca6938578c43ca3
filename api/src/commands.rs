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
            Command::Migrate => serve::migrate(cli.settings).await,
            Command::Healthcheck => healthcheck::healthcheck(&cli.settings).await,
            Command::Smoke(smoke) => smoke.run(&cli.settings).await,
            Command::Load(load) => load.run(&cli.settings).await,
            Command::Openapi => say(crate::http::router::document()),
        }
    });
    crate::telemetry::logs::finish();
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
    if error.kind() == ErrorKind::InvalidUtf8
        && let Some((_, variable)) = variables().find(|(_, variable)| {
            std::env::var_os(variable).is_some_and(|value| value.to_str().is_none())
        })
    {
        return fail(&format!("{variable}: is not UTF-8 text"), USAGE);
    }
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        let _ = error.print();
        return ExitCode::from(USAGE);
    };
    let flag = argument.split([' ', '=']).next().unwrap_or_default().trim_start_matches('-');
    let variable = variables()
        .find(|(known, _)| known == flag)
        .map_or_else(|| argument.clone(), |(_, variable)| variable);
    let expected = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!("expected one of: {}", values.join(", ")),
        _ => std::error::Error::source(error).map_or("is not valid".to_owned(), plain),
    };
    fail(&format!("{variable}: {expected}"), USAGE)
}

/// The long flags that have a variable, with it.
fn variables() -> impl Iterator<Item = (String, String)> {
    let arguments: Vec<_> = Cli::command()
        .get_arguments()
        .filter_map(|known| {
            Some((known.get_long()?.to_owned(), known.get_env()?.to_str()?.to_owned()))
        })
        .collect();
    arguments.into_iter()
}

/// The standard library's words for a number that is none do not follow on the name of a variable.
fn plain(error: &dyn std::error::Error) -> String {
    match error.to_string().as_str() {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "is not a whole number".to_owned()
        }
        "invalid float literal" => "is not a number".to_owned(),
        text => text.to_owned(),
    }
}
