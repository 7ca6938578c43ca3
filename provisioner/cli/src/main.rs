//! `provisioner`: parses, runs, turns the result into an exit code.

mod args;
mod commands;
mod confirm;
mod diagnosis;
mod failure;
mod images;
mod interrupt;
mod local_cloud;
mod migration;
mod outputs;
mod pin;
mod preflight;
mod project;
mod promote;
mod reconcile;
mod rehearsal;
mod release;
mod report;
mod rollout;
mod saved_plan;
mod session;
mod ship;
mod sweep;
mod table;
mod trust;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use failure::Code;

fn main() -> ExitCode {
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
    match result {
        Ok(code) => code,
        Err(failure) => {
            report::failure(&failure, json);
            ExitCode::from(failure.code as u8)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, failure::Failure> {
    let global = &cli.global;
    match &cli.verb {
        Verb::Init(args) => commands::init::run(global, args),
        Verb::Config => commands::config::run(global),
        Verb::Plan(args) => commands::plan::run(global, args).await,
        Verb::Drift => commands::drift::run(global).await,
        Verb::Up(args) => Box::pin(commands::up::run(global, args)).await,
        Verb::Rehearse(args) => commands::rehearse::run(global, args).await,
        Verb::Status => commands::status::run(global).await,
        Verb::Outputs => commands::outputs::run(global).await,
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
