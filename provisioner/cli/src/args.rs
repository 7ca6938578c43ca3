//! The command line: every verb, every flag, each with an example.

mod environment;
mod nested;
mod service;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use environment::{
    Destroy, Drift, Iam, IamRole, Init, Nat, Plan, PlanFormat, Rehearse, Up,
};
pub(crate) use nested::{Local, Secret, State};
pub(crate) use service::{Deploy, Logs, Restart, Rollback, Run, Scale};

/// Set in the process that was started again with the local cloud's variables: what was said before is
/// not said twice.
pub(crate) const INSIDE: &str = "PROVISIONER_INSIDE";

/// Stands up a production-grade container service on AWS from one short YAML file.
#[derive(Debug, Parser)]
#[command(name = "provisioner", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "Exit codes:
  0  done, or nothing to do        5  the lock is held by somebody else
  1  failed before any change,     6  refused: protected, foreign, another account, not confirmed
     or nobody took its output
  2  wrong usage                   7  failed part-way; run the same command again to go on
  3  plan, drift: changes found    8  the state is damaged, newer, or was changed meanwhile
  4  wrong environment file        9  a release failed, the old version runs again
                                  10  a release failed, and the old version does not run yet either
                                  130  interrupted; run the same command again to go on";

/// Flags that every verb takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The environment: the name of a file in `environments/`. May be left out when there is only one.
    #[arg(short, long, global = true, env = "PROVISIONER_ENV", value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The folder that holds `environments/`. Left out, it is looked for from here upwards.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// Prints data as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Writes a first environment file.
    Init(Init),
    /// Shows the whole environment file, each value with where it came from.
    #[command(after_help = "Example: provisioner config --env prod")]
    Config,
    /// Shows what `up` would change. Changes nothing and takes no lock.
    Plan(Plan),
    /// Shows what somebody else has changed or added since the last `up` or `deploy`, and who else is
    /// in the VPC. Changes nothing and takes no lock, but for `--revert`.
    Drift(Drift),
    /// Brings the environment to what its file says.
    Up(Up),
    /// Does today's plan in a strict copy of AWS on this machine, and shows how it goes.
    Rehearse(Rehearse),
    /// Shows what runs, and whether it is healthy.
    #[command(after_help = "Example: provisioner status --env prod")]
    Status(Remembered),
    /// Prints addresses and names of what was made.
    #[command(after_help = "Example: provisioner outputs --env prod --json")]
    Outputs(Remembered),
    /// Ships a new image, and goes back by itself when it does not serve.
    Deploy(Deploy),
    /// Goes back to an earlier release.
    Rollback(Rollback),
    /// Lists a service's releases.
    #[command(after_help = "Example: provisioner releases --env prod")]
    Releases(Releases),
    /// Says why a service's deployment fails: cause, proof, fix.
    #[command(after_help = "Example: provisioner explain --env prod")]
    Explain(OfService),
    /// Prints what tasks have written, in the order of time.
    Logs(Logs),
    /// Runs a command once with what a service has, and ends with its exit code.
    Run(Run),
    /// Sets how many tasks run.
    Scale(Scale),
    /// Replaces all tasks by new ones of the same revision.
    #[command(after_help = "Example: provisioner restart --env prod --service api")]
    Restart(Restart),
    /// Deletes everything that `up` made.
    Destroy(Destroy),
    /// Sets and lists secrets.
    #[command(subcommand)]
    Secret(Secret),
    /// Looks into the state and its lock.
    #[command(subcommand)]
    State(State),
    /// Prints the IAM roles that run this environment: what each may do, and who may take it.
    Iam(Iam),
    /// Prints the JSON Schema of environment files.
    #[command(after_help = "Example: provisioner schema > environments/schema.json")]
    Schema,
    /// Prints a completion script for a shell.
    #[command(
        after_help = "Example: provisioner completions bash > ~/.local/share/bash-completion/completions/provisioner"
    )]
    Completions { shell: clap_complete::Shell },
    /// Starts and stops the local cloud.
    #[command(subcommand)]
    Local(Local),
    /// Runs a local service's process. Called by the tool itself.
    #[command(hide = true)]
    Supervise,
    /// Builds what a state remembers in the cloud of a rehearsal. Called by the tool itself.
    #[command(hide = true)]
    Rebuild { state: PathBuf },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Lock {
    /// Waits this long for the lock: `90s`, `10m`. A dead holder loses it after 30 s of silence.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

/// Which service.
#[derive(Clone, Debug, Args)]
pub(crate) struct OfService {
    /// The service. May be left out when there is only one.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
}

/// Where an environment is whose file is gone or wrong: its state knows the rest.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remembered {
    /// The project's name. Then no environment file is read, and the state is enough.
    #[arg(long, value_name = "NAME", requires = "region")]
    pub(crate) project_name: Option<String>,
    /// The AWS region that the state is in, with `--project-name`.
    #[arg(long, requires = "project_name")]
    pub(crate) region: Option<String>,
}

/// Which service's releases.
#[derive(Clone, Debug, Args)]
pub(crate) struct Releases {
    #[command(flatten)]
    pub(crate) of: OfService,
    #[command(flatten)]
    pub(crate) remembered: Remembered,
}

/// How to wait for a rollout.
#[derive(Clone, Debug, Args)]
pub(crate) struct Patience {
    /// Goes back when the new version does not serve within this time. Left out, what the file's grace,
    /// deregistration and stop times come to, and 10 minutes.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Returns once the switch was asked for.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds: stack::environment::Seconds =
        text.parse().map_err(|error: stack::environment::NotSeconds| error.to_string())?;
    Ok(Duration::from_secs(u64::from(seconds.0)))
}
