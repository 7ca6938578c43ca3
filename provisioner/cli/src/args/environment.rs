//! The flags of the verbs for a whole environment.

use std::path::PathBuf;

use clap::Args;

use super::{Lock, Remembered};

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
    /// The AWS region: AWS_REGION, the profile's, or `us-east-1`, unless said otherwise.
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

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: provisioner drift --env prod --json")]
pub(crate) struct Drift {
    /// Removes what others have added: tags, routes, rules of security groups and listeners, listeners.
    /// What they have changed is repaired by `up`. Needs the file, which says what is ignored.
    #[arg(long, conflicts_with = "project_name")]
    pub(crate) revert: bool,
    /// Removes without asking.
    #[arg(short, long, requires = "revert")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) lock: Lock,
    #[command(flatten)]
    pub(crate) remembered: Remembered,
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
    /// Goes on although the account's quotas do not allow the plan.
    #[arg(long)]
    pub(crate) ignore_quotas: bool,
    /// Allows to replace or delete this, although it holds data or is protected: `secret.database-url`.
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
    #[command(flatten)]
    pub(crate) remembered: Remembered,
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
#[command(
    after_help = "Example: provisioner iam --env prod --role plan --repository acme@1234/payments@5678\n\
    The ids: gh api repos/acme/payments --jq '.owner.id, .id'"
)]
pub(crate) struct Iam {
    /// Only this role.
    #[arg(long, value_enum)]
    pub(crate) role: Option<IamRole>,
    /// The repository on GitHub whose workflows may take the roles, as GitHub writes it: case counts.
    /// GitHub names repositories made, renamed or moved since 15 July 2026 with their ids: say
    /// `OWNER@ID/NAME@ID` for those. Without ids the roles trust both forms.
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY")]
    pub(crate) repository: Option<String>,
    /// The subject of the workflows' tokens where the organisation has changed its template, with
    /// `{context}` for `environment:NAME` or `pull_request`.
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) subject: Option<String>,
    /// Another environment, whose images `deploy --from` may copy.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) from: Vec<String>,
    /// The key that encrypts the state's bucket by default, when the environment file does not say it.
    #[arg(long, value_name = "ARN")]
    pub(crate) kms: Option<String>,
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
