//! `supervise`: the parent of one local service's process. Its order comes on standard input.

use std::process::ExitCode;

use crate::failure::Failure;

pub(crate) async fn run() -> Result<ExitCode, Failure> {
    let code = local::supervise().await?;
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}
