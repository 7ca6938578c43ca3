//! The flags of the daily verbs: for one service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Lock, OfService, Patience, duration};

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: provisioner deploy --env prod --service api --tag v1.2.3\n         provisioner deploy --env prod --from staging"
)]
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
    /// The image of another environment's last release that serves, copied digest for digest.
    #[arg(long, value_name = "ENVIRONMENT", conflicts_with_all = ["image", "tag", "binary"])]
    pub(crate) from: Option<String>,
    /// The image of this release of the other environment, as its `releases` numbers them.
    #[arg(long, value_name = "NUMBER", requires = "from")]
    pub(crate) release: Option<u32>,
    /// Ships also a commit that is older than the one that runs.
    #[arg(long)]
    pub(crate) older: bool,
    /// Asks nothing. It never does: accepted so that a pipeline may say it everywhere.
    #[arg(short, long)]
    pub(crate) yes: bool,
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
    /// Asks nothing. It never does: accepted so that a pipeline may say it everywhere.
    #[arg(short, long)]
    pub(crate) yes: bool,
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
    /// Writes the number into the environment file as well, so that it outlasts the next `up`.
    #[arg(long)]
    pub(crate) keep: bool,
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
