//! `provisioner`: parses, runs, turns the result into an exit code.

mod args;
mod commands;
mod failure;
mod rehearsal;
mod release;
mod report;
mod run;
mod session;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::Parser;

use args::{Cli, Verb};
use failure::Code;

fn main() -> ExitCode {
    without_empty_variables();
    let cli = Cli::parse();
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report::failure(&failure::Failure::new(Code::Failed, error.to_string()), json);
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(cli));
    // Calls that an interrupt abandoned are not waited for.
    runtime.shutdown_background();
    match result.and_then(|code| report::unwritten().map_or(Ok(code), Err)) {
        Ok(code) => code,
        Err(failure) => {
            report::failure(&failure, json);
            ExitCode::from(failure.code as u8)
        }
    }
}

/// Variables that are set to nothing mean nothing: pipelines hand them on so. The SDK and others would take `""` for a
/// profile, a region or an address, so this process starts again without them.
fn without_empty_variables() {
    let ours = |name: &str| {
        let prefixes = ["AWS_", "PROVISIONER_", "GITHUB_", "DOCKER_"];
        let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
        prefixes.iter().any(|prefix| name.starts_with(prefix))
            || proxies.contains(&name.to_uppercase().as_str())
    };
    let set = std::env::vars_os().filter(|(_, value)| value.is_empty());
    let empty: Vec<_> =
        set.map(|(name, _)| name).filter(|name| name.to_str().is_some_and(ours)).collect();
    let (false, Ok(program)) = (empty.is_empty(), std::env::current_exe()) else { return };
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1));
    for name in empty {
        again.env_remove(name);
    }
    // It returns only where this cannot be done, and then they stay.
    let _not_started = again.exec();
}

async fn run(cli: Cli) -> Result<ExitCode, failure::Failure> {
    let global = &cli.global;
    match &cli.verb {
        Verb::Init(args) => commands::init::run(global, args),
        Verb::Config => commands::config::run(global),
        Verb::Plan(args) => commands::plan::run(global, args).await,
        Verb::Drift(args) => commands::drift::run(global, args).await,
        Verb::Up(args) => Box::pin(commands::up::run(global, args)).await,
        Verb::Rehearse(args) => commands::rehearse::run(global, args).await,
        Verb::Status(args) => commands::status::run(global, args).await,
        Verb::Outputs(args) => commands::outputs::run(global, args).await,
        Verb::Deploy(args) => commands::deploy::run(global, args).await,
        Verb::Rollback(args) => commands::rollback::run(global, args).await,
        Verb::Releases(args) => commands::releases::run(global, args).await,
        Verb::Explain(args) => commands::explain::run(global, args).await,
        Verb::Logs(args) => commands::logs::run(global, args).await,
        Verb::Run(args) => commands::run::run(global, args).await,
        Verb::Scale(args) => commands::scale::run(global, args).await,
        Verb::Restart(args) => commands::restart::run(global, args).await,
        Verb::Destroy(args) => commands::destroy::run(global, args).await,
        Verb::Secret(args) => commands::secret::run(global, args).await,
        Verb::State(args) => commands::state::run(global, args).await,
        Verb::Iam(args) => commands::iam::run(global, args).await,
        Verb::Schema => commands::schema::run(),
        Verb::Completions { shell } => commands::completions::run(*shell),
        Verb::Local(args) => commands::local::run(global, args).await,
        Verb::Supervise => commands::supervise::run().await,
        Verb::Rebuild { state } => commands::rebuild::run(global, state).await,
    }
}
