//! The only place that prints. Data goes to standard output, everything else to standard error;
//! colours only where a terminal shows them.

pub(crate) mod confirm;
mod drift;
mod outcome;
mod plan;
mod progress;
mod rebuilt;
pub(crate) mod table;
pub(crate) mod timeline;

pub(crate) use drift::{Drifted, Reverted};
pub(crate) use outcome::{calls, outcome, outcome_json, outputs, receipt};
pub(crate) use plan::{REVISION, plan, plan_comment, plan_json};
pub(crate) use progress::Progress;
pub(crate) use rebuilt::Again;

use std::io::Write;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use stack::environment::Complaints;

use crate::failure::{Code, Failure};

pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// The version of all JSON forms. It grows when a field changes its meaning or goes.
pub(crate) const FORMAT: u32 = 1;

/// Why standard output took no more, if it did not. What was begun goes on to its end, so that no lock is left behind;
/// then this is the command's error.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// The error of a command whose data nobody got: its disk is full, or its pipe closed.
pub(crate) fn unwritten() -> Option<Failure> {
    let why = UNWRITTEN.get()?;
    let message = format!("cannot write to standard output: {why}");
    Some(Failure::new(Code::Failed, message).hint("the command itself was carried out"))
}

/// Writes to standard output, once it failed to nowhere.
fn write_out(text: &str) {
    let mut to = anstream::stdout();
    if UNWRITTEN.get().is_none()
        && let Err(error) = writeln!(to, "{text}").and_then(|()| to.flush())
    {
        let _first = UNWRITTEN.set(error.to_string());
    }
}

/// Writes to standard error. Where that cannot be, nobody can be told.
fn write_err(text: &str) {
    let _untold = write!(anstream::stderr(), "{text}");
}

/// Text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Data.
pub(crate) fn out(text: &str) {
    write_out(text.trim_end_matches('\n'));
}

/// Data as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    write_out(&text);
    Ok(())
}

/// Data as JSON on one line, for what comes bit by bit.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    write_out(&text);
    Ok(())
}

/// Progress, and whatever else is not data.
pub(crate) fn note(text: &str) {
    write_err(&format!("{text}\n"));
}

/// Something that the user should know and that stops nothing.
pub(crate) fn warning(text: &str) {
    write_err(&format!("{} {text}\n", styled(YELLOW.bold(), "warning:")));
}

/// What is probably not meant in an environment file.
pub(crate) fn warnings(complaints: &Complaints) {
    if !complaints.0.is_empty() {
        write_err(&complaints.render(true));
    }
}

/// Why a command ends.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let value = serde_json::json!({"error": failure});
        write_out(&format!("{value:#}"));
    }
    match &failure.complaints {
        Some(complaints) => {
            write_err(&complaints.render(true));
            failure.hints.iter().for_each(|hint| write_err(&format!("{hint}\n")));
        }
        None => write_err(&format!("{} {failure}\n", styled(RED.bold(), "error:"))),
    }
}
