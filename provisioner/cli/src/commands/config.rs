//! `config`: the whole environment, each value with where it came from.

use std::process::ExitCode;

use crate::args::Global;
use crate::failure::Failure;
use crate::report;
use crate::session::project::Project;

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let loaded = Project::find(global)?.load(global)?;
    if global.json {
        report::json(&loaded.config_json())?;
    } else {
        report::out(&loaded.config());
    }
    Ok(ExitCode::SUCCESS)
}
