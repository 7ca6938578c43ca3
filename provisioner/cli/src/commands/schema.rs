//! `schema`: what editors complete and check environment files by.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::report;

pub(crate) fn run() -> Result<ExitCode, Failure> {
    report::json(&stack::environment::schema())?;
    Ok(ExitCode::SUCCESS)
}
