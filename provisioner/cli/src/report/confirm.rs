//! Asking before something is changed.

use std::io::IsTerminal;

use crate::failure::{Code, Failure};

/// Asks a yes-or-no question, unless `yes` says it already. Without a terminal nobody can answer.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody is there to confirm this")
            .hint("say `--yes`, or carry out a saved plan with `up --plan FILE`"));
    }
    match dialoguer::Confirm::new().with_prompt(question).default(false).interact() {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("not confirmed: nothing was changed")),
        Err(error) => Err(refused(format!("not confirmed: {error}"))),
    }
}

/// Asks for the environment's name, to be sure that this one is meant.
pub(crate) fn confirm_name(yes: bool, name: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody is there to confirm this").hint("say `--yes`"));
    }
    let typed = dialoguer::Input::<String>::new()
        .with_prompt(format!("type {name} to delete it"))
        .allow_empty(true)
        .interact_text();
    match typed {
        Ok(typed) if typed.trim() == name => Ok(()),
        _ => Err(refused("not confirmed: nothing was changed")),
    }
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(Code::Refused, message)
}
