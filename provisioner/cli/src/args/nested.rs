//! The verbs that have verbs of their own.

use clap::Subcommand;

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
