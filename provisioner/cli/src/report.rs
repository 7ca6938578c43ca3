//! The only place that prints. Data goes to standard output, everything else to standard error;
//! colours only where a terminal shows them.

mod drift;
mod outcome;
mod plan;
mod progress;
mod rebuilt;
mod rehearsed;
pub(crate) mod timeline;

pub(crate) use drift::Drifted;
pub(crate) use outcome::{outcome, outcome_json, outputs, receipt, release_json};
pub(crate) use plan::{plan, plan_comment, plan_json};
pub(crate) use progress::Progress;
pub(crate) use rebuilt::Again;
pub(crate) use rehearsed::{rehearsed, rehearsed_json};

use anstream::{eprint, eprintln, println};
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

/// Text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Data.
pub(crate) fn out(text: &str) {
    println!("{}", text.trim_end_matches('\n'));
}

/// Data as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// Data as JSON on one line, for what comes bit by bit.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// Progress, and whatever else is not data.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Something that the user should know and that stops nothing.
pub(crate) fn warning(text: &str) {
    eprintln!("{} {text}", styled(YELLOW.bold(), "warning:"));
}

/// What is probably not meant in an environment file.
pub(crate) fn warnings(complaints: &Complaints) {
    if !complaints.0.is_empty() {
        eprint!("{}", complaints.render(true));
    }
}

/// Why a command ends.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let value = serde_json::json!({"error": failure});
        println!("{value:#}");
    }
    match &failure.complaints {
        Some(complaints) => eprint!("{}", complaints.render(true)),
        None => eprintln!("{} {failure}", styled(RED.bold(), "error:")),
    }
}
