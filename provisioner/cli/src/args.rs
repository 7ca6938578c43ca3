//! The command line: every verb, every flag, each with an example.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

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
  1  failed before any change      6  refused: protected, foreign, another account, not confirmed
  2  wrong usage                   7  failed part-way; run the same command again to go on
  3  plan, drift: changes found    8  the state is damaged, newer, or was changed meanwhile
  4  wrong environment file        9  a release failed, the old version runs again
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
    /// Shows what somebody else has changed since the last `up` or `deploy`, and who else is in the
    /// VPC. Changes nothing and takes no lock.
    #[command(after_help = "Example: provisioner drift --env prod --json")]
    Drift,
    /// Brings the environment to what its file says.
    Up(Up),
    /// Does today's plan in a strict copy of AWS on this machine, and shows how it goes.
    Rehearse(Rehearse),
    /// Shows what runs, and whether it is healthy.
    #[command(after_help = "Example: provisioner status --env prod")]
    Status,
    /// Prints addresses and names of what was made.
    #[command(after_help = "Example: provisioner outputs --env prod --json")]
    Outputs,
    /// Ships a new image, and goes back by itself when it does not serve.
    Deploy(Deploy),
    /// Goes back to an earlier release.
    Rollback(Rollback),
    /// Lists a service's releases.
    #[command(after_help = "Example: provisioner releases --env prod")]
    Releases(OfService),
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
#[command(
    after_help = "Example: provisioner init --name prod --service api --port 8000 --image ghcr.io/acme/api:1.0"
)]
pub(crate) struct Init {
    /// The environment's name: `prod`, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The project's name: the folder's, unless said otherwise.
    #[arg(long = "project-name", value_name = "NAME")]
    pub(crate) project_name: Option<String>,
    /// The AWS region: AWS_REGION, or `us-east-1`, unless said otherwise.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The first service's name: `api`, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// The port that the service listens on: 8000, unless said otherwise.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// An image to run as it is.
    #[arg(long, conflicts_with = "dockerfile")]
    pub(crate) image: Option<String>,
    /// A Dockerfile to build: `Dockerfile`, unless an image is said.
    #[arg(long, value_name = "PATH")]
    pub(crate) dockerfile: Option<PathBuf>,
    /// How tasks reach the internet.
    #[arg(long, value_enum)]
    pub(crate) nat: Option<Nat>,
    /// Asks nothing: what is not said gets a default.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// The NAT gateways of a first environment file.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Nat {
    /// One NAT gateway in each zone: about 33 USD a month each.
    PerZone,
    /// One NAT gateway for all zones.
    Shared,
    /// No NAT gateway: tasks get public addresses that nobody can connect to.
    None,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: provisioner plan --env prod --out prod.plan && provisioner up --env prod --plan prod.plan"
)]
pub(crate) struct Plan {
    /// Saves the plan, to be carried out by `up --plan`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, conflicts_with = "json")]
    pub(crate) format: PlanFormat,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PlanFormat {
    /// For a terminal or a log.
    Text,
    /// For the comment of a pull request.
    Github,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner up --env prod --yes --wait 10m")]
pub(crate) struct Up {
    /// Asks nothing.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Carries out a saved plan, and refuses when files, state or cloud have changed since.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Allows to replace or delete this, although it holds data: `secret.database-url`.
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) allow: Vec<String>,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner destroy --env dev --yes")]
pub(crate) struct Destroy {
    /// Asks nothing.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Also deletes what `protect: true` protects.
    #[arg(long)]
    pub(crate) unprotect: bool,
    /// Also removes the account's state bucket and lock table, when no other environment uses them.
    #[arg(long)]
    pub(crate) state: bool,
    #[command(flatten)]
    pub(crate) lock: Lock,
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

/// How to wait for a rollout.
#[derive(Clone, Debug, Args)]
pub(crate) struct Patience {
    /// Goes back when the new version does not serve within this time.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    pub(crate) timeout: Duration,
    /// Returns once the switch was asked for.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: provisioner rehearse --env prod\n         provisioner rehearse --env prod --faults throttle:20%,500:5% --seed 7"
)]
pub(crate) struct Rehearse {
    /// What goes wrong on the way, as `provisioner/strict/README.md` lists it; `none` for nothing.
    #[arg(long, value_name = "SPEC", default_value = "throttle:3%,500:1%,503:1%,after:2%")]
    pub(crate) faults: String,
    /// Where chance begins: the same seed, the same faults.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Seconds of AWS that pass in one of this machine. The faster, the more this machine's own time
    /// counts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) scale: u32,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner deploy --env prod --service api --tag v1.2.3")]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) of: OfService,
    /// An image to run as it is.
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["tag", "binary"])]
    pub(crate) image: Option<String>,
    /// A tag in the service's own repository, or of the file's `image:`.
    #[arg(long, conflicts_with = "binary")]
    pub(crate) tag: Option<String>,
    /// A static binary to make an image of.
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: provisioner rollback --env prod\n         provisioner rollback 41 --env prod"
)]
pub(crate) struct Rollback {
    /// The release to go back to, as `releases` numbers them. Left out, the last good one before this.
    pub(crate) number: Option<u32>,
    /// Goes back also across a migration, which is not undone.
    #[arg(long)]
    pub(crate) across_migration: bool,
    #[command(flatten)]
    pub(crate) of: OfService,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner logs --env prod --since 30m --follow")]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) of: OfService,
    /// Goes on as lines come, until interrupted.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Lines of this last time.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    pub(crate) since: Duration,
    /// Only this task's lines: its id, or how it begins.
    #[arg(long, value_name = "ID", conflicts_with = "previous")]
    pub(crate) task: Option<String>,
    /// The lines of the task that stopped last.
    #[arg(long)]
    pub(crate) previous: bool,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner run --env prod -- /payments-api migrate")]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) of: OfService,
    /// The command with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner scale 4 --env prod --service worker")]
pub(crate) struct Scale {
    /// How many tasks.
    pub(crate) count: u32,
    #[command(flatten)]
    pub(crate) of: OfService,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(crate) of: OfService,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Secret {
    /// Sets a secret's value, read from standard input or a prompt. Works before the first `up`.
    #[command(
        after_help = "Example: printf %s \"$URL\" | provisioner secret set database-url --env prod"
    )]
    Set {
        /// The secret's name, as the environment file has it.
        name: String,
        /// Rolls the tasks of the services that use it, so that they get the new value.
        #[arg(long)]
        roll: bool,
    },
    /// Lists the secrets that the environment file names, and whether each has a value.
    #[command(after_help = "Example: provisioner secret list --env prod")]
    List,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum State {
    /// Lists the resources in the state.
    #[command(after_help = "Example: provisioner state list --env prod")]
    List,
    /// Shows one resource, or the whole state.
    #[command(after_help = "Example: provisioner state show vpc.main --env prod")]
    Show {
        /// The resource's address, as `state list` shows it.
        resource: Option<String>,
    },
    /// Breaks a lock whose holder is certainly dead.
    #[command(after_help = "Example: provisioner state unlock --env prod --fence 7")]
    Unlock {
        /// The lock's fence number, as the refusal shows it.
        #[arg(long)]
        fence: u64,
    },
    /// Lists the stored versions of the state, the newest first.
    #[command(after_help = "Example: provisioner state history --env prod")]
    History,
    /// Makes the state again from tags, names and places in the cloud, when the stored one is gone, torn
    /// or older.
    #[command(after_help = "Example: provisioner state rebuild --env prod")]
    Rebuild {
        /// Asks nothing.
        #[arg(short, long)]
        yes: bool,
    },
    /// Makes an earlier version the current state. The one that it replaces stays in the history.
    #[command(after_help = "Example: provisioner state restore 3HL4kqtJlcpXroDTDmJ --env prod")]
    Restore {
        /// The version, as `state history` shows it.
        version: String,
    },
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: provisioner iam --env prod --role plan --repository acme/payments"
)]
pub(crate) struct Iam {
    /// Only this role.
    #[arg(long, value_enum)]
    pub(crate) role: Option<IamRole>,
    /// The repository on GitHub whose workflows may take the roles.
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY")]
    pub(crate) repository: Option<String>,
}

/// Each may also do what the one before it may.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum IamRole {
    /// Reads, for `plan` on pull requests.
    Plan,
    /// Ships images and goes back.
    Deploy,
    /// Makes and deletes the environment.
    Up,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Local {
    /// Starts the local cloud, installing it first if need be.
    #[command(after_help = "Example: provisioner local start")]
    Start,
    /// Stops the local cloud. What it holds is kept.
    #[command(after_help = "Example: provisioner local stop --purge")]
    Stop {
        /// Removes every process, container and file of it.
        #[arg(long)]
        purge: bool,
    },
    /// Shows whether it runs, and what it emulates.
    #[command(after_help = "Example: provisioner local status")]
    Status,
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds: stack::environment::Seconds =
        text.parse().map_err(|error: stack::environment::NotSeconds| error.to_string())?;
    Ok(Duration::from_secs(u64::from(seconds.0)))
}
