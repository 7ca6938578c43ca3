//! `completions`: a script that a shell loads.

use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::{Code, Failure};
use crate::report;

pub(crate) fn run(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(), env!("CARGO_PKG_NAME"), &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Failure::new(Code::Failed, format!("cannot write the script: {error}")))?;
    report::out(&script);
    Ok(ExitCode::SUCCESS)
}

/// The command line without its hidden verbs: the generators would offer them.
fn shown() -> Command {
    let whole = Cli::command();
    Command::new(env!("CARGO_PKG_NAME"))
        .args(whole.get_arguments().cloned())
        .subcommands(whole.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}
